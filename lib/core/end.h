/*
 * An end: a connection and its place in the event loop.
 *
 * Level-triggered.  Interest follows state: ipc_end_want() is the only place
 * that adds or removes events, and does so only on change, so that a message
 * that is read and written at once costs no epoll_ctl(2).  Descriptors that
 * epoll refuses (regular files, EPERM) are always ready.
 */
#ifndef IPC_CORE_END_H
#define IPC_CORE_END_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "transport/transport.h"

struct ipc_dir;
struct ipc_pipeline;
struct ipc_worker;

struct ipc_end {
	struct ipc_conn conn;
	struct ipc_pipeline *pl; /* borrowed; NULL for a shared end */
	struct event *wev;	/* owned; NULL until output first blocked */
	struct event rev;
	struct ipc_dir *busy;	/* shared end: has written half a message */
	bool	open;		/* conn is connected */
	bool	rinit;		/* rev was assigned */
	bool	rd_on, wr_on;	/* events are pending */
	bool	rd_always, wr_always; /* never polled */
	bool	wr_watch;	/* wev waits for a dead peer (EPOLLET) */
	bool	told_lost;	/* that the kernel drops messages was said */
	struct ipc_list waiters; /* shared end: dirs that wait for output */
};

void ipc_end_init(struct ipc_end *e, struct ipc_pipeline *pl);

/* The connection is up: find out what can be polled. */
void ipc_end_opened(struct ipc_end *e);

/* Wait for input or output, or stop waiting.  Returns false when the
 * descriptor is always ready: the caller must go on by itself. */
bool ipc_end_want_read(struct ipc_end *e, struct ipc_worker *w, bool on);
bool ipc_end_want_write(struct ipc_end *e, struct ipc_worker *w, bool on);

/* Input has ended but output goes on: notice a peer that dies meanwhile. */
void ipc_end_watch(struct ipc_end *e, struct ipc_worker *w);

/* Events off, connection closed.  Idempotent. */
void ipc_end_close(struct ipc_end *e);

/* As read(2)/write(2) through the transport, one span. */
ssize_t ipc_end_read(struct ipc_end *e, void *buf, size_t len);
ssize_t ipc_end_write(struct ipc_end *e, const void *buf, size_t len);

/* Close the writing half; 0 or -1 with errno.  Idempotent. */
int ipc_end_shut(struct ipc_end *e);

/* "tcp://127.0.0.1:9 (peer 127.0.0.1:41230)" for logs.  Returns buf. */
#define IPC_END_TEXT 200
char *ipc_end_text(const struct ipc_end *e, char buf[IPC_END_TEXT]);

#endif
