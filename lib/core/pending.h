/*
 * Requests that wait for their replies.
 *
 * In order of their numbers, and by the text of a key when there is one.  A
 * request is kept whole until it is complete: it may have to go out on
 * another connection.  One thread; bounds are the caller's.
 */
#ifndef IPC_CORE_PENDING_H
#define IPC_CORE_PENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "core/exchange.h"

struct ipc_request {
	struct ipc_list order;	/* by number, oldest first */
	struct ipc_list age;	/* by last activity, longest ago first */
	struct ipc_request *next; /* same bucket, or the free list */
	struct ipc_qmsg q;	/* the message; one reference is ours */
	const uint8_t *key;	/* inside q; NULL: none */
	uint32_t klen;
	uint32_t hash;
	uint64_t no;		/* from 1 */
	uint64_t nth;		/* message of this connection; 0: not on it */
	uint64_t got;		/* replies */
	uint64_t since_ns;	/* of the last activity */
	bool	repeated;	/* was sent on an earlier connection */
};

struct ipc_pending {
	struct ipc_list order, age;
	struct ipc_mq in;	/* makes the copies */
	struct ipc_request *spare; /* owned */
	struct ipc_request **bucket; /* owned; NULL: no keys */
	uint32_t mask;
	uint32_t n;
	uint64_t seed;
	uint64_t bytes;		/* payload of all */
};

/* keyed: for about `limit` requests with keys.  False: no memory.  Accepts
 * ipc_pending_free() either way. */
bool ipc_pending_init(struct ipc_pending *t, uint32_t limit, bool keyed);
void ipc_pending_free(struct ipc_pending *t);

/* Keep m as the newest; key (NULL: none) lies inside m and is not in use.
 * NULL: no memory. */
struct ipc_request *ipc_pending_add(struct ipc_pending *t,
    const struct ipc_msg *m, const uint8_t *key, size_t klen);
struct ipc_request *ipc_pending_find(const struct ipc_pending *t,
    const uint8_t *key, size_t klen);
/* Something happened to r now. */
void ipc_pending_touch(struct ipc_pending *t, struct ipc_request *r,
    uint64_t now_ns);
/* Complete. */
void ipc_pending_drop(struct ipc_pending *t, struct ipc_request *r);

/* The oldest; the one without activity for longest.  NULL: none. */
struct ipc_request *ipc_pending_first(const struct ipc_pending *t);
struct ipc_request *ipc_pending_stalest(const struct ipc_pending *t);
/* The one after r, by number; NULL: r was the newest. */
struct ipc_request *ipc_pending_next(const struct ipc_pending *t,
    const struct ipc_request *r);

#endif
