/*
 * For the codec tests: convert one document held in memory of exactly its
 * size (so that a sanitizer sees a read beyond it), and compare.
 */
#ifndef IPC_TESTS_CODEC_HELP_H
#define IPC_TESTS_CODEC_HELP_H

#include <stdlib.h>

#include "base/error.h"
#include "check.h"
#include "codec/codec.h"

struct conv {
	struct ipc_buf out;
	struct ipc_error err;
	int	rc;
};

static inline struct conv
conv(enum ipc_format from, enum ipc_format to, struct ipc_codec_opts opts,
    const void *p, size_t n)
{
	struct conv r;
	struct ipc_codec c;
	uint8_t *copy = malloc(n > 0 ? n : 1);

	memset(&r, 0, sizeof(r));
	if (copy == NULL || ipc_codec_init(&c, from, to, &opts, &r.err) != 0) {
		r.rc = IPC_E_NET;
		free(copy);
		return r;
	}
	if (n > 0)
		memcpy(copy, p, n);
	r.rc = ipc_codec_convert(&c, copy, n, &r.out, &r.err);
	ipc_codec_free(&c);
	free(copy);
	return r;
}

/* Bytes from "82 a1 61"; returns how many. */
static inline size_t
unhex(uint8_t *to, size_t room, const char *s)
{
	unsigned int b;
	size_t n = 0;
	int step;

	while (n < room && sscanf(s, " %2x%n", &b, &step) == 1) {
		to[n++] = (uint8_t)b;
		s += step;
	}
	return n;
}

/* The output is these bytes. */
static inline bool
gives(const struct conv *r, const void *want, size_t n)
{
	size_t i;

	if (r->rc == 0 && r->out.len == n &&
	    (n == 0 || memcmp(r->out.p, want, n) == 0))
		return true;
	if (r->rc != 0) {
		printf("# error: %s\n", r->err.what);
		return false;
	}
	printf("# got: %.*s |", (int)r->out.len, (const char *)r->out.p);
	for (i = 0; i < r->out.len && i < 64; i++)
		printf(" %02x", r->out.p[i]);
	printf("\n");
	return false;
}

static inline void
drop(struct conv *r)
{
	ipc_buf_free(&r->out);
}

#endif
