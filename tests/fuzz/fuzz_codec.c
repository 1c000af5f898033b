/*
 * Fuzz: the converters, all four formats in all directions.
 *
 * First byte: from (2 bits), to (2 bits), strict, canonical, small limits,
 * generic; the rest is the document.  What comes out must be a document of its
 * format that converts to itself, byte for byte; a codec that failed must give
 * the same again afterwards as a new one; and JSON that became MessagePack
 * must come back as JSON of the same value, which is to say of the same
 * MessagePack.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "codec/codec.h"

#define OUT_MAX (1U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool cond)
{
	if (!cond)
		abort();
}

/* In an exact block, so that a read beyond it is seen. */
static int
convert(struct ipc_codec *c, const uint8_t *p, size_t n, struct ipc_buf *out)
{
	struct ipc_error err;
	uint8_t *copy = malloc(n > 0 ? n : 1);
	int rc;

	must(copy != NULL);
	if (n > 0)
		memcpy(copy, p, n);
	memset(&err, 0, sizeof(err));
	out->len = 0;
	rc = ipc_codec_convert(c, copy, n, out, &err);
	if (rc != 0)
		must(rc == IPC_E_DATA && err.code == rc &&
		    err.what[0] != '\0' && out->len == 0);
	free(copy);
	return rc;
}

static int
once(enum ipc_format from, enum ipc_format to,
    const struct ipc_codec_opts *opts, const struct ipc_buf *in,
    struct ipc_buf *out)
{
	struct ipc_codec c;
	int rc;

	must(ipc_codec_init(&c, from, to, opts, NULL) == 0);
	rc = convert(&c, in->p, in->len, out);
	ipc_codec_free(&c);
	return rc;
}

static bool
same(const struct ipc_buf *a, const struct ipc_buf *b)
{
	return a->len == b->len &&
	    (a->len == 0 || memcmp(a->p, b->p, a->len) == 0);
}

/* out is a document of this format and its own conversion. */
static void
check_stable(enum ipc_format format, struct ipc_codec_opts opts,
    const struct ipc_buf *out)
{
	struct ipc_buf again = { NULL, 0, 0 };

	opts.max_out *= 2;
	must(once(format, format, &opts, out, &again) == 0);
	must(same(out, &again));
	ipc_buf_free(&again);
}

static void
check_there_and_back(struct ipc_codec_opts opts, const struct ipc_buf *out)
{
	struct ipc_buf json = { NULL, 0, 0 }, again = { NULL, 0, 0 };

	opts.canonical = opts.strict = false;
	opts.max_out *= 32;
	must(once(IPC_MSGPACK, IPC_JSON, &opts, out, &json) == 0);
	must(once(IPC_JSON, IPC_MSGPACK, &opts, &json, &again) == 0);
	must(same(out, &again));
	ipc_buf_free(&json);
	ipc_buf_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipc_codec_opts opts;
	struct ipc_codec c;
	struct ipc_buf out = { NULL, 0, 0 }, second = { NULL, 0, 0 };
	enum ipc_format from, to;
	int rc;

	if (size < 1 || size > 1 << 16)
		return 0;
	from = data[0] & 3;
	to = data[0] >> 2 & 3;
	memset(&opts, 0, sizeof(opts));
	opts.strict = (data[0] >> 4 & 1) != 0;
	opts.canonical = (data[0] >> 5 & 1) != 0;
	opts.generic = (data[0] >> 7 & 1) != 0;
	opts.depth = (data[0] >> 6 & 1) != 0 ? 4 : 0;
	opts.max_out = (data[0] >> 6 & 1) != 0 ? 64 : OUT_MAX;
	must(ipc_codec_init(&c, from, to, &opts, NULL) == 0);
	rc = convert(&c, data + 1, size - 1, &out);
	must(out.len <= opts.max_out);
	/* Nothing of a document, good or bad, is left for the next. */
	must(convert(&c, data + 1, size - 1, &second) == rc);
	must(same(&out, &second));
	if (rc == 0)
		check_stable(to, opts, &out);
	if (rc == 0 && from == IPC_JSON && to == IPC_MSGPACK)
		check_there_and_back(opts, &out);
	ipc_codec_free(&c);
	ipc_buf_free(&out);
	ipc_buf_free(&second);
	return 0;
}
