/*
 * Publish and subscribe: what the files fanout*.c share.
 *
 *	fanout.c	who speaks to whom, the beginning and the end
 *	fanout_publish.c from a batch to the hearers
 *	fanout_queue.c	queues of clients, slow ones, history
 *	fanout_topic.c	the topic protocol
 *
 * A hearer is a port that is given messages: every client, and with --hub or
 * --topics our own stdout.  Message bytes are never copied per hearer: each
 * queue holds a view of the same chunk.
 *
 *	put -> now -> hearer.port->out -> kernel
 *	          \-> hearer.wait -^	  policies that drop: what is here may
 *					  be dropped, port->out is begun
 *	       \-> history		  the last N
 *
 * Memory: what --queue messages (or IPC_PORT_BYTES, and one batch more) take,
 * and the history, once for all; a view for each hearer and message.
 */
#ifndef IPC_CORE_FANOUT_H
#define IPC_CORE_FANOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/exchange.h"
#include "core/settings.h"
#include "wire/topic.h"

#define IPC_FAN_HISTORY_BYTES (64U << 20)
#define IPC_FAN_SUBS 256	/* patterns a client */

struct ipc_fan_client {
	struct ipc_port *port;	/* borrowed */
	struct ipc_mq wait;	/* behind port->out, in order */
	char	**subs;		/* owned, of owned patterns; NULL until SUB */
	uint32_t nsubs;
	uint64_t dropped;
	bool	hears;		/* on the list of hearers */
	bool	hit;		/* gets the message that is being published */
	bool	blocks;		/* publishers wait for it */
	bool	stuck;		/* had its chance: the policy applies */
	bool	waits;		/* its messages wait for somebody */
	bool	cut;		/* aborted by us */
};

struct ipc_fanout {
	struct ipc_exchange *ex; /* borrowed */
	const struct ipc_settings *set; /* borrowed */
	struct ipc_port *local;	/* borrowed; NULL: not there */
	struct ipc_list hearers; /* struct ipc_port.mine */
	struct ipc_mq now;	/* being published */
	struct ipc_mq history;
	uint32_t queue, window;	/* bound of a queue; of port->out in it */
	uint64_t bytes;		/* the same bound in bytes */
	uint32_t nclients, nblocks;
	bool	drops;		/* any policy but block */
	bool	came;		/* there was a client */
	bool	heard;		/* there was one to publish to */
	bool	begun;		/* just now: is it the end already? */
	bool	listened;	/* the same, or our own stdout */
	bool	local_said;	/* our own input is a publisher */
	bool	local_ended;
	bool	draining, enough, finishing, done;
	/* What hit was computed for. */
	uint8_t	last[IPC_TOPIC_MAX];
	uint32_t nlast;		/* 0: for nothing */
	uint64_t published, delivered, dropped, undelivered, unheard;
	uint64_t missed;	/* before somebody listened; not in history */
	uint64_t late;		/* published by clients after the end */
	uint64_t bad, disconnected, broken;
	uint32_t peak;
};

static inline struct ipc_fan_client *
ipc_fan_client(struct ipc_list *node)
{
	return ipc_list_entry(node, struct ipc_port, mine)->data;
}

/* --- fanout.c --- */

/* Close c's connection because of err. */
void ipc_fan_cut(struct ipc_fanout *f, struct ipc_fan_client *c,
    const struct ipc_error *err);
/* c has begun to listen; look with ipc_fan_check() whether it is the end. */
void ipc_fan_heard(struct ipc_fanout *f, const struct ipc_fan_client *c);
/* Look whether this was the end. */
void ipc_fan_check(struct ipc_fanout *f);

/* --- fanout_publish.c --- */

/* How many of `most` messages may be published now, by -n and the start. */
uint32_t ipc_fan_allowed(const struct ipc_fanout *f,
    const struct ipc_port *from, uint32_t most);
/* A last line without its end gets one. */
void ipc_fan_end_line(struct ipc_msg *m);
/* f->now goes to all who hit. */
void ipc_fan_publish(struct ipc_fanout *f, const struct ipc_port *from);
/* Take the first message of b to f->now, as m.  False: no memory; `from` is
 * cut off. */
bool ipc_fan_stage(struct ipc_fanout *f, struct ipc_port *from,
    const struct ipc_msg *m);

/* --- fanout_queue.c --- */

/* How many of `want` messages all who hit (but `from`, with --hub) can take
 * now.  0: somebody is waited for. */
uint32_t ipc_fan_room(struct ipc_fanout *f, const struct ipc_port *from,
    uint32_t want);
/* Queue q for c, by the policy when it is full. */
void ipc_fan_give(struct ipc_fanout *f, struct ipc_fan_client *c,
    const struct ipc_qmsg *q);
/* c has sent something. */
void ipc_fan_sent(struct ipc_fanout *f, struct ipc_fan_client *c);
/* Nobody waits for c any more. */
void ipc_fan_unblock(struct ipc_fanout *f, struct ipc_fan_client *c);
/* All of c's queue to the connection, which is to be closed. */
void ipc_fan_flush(struct ipc_fan_client *c);
/* Whoever waits may try again. */
void ipc_fan_resume(struct ipc_fanout *f);
/* Those who are still full had their chance. */
void ipc_fan_expired(struct ipc_fanout *f);
void ipc_fan_keep(struct ipc_fanout *f, const struct ipc_qmsg *q);
bool ipc_fan_history_full(const struct ipc_fanout *f);
/* The history for a hearer; want NULL: all of it. */
void ipc_fan_recall(struct ipc_fanout *f, struct ipc_fan_client *c,
    bool (*want)(const struct ipc_fan_client *c, const struct ipc_qmsg *q,
    const char *pattern), const char *pattern);

/* --- fanout_topic.c --- */

/* What a client or our stdin said with --topics. */
void ipc_fan_talk(struct ipc_fanout *f, struct ipc_port *p,
    struct ipc_batch *b);
void ipc_fan_forget(struct ipc_fan_client *c);

#endif
