/*
 * Chunks, messages and batches: how data lies in memory.
 *
 * A chunk is memory from a pool; a message is a view of a chunk plus a small
 * header area; a batch is an array of messages passed by pointer.  All belong
 * to one worker: reference counts are plain integers and nothing is locked.
 *
 *	pool -> chunk [ .... view .... view ...... ]
 *	                     ^ msg.data, msg.len
 */
#ifndef IPC_BASE_MSG_H
#define IPC_BASE_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct ipc_pool;

struct ipc_chunk {
	struct ipc_pool *pool;	/* where it returns; borrowed; NULL: freed */
	struct ipc_chunk *next;	/* free list */
	uint32_t refs;		/* not atomic */
	uint32_t size;		/* bytes in data[] */
	uint32_t head;		/* first unread byte (byte path) */
	uint32_t tail;		/* first free byte */
	uint8_t	 data[];
};

/*
 * A pool of equal chunks.  Free chunks are kept up to `keep`; more go back
 * to the allocator, so that a burst does not pin memory.
 */
struct ipc_pool {
	struct ipc_chunk *free;	/* owned */
	uint32_t chunk_size;	/* bytes of data[] */
	uint32_t nfree, keep;
	uint32_t live;		/* chunks out with someone */
	uint64_t made;		/* allocations; steady state adds none */
};

void ipc_pool_init(struct ipc_pool *p, uint32_t chunk_size, uint32_t keep);
/* One reference, head = tail = 0; NULL on lack of memory. */
struct ipc_chunk *ipc_chunk_get(struct ipc_pool *p);
void ipc_chunk_put(struct ipc_chunk *c);
/* A chunk of n bytes of its own (pool NULL), for a message that fits in no
 * pooled one; freed with its last reference.  NULL: no memory. */
struct ipc_chunk *ipc_chunk_big(uint32_t n);
/* All chunks must be back. */
void ipc_pool_free(struct ipc_pool *p);

enum ipc_unit {
	IPC_BYTES = 1,		/* a span of a stream: may be split or merged */
	IPC_MSGS = 2,		/* one whole message: never split or merged */
};

#define IPC_MSG_HDR 74		/* bytes of outbound headers */

#define IPC_MSG_OPEN (1U << 0)	/* the last line had no end: write none */
#define IPC_MSG_FRAMED (1U << 1) /* raw_head and raw_tail bytes around it in
				 * the chunk are its frame, as it was read */

struct ipc_msg {
	struct ipc_chunk *chunk; /* counted reference held by this msg */
	uint8_t	*data;		/* first payload byte, inside chunk->data */
	uint32_t len;		/* payload bytes */
	uint8_t	unit;		/* enum ipc_unit */
	uint8_t	hdr_off;	/* hdr[hdr_off..] is in use; grows downward */
	uint8_t	flags;		/* IPC_MSG_* */
	uint8_t	raw_head;	/* FRAMED: bytes of the frame before data */
	uint64_t id;		/* sequence number from 1, 0 if none */
	uint64_t at;		/* of its frame in the stream that it came in,
				 * from 1; 0: unknown */
	uint64_t tag;		/* routing key: datagram sender, request */
	uint32_t raw_tail;	/* FRAMED: bytes of the frame after data */
	uint16_t topic;		/* length of the topic that stands before data,
				 * with one blank between; 0: none */
	uint8_t	hdr[IPC_MSG_HDR]; /* prepended by stages, borrowed by writev */
};

/* One writev(2) a batch: with 64 messages of 64 bytes, system calls cost more
 * than all else; 256 take 32 KiB of views, about a first-level cache. */
#define IPC_BATCH 256

/* Messages [head, tail) are to be consumed. */
struct ipc_batch {
	uint32_t head, tail;
	struct ipc_msg m[IPC_BATCH];
};

static inline uint32_t
ipc_batch_count(const struct ipc_batch *b)
{
	return b->tail - b->head;
}

static inline uint32_t
ipc_batch_room(const struct ipc_batch *b)
{
	return IPC_BATCH - b->tail;
}

/* Append a view; takes one reference of its own.  The batch has room. */
struct ipc_msg *ipc_batch_add(struct ipc_batch *b, struct ipc_chunk *c,
    uint8_t *data, uint32_t len, uint8_t unit);
/* Drop the first message and its reference; rewinds an empty batch. */
void ipc_batch_drop(struct ipc_batch *b);
/* Move the first message of `from` to the end of `to`, which has room. */
void ipc_batch_move(struct ipc_batch *to, struct ipc_batch *from);
/* Drop all. */
void ipc_batch_clear(struct ipc_batch *b);

#endif
