/*
 * Ends: descriptors in the event loop.  See end.h.
 *
 * libevent takes one struct event per descriptor and direction; the write
 * event is allocated on first need, because most connections never block.
 */
#include "core/end.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/pipeline.h"
#include "core/worker.h"
#include "transport/fdio.h"

void
ipc_end_init(struct ipc_end *e, struct ipc_pipeline *pl)
{
	memset(e, 0, sizeof(*e));
	e->pl = pl;
	e->conn.rfd = e->conn.wfd = e->conn.rpoll = -1;
	e->conn.dialfd = e->conn.pidfd = -1;
	ipc_list_init(&e->waiters);
}

/* epoll(7) refuses regular files and directories; they never block. */
static bool
never_blocks(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

void
ipc_end_opened(struct ipc_end *e)
{
	struct ipc_conn *c = &e->conn;

	e->open = true;
	if (c->flags & IPC_CONN_SOCKET)
		return;
	e->rd_always = c->rpoll < 0 && never_blocks(c->rfd);
	e->wr_always = c->wfd == c->rfd ? e->rd_always : never_blocks(c->wfd);
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_end *e = arg;
	struct ipc_dir *d = e->pl->dir;

	(void)fd;
	(void)what;
	for (int i = 0; i < 2; i++)
		if (d[i].src == e)
			d[i].wait_src = false;
	ipc_pipeline_run(e->pl);
}

/* The kernel knows that nobody will read what we write. */
static bool
is_dead(const struct ipc_end *e)
{
	return (ipc_fd_ready(e->conn.wfd, 0) & (POLLERR | POLLHUP)) != 0;
}

/* Output is possible again, or a watched peer died. */
static void
wake_writers(struct ipc_end *e)
{
	struct ipc_dir *d = e->pl->dir;
	bool dead = e->wr_watch && is_dead(e);

	for (int i = 0; i < 2; i++)
		if (d[i].dst == e) {
			d[i].wait_dst = false;
			d[i].peer_dead |= dead;
		}
	ipc_pipeline_run(e->pl);
}

/* A shared end wakes every direction that waits for it. */
static void
on_write(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_end *e = arg;
	struct ipc_list now;

	(void)fd;
	(void)what;
	if (e->pl != NULL) {
		wake_writers(e);
		return;
	}
	event_del(e->wev);
	e->wr_on = false;
	ipc_list_init(&now);
	ipc_list_take_all(&now, &e->waiters);
	while (!ipc_list_empty(&now)) {
		struct ipc_dir *d = ipc_list_entry(now.next, struct ipc_dir,
		    wait);

		ipc_list_remove(&d->wait);
		d->wait_dst = false;
		ipc_pipeline_run(d->src->pl);
	}
}

bool
ipc_end_want_read(struct ipc_end *e, struct ipc_worker *w, bool on)
{
	int fd = e->conn.rpoll >= 0 ? e->conn.rpoll : e->conn.rfd;

	if (e->rd_on == on)
		return !e->rd_always;
	if (!on) {
		event_del(&e->rev);
		e->rd_on = false;
		return true;
	}
	if (e->rd_always || fd < 0)
		return false;
	if (!e->rinit) {
		event_assign(&e->rev, w->base, fd, EV_READ | EV_PERSIST,
		    on_read, e);
		e->rinit = true;
	}
	if (event_add(&e->rev, NULL) < 0) {
		e->rd_always = true;
		return false;
	}
	e->rd_on = true;
	return true;
}

static bool
arm_write(struct ipc_end *e, struct ipc_worker *w, short flags)
{
	if (e->wev == NULL) {
		e->wev = malloc(sizeof(*e->wev));
		if (e->wev == NULL)
			return false;
	} else if (e->wr_on) {
		event_del(e->wev);
	}
	event_assign(e->wev, w->base, e->conn.wfd, flags, on_write, e);
	e->wr_on = event_add(e->wev, NULL) == 0;
	return e->wr_on;
}

bool
ipc_end_want_write(struct ipc_end *e, struct ipc_worker *w, bool on)
{
	/* A watch is edge-triggered and stays armed.  A write can be short
	 * while there is room, and no edge would follow: adding it anew makes
	 * epoll report what is ready (epoll_ctl(2)). */
	if (e->wr_watch) {
		if (on)
			e->wr_watch = arm_write(e, w,
			    EV_WRITE | EV_PERSIST | EV_ET);
		if (e->wr_watch)
			return true;
	}
	if (e->wr_on == on)
		return !e->wr_always;
	if (!on) {
		event_del(e->wev);
		e->wr_on = false;
		return true;
	}
	if (e->wr_always || e->conn.wfd < 0)
		return false;
	if (!arm_write(e, w, EV_WRITE | EV_PERSIST)) {
		e->wr_always = true;
		return false;
	}
	return true;
}

void
ipc_end_watch(struct ipc_end *e, struct ipc_worker *w)
{
	/* Edge and level may not mix on one descriptor: only when nothing is
	 * read from it any more. */
	if (e->wr_watch || e->rd_on || e->wr_always || e->conn.wfd < 0 ||
	    !(e->conn.flags & IPC_CONN_SOCKET))
		return;
	e->wr_watch = arm_write(e, w, EV_WRITE | EV_PERSIST | EV_ET);
}

void
ipc_end_close(struct ipc_end *e)
{
	if (e->rd_on)
		event_del(&e->rev);
	if (e->wr_on)
		event_del(e->wev);
	free(e->wev);
	e->wev = NULL;
	e->rd_on = e->wr_on = e->wr_watch = e->rinit = false;
	e->rd_always = e->wr_always = e->open = false;
	if (e->conn.tr != NULL)
		e->conn.tr->close(&e->conn);
}

ssize_t
ipc_end_read(struct ipc_end *e, void *buf, size_t len)
{
	struct iovec iov = { buf, len };
	ssize_t n;

	do {
		if (e->conn.tr->readv != NULL)
			n = e->conn.tr->readv(&e->conn, &iov, 1);
		else
			n = read(e->conn.rfd, buf, len);
	} while (n < 0 && errno == EINTR);
	return n;
}

ssize_t
ipc_end_write(struct ipc_end *e, const void *buf, size_t len)
{
	ssize_t n;

	do {
		if (e->conn.tr->writev != NULL) {
			union { const void *in; void *out; } u = { buf };
			struct iovec iov = { u.out, len };

			n = e->conn.tr->writev(&e->conn, &iov, 1);
		} else {
			n = write(e->conn.wfd, buf, len);
		}
	} while (n < 0 && errno == EINTR);
	return n;
}

int
ipc_end_shut(struct ipc_end *e)
{
	struct ipc_conn *c = &e->conn;
	int r = 0;

	if (!e->open || c->wfd < 0)
		return 0;
	if (e->wr_on) {
		event_del(e->wev);
		e->wr_on = e->wr_watch = false;
	}
	if (c->tr->shut_write != NULL)
		return c->tr->shut_write(c);
	if (c->wfd != c->rfd) {
		r = close(c->wfd);
		c->wfd = -1;
	}
	return r;
}

char *
ipc_end_text(const struct ipc_end *e, char buf[IPC_END_TEXT])
{
	char peer[IPC_IDENT_TEXT];
	const char *ep = e->conn.ep != NULL ? e->conn.ep->text : "?";

	if (e->conn.peer.family != 0)
		snprintf(buf, IPC_END_TEXT, "%.100s (peer %s)", ep,
		    ipc_ident_text(peer, &e->conn.peer));
	else
		snprintf(buf, IPC_END_TEXT, "%.190s", ep);
	return buf;
}
