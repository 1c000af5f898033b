/*
 * cjansson: the conversion that one would write with libraries, and a check
 * of conversions.
 *
 *   cjansson convert                      lines of JSON to MessagePack
 *   cjansson check msgpack|cbor|json TEXT OUTPUT
 *
 * convert is the loop: getline, json_loadb, a walk with msgpack_pack_*, one
 * fwrite for 64 KiB.  check reads both files (lines of JSON, and what became
 * of them) and dies at the first pair that is not the same value; MessagePack
 * through msgpack-c, CBOR through a small decoder of our own that knows what
 * JSON can become.  Not a judge of encodings: only the values count.
 */
#include "cjansson.h"

#include <inttypes.h>
#include <jansson.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLUSH_AT (64 * 1024)

static void
pack_text(msgpack_packer *pk, const char *s, size_t n)
{
	msgpack_pack_str(pk, n);
	msgpack_pack_str_body(pk, s, n);
}

static void
pack(msgpack_packer *pk, json_t *j)
{
	const char *key;
	json_t *v;
	size_t i;

	switch (json_typeof(j)) {
	case JSON_OBJECT:
		msgpack_pack_map(pk, json_object_size(j));
		json_object_foreach(j, key, v) {
			pack_text(pk, key, strlen(key));
			pack(pk, v);
		}
		break;
	case JSON_ARRAY:
		msgpack_pack_array(pk, json_array_size(j));
		json_array_foreach(j, i, v)
			pack(pk, v);
		break;
	case JSON_STRING:
		pack_text(pk, json_string_value(j), json_string_length(j));
		break;
	case JSON_INTEGER:
		msgpack_pack_int64(pk, json_integer_value(j));
		break;
	case JSON_REAL:
		msgpack_pack_double(pk, json_real_value(j));
		break;
	case JSON_TRUE:
		msgpack_pack_true(pk);
		break;
	case JSON_FALSE:
		msgpack_pack_false(pk);
		break;
	case JSON_NULL:
		msgpack_pack_nil(pk);
		break;
	}
}

static void
flush(msgpack_sbuffer *out)
{
	if (fwrite(out->data, 1, out->size, stdout) != out->size)
		bench_die_errno("write");
	msgpack_sbuffer_clear(out);
}

static int
run_convert(void)
{
	msgpack_sbuffer out;
	msgpack_packer pk;
	json_error_t err;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	msgpack_sbuffer_init(&out);
	msgpack_packer_init(&pk, &out, msgpack_sbuffer_write);
	while ((n = getline(&line, &cap, stdin)) > 0) {
		json_t *j = json_loadb(line, (size_t)n, 0, &err);

		if (j == NULL)
			bench_die("bad JSON: %s", err.text);
		pack(&pk, j);
		json_decref(j);
		if (out.size >= FLUSH_AT)
			flush(&out);
	}
	flush(&out);
	msgpack_sbuffer_destroy(&out);
	free(line);
	return fflush(stdout) == 0 ? 0 : 1;
}

static json_t *
from_msgpack(const msgpack_object *o)
{
	json_t *j;

	switch (o->type) {
	case MSGPACK_OBJECT_NIL:
		return json_null();
	case MSGPACK_OBJECT_BOOLEAN:
		return json_boolean(o->via.boolean);
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		return json_integer(o->via.i64);
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		return json_real(o->via.f64);
	case MSGPACK_OBJECT_STR:
		return json_stringn(o->via.str.ptr, o->via.str.size);
	case MSGPACK_OBJECT_ARRAY:
		j = json_array();
		for (uint32_t i = 0; i < o->via.array.size; i++)
			json_array_append_new(j,
			    from_msgpack(&o->via.array.ptr[i]));
		return j;
	case MSGPACK_OBJECT_MAP:
		j = json_object();
		for (uint32_t i = 0; i < o->via.map.size; i++) {
			const msgpack_object_kv *kv = &o->via.map.ptr[i];

			json_object_setn_new(j, kv->key.via.str.ptr,
			    kv->key.via.str.size, from_msgpack(&kv->val));
		}
		return j;
	default:
		return NULL;
	}
}

static json_t *
next_msgpack(struct bytes *in)
{
	msgpack_unpacked u;
	json_t *j = NULL;

	msgpack_unpacked_init(&u);
	if (msgpack_unpack_next(&u, (const char *)in->p, in->n, &in->off) ==
	    MSGPACK_UNPACK_SUCCESS)
		j = from_msgpack(&u.data);
	msgpack_unpacked_destroy(&u);
	return j;
}

static json_t *
next_json(struct bytes *in)
{
	const uint8_t *p = in->p + in->off, *end = in->n > in->off ?
	    memchr(p, '\n', in->n - in->off) : NULL;
	json_error_t err;

	if (end == NULL)
		return NULL;
	in->off += (size_t)(end - p) + 1;
	return json_loadb((const char *)p, (size_t)(end - p), 0, &err);
}

static struct bytes
slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	struct bytes b = {0};
	uint8_t *p;
	long n;

	if (f == NULL || fseek(f, 0, SEEK_END) < 0 || (n = ftell(f)) < 0)
		bench_die_errno(path);
	rewind(f);
	p = malloc((size_t)n + 1);
	if (p == NULL || fread(p, 1, (size_t)n, f) != (size_t)n)
		bench_die("%s: cannot be read", path);
	fclose(f);
	b.p = p;
	b.n = (size_t)n;
	return b;
}

static int
run_check(char **argv)
{
	struct bytes text = slurp(argv[2]), out = slurp(argv[3]);
	json_t *(*next)(struct bytes *);
	uint64_t n = 0;

	next = strcmp(argv[1], "msgpack") == 0 ? next_msgpack :
	    strcmp(argv[1], "cbor") == 0 ? cbor_next :
	    strcmp(argv[1], "json") == 0 ? next_json : NULL;
	if (next == NULL)
		bench_die("unknown format '%s'", argv[1]);
	for (; text.off < text.n; n++) {
		json_t *a = next_json(&text), *b = next(&out);

		if (a == NULL || b == NULL || !json_equal(a, b))
			bench_die("value %" PRIu64 " %s", n, b == NULL ?
			    "cannot be read" : "differs");
		json_decref(a);
		json_decref(b);
	}
	if (out.off < out.n)
		bench_die("%zu bytes more than there should be",
		    out.n - out.off);
	printf("{\"values\": %" PRIu64 "}\n", n);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "convert") == 0)
		return run_convert();
	if (argc == 5 && strcmp(argv[1], "check") == 0)
		return run_check(argv + 1);
	bench_die("usage: cjansson convert | check msgpack|cbor|json TEXT "
	    "OUTPUT");
}
