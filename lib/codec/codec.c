/*
 * A converter: set-up, one document at a time, buffers, the stack of open
 * containers.  Knows no format; the four are in the table below.
 *
 * States: none between documents.  During one, out, err, base and end are
 * set and levels[0..level] are in use.
 */
#include "codec/codec.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "codec/keys.h"

#define FIRST_CAP 256

const char *const ipc_format_names[IPC_FORMATS + 1] = {
	"json", "msgpack", "cbor", "xml", NULL
};

static const struct ipc_format_ops *const formats[IPC_FORMATS] = {
	&ipc_format_json, &ipc_format_msgpack, &ipc_format_cbor,
	&ipc_format_xml
};

int
ipc_format_find(const char *name, size_t len)
{
	int i;

	for (i = 0; i < IPC_FORMATS; i++)
		if (strlen(ipc_format_names[i]) == len &&
		    memcmp(ipc_format_names[i], name, len) == 0)
			return i;
	return -1;
}

int
ipc_codec_bad(struct ipc_codec *c, size_t offset, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return ipc_fail(c->err, IPC_E_DATA, 0, NULL, "%s: %s at offset %zu",
	    c->from->name, text, offset);
}

int
ipc_codec_no_memory(struct ipc_codec *c)
{
	return ipc_fail(c->err, IPC_E_NET, 0, NULL,
	    "%s: no memory to convert a message", c->from->name);
}

/* --- buffers --- */

/* b holds len + n bytes afterwards, at most `most` if that is less. */
static int
grow(struct ipc_codec *c, struct ipc_buf *b, size_t n, size_t most)
{
	size_t cap = b->cap > 0 ? b->cap : FIRST_CAP;
	uint8_t *p;

	if (b->len > most || n > most - b->len)
		return ipc_codec_refuse(c, "the result exceeds %u bytes",
		    c->opts.max_out);
	while (cap < b->len + n)
		cap = cap <= SIZE_MAX / 4 ? cap * 2 : b->len + n;
	if (cap == b->cap)
		return 0;
	p = realloc(b->p, cap + IPC_CODEC_SLACK);
	if (p == NULL)
		return ipc_codec_no_memory(c);
	/* Whole words are hashed and masked: let them be defined. */
	memset(p + cap, 0, IPC_CODEC_SLACK);
	b->p = p;
	b->cap = cap;
	return 0;
}

uint8_t *
ipc_codec_grow(struct ipc_codec *c, struct ipc_buf *b, size_t n)
{
	if (b->p == NULL || n > b->cap - b->len)
		if (grow(c, b, n, c->opts.max_out) != 0)
			return NULL;
	return b->p + b->len;
}

static void
set_end(struct ipc_codec *c)
{
	size_t most = c->base + c->opts.max_out;

	c->end = c->out->cap < most ? c->out->cap : most;
}

uint8_t *
ipc_codec_room_slow(struct ipc_codec *c, size_t n)
{
	if (grow(c, c->out, n, c->base + c->opts.max_out) != 0)
		return NULL;
	set_end(c);
	return c->out->p + c->out->len;
}

int
ipc_codec_add(struct ipc_codec *c, const void *p, size_t n)
{
	uint8_t *to = ipc_codec_room(c, n);

	if (to == NULL)
		return c->err->code;
	if (n > 0)
		memcpy(to, p, n);
	c->out->len += n;
	return 0;
}

void
ipc_buf_free(struct ipc_buf *b)
{
	free(b->p);
	memset(b, 0, sizeof(*b));
}

/* --- open containers --- */

static int
more_levels(struct ipc_codec *c)
{
	uint32_t cap = c->levels_cap > 0 ? c->levels_cap * 2 : 16;
	struct ipc_level *l;

	l = realloc(c->levels, cap * sizeof(*l));
	if (l == NULL)
		return ipc_codec_no_memory(c);
	c->levels = l;
	c->levels_cap = cap;
	return 0;
}

int
ipc_level_open(struct ipc_codec *c, bool map, uint64_t count, size_t head)
{
	struct ipc_level *l;

	if (c->level >= c->opts.depth)
		return ipc_codec_refuse(c, "nested deeper than %u",
		    c->opts.depth);
	if (c->level + 1 >= c->levels_cap && more_levels(c) != 0)
		return IPC_E_NET;
	if (map && count != IPC_COUNT_UNKNOWN)
		count = count < IPC_COUNT_UNKNOWN / 2 ? count * 2 :
		    IPC_COUNT_UNKNOWN - 1;
	l = &c->levels[++c->level];
	l->count = count;
	l->items = 0;
	l->head = (uint32_t)head;
	l->mark = (uint32_t)ipc_codec_here(c);
	l->keys = ipc_keys_held(c->keys);
	l->slots = 0;
	l->map = map;
	l->hint = 0;
	return 0;
}

void
ipc_level_close(struct ipc_codec *c)
{
	if (ipc_level_top(c)->map)
		ipc_keys_drop(c);
	c->level--;
}

/* --- converters --- */

int
ipc_codec_init(struct ipc_codec *c, enum ipc_format from, enum ipc_format to,
    const struct ipc_codec_opts *opts, struct ipc_error *err)
{
	memset(c, 0, sizeof(*c));
	c->from = formats[from];
	c->to = formats[to];
	c->on = &c->to->write;
	c->err = err;
	if (opts != NULL)
		c->opts = *opts;
	if (c->opts.depth == 0)
		c->opts.depth = IPC_CODEC_DEPTH;
	if (c->opts.depth > IPC_CODEC_DEPTH_MAX)
		c->opts.depth = IPC_CODEC_DEPTH_MAX;
	if (c->opts.max_out == 0)
		c->opts.max_out = IPC_CODEC_OUT;
	if (c->opts.max_out > IPC_CODEC_OUT_MAX)
		c->opts.max_out = IPC_CODEC_OUT_MAX;
	if (c->from->reader_size > 0)
		c->rd = calloc(1, c->from->reader_size);
	if (c->to->writer_size > 0)
		c->wr = calloc(1, c->to->writer_size);
	c->keys = ipc_keys_new();
	if ((c->rd == NULL && c->from->reader_size > 0) ||
	    (c->wr == NULL && c->to->writer_size > 0) ||
	    c->keys == NULL || more_levels(c) != 0) {
		ipc_codec_no_memory(c);
		ipc_codec_free(c);
		return IPC_E_NET;
	}
	c->err = NULL;
	return 0;
}

void
ipc_codec_free(struct ipc_codec *c)
{
	if (c->from != NULL && c->from->free != NULL)
		c->from->free(c);
	if (c->to != NULL && c->to != c->from && c->to->free != NULL)
		c->to->free(c);
	free(c->rd);
	free(c->wr);
	free(c->levels);
	ipc_keys_free(c->keys);
	ipc_buf_free(&c->scratch);
	ipc_buf_free(&c->temp);
	memset(c, 0, sizeof(*c));
}

static void
reset(struct ipc_codec *c)
{
	struct ipc_level *l = &c->levels[0];

	if (c->rd != NULL && c->from->reset == NULL)
		memset(c->rd, 0, c->from->reader_size);
	if (c->wr != NULL && c->to->reset == NULL)
		memset(c->wr, 0, c->to->writer_size);
	if (c->from->reset != NULL)
		c->from->reset(c);
	if (c->to != c->from && c->to->reset != NULL)
		c->to->reset(c);
	ipc_keys_reset(c->keys);
	c->scratch.len = c->temp.len = 0;
	c->level = 0;
	c->at = 0;
	memset(l, 0, sizeof(*l));
	l->count = 1;
}

int
ipc_codec_convert(struct ipc_codec *c, const uint8_t *p, size_t n,
    struct ipc_buf *out, struct ipc_error *err)
{
	int rc;

	c->out = out;
	c->err = err != NULL ? err : &c->unseen;
	c->base = out->len;
	set_end(c);
	reset(c);
	rc = c->from->read(c, p, n);
	if (rc == 0 && c->to->finish != NULL)
		rc = c->to->finish(c);
	if (rc != 0)
		out->len = c->base;
	c->out = NULL;
	c->err = NULL;
	return rc;
}
