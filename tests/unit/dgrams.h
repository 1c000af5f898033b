/*
 * What the tests of message transports share: one message sent, the next one
 * received.  Waits on descriptors with the deadline of conn.h.
 */
#ifndef IPC_TESTS_DGRAMS_H
#define IPC_TESTS_DGRAMS_H

#include <stdio.h>

#include "conn.h"

/* sendm(2)'s result for one message of one or two parts. */
static inline int
dgram_put(struct ipc_conn *c, const void *p, size_t n, uint64_t tag)
{
	union { const void *in; void *out; } u = { p };
	struct ipc_dgram d = { .iov = { { u.out, n / 2 },
	    { (char *)u.out + n / 2, n - n / 2 } }, .tag = tag };

	return c->tr->sendm(c, &d, 1);
}

static inline bool
dgram_say(struct ipc_conn *c, const char *text, uint64_t tag)
{
	return dgram_put(c, text, strlen(text), tag) == 1;
}

/* The next message, or a result that is not 1. */
static inline int
dgram_get(struct ipc_conn *c, struct ipc_dgram *d)
{
	memset(d, 0, sizeof(*d));
	if (!conn_wait(c->rfd, POLLIN))
		return -1;
	return c->tr->recvm(c, d, 1);
}

static inline bool
dgram_is(const struct ipc_dgram *d, const void *p, size_t n)
{
	return d->iov[0].iov_len == n &&
	    (n == 0 || memcmp(d->iov[0].iov_base, p, n) == 0);
}

/* The next message is this text; its tag. */
static inline bool
dgram_hears(struct ipc_conn *c, const char *text, uint64_t *tag)
{
	struct ipc_dgram d;
	bool same = dgram_get(c, &d) == 1 && dgram_is(&d, text, strlen(text));

	if (tag != NULL)
		*tag = d.tag;
	return same;
}

#endif
