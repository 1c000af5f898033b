/*
 * crelay, epoll mode: one thread, one read() and one write() per event.
 *
 * Each connection is two sides; side s is read into a buffer shared by all,
 * which is written to side !s.  Only when that write falls short does the
 * direction keep the buffer (and the side stops being read) until the rest
 * is out, so an idle connection owns no buffer at all.
 *
 *   side registered for   EPOLLIN    its direction has nothing pending, no EOF
 *                         EPOLLOUT   the other direction has bytes for it, or
 *                                    it is still connecting
 *                         nothing    removed from epoll, so that a hang-up
 *                                    nobody waits for cannot spin the loop
 *
 * It does not batch, splice, or bound the number of pending buffers.
 */
#include "crelay.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MAX_EVENTS 256
#define MAX_ACCEPT 64

struct buffer {
	struct buffer *next;
	uint8_t data[];
};

struct side {
	struct conn *conn;
	struct buffer *pending;	/* read here, not yet written to the peer */
	uint32_t off, len;	/* what of it is left */
	int fd;
	uint32_t events;	/* registered with epoll; 0 = not registered */
	bool eof;		/* end of input read here */
	bool passed_on;		/* and the peer has been shut down for it */
};

struct conn {
	struct side side[2];
	struct conn *next_dead;
	bool connecting, dead;
};

static int epfd;
static size_t buf_size;
static struct buffer *free_buffers;
static struct conn *dead_conns;

static struct buffer *
buffer_get(void)
{
	struct buffer *b = free_buffers;

	if (b != NULL) {
		free_buffers = b->next;
		return b;
	}
	b = malloc(sizeof(*b) + buf_size);
	if (b == NULL)
		bench_die("out of memory");
	return b;
}

static void
buffer_put(struct buffer *b)
{
	b->next = free_buffers;
	free_buffers = b;
}

static struct side *
peer_of(struct side *s)
{
	return &s->conn->side[s == &s->conn->side[0]];
}

/* Bring the epoll registration of a side in line with its state. */
static void
side_update(struct side *s)
{
	struct epoll_event ev = {.data.ptr = s};
	uint32_t old = s->events;

	if (s->conn->connecting) {
		ev.events = s == &s->conn->side[1] ? EPOLLOUT : 0;
	} else {
		if (!s->eof && s->pending == NULL)
			ev.events |= EPOLLIN;
		if (peer_of(s)->pending != NULL)
			ev.events |= EPOLLOUT;
	}
	if (ev.events == old)
		return;
	s->events = ev.events;
	if (epoll_ctl(epfd, old == 0 ? EPOLL_CTL_ADD :
	    ev.events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD, s->fd, &ev) < 0)
		bench_die_errno("epoll_ctl");
}

/* Close now, free after the batch: later events may still point here. */
static void
conn_kill(struct conn *c)
{
	if (c->dead)
		return;
	c->dead = true;
	for (int i = 0; i < 2; i++) {
		close(c->side[i].fd);
		if (c->side[i].pending != NULL)
			buffer_put(c->side[i].pending);
	}
	c->next_dead = dead_conns;
	dead_conns = c;
}

/* Pass an end of input on once everything before it is out. */
static void
conn_settle(struct conn *c)
{
	for (int i = 0; i < 2; i++) {
		struct side *s = &c->side[i];

		if (s->eof && s->pending == NULL && !s->passed_on) {
			shutdown(peer_of(s)->fd, SHUT_WR);
			s->passed_on = true;
		}
	}
	if (c->side[0].passed_on && c->side[1].passed_on) {
		conn_kill(c);
		return;
	}
	side_update(&c->side[0]);
	side_update(&c->side[1]);
}

/* Write what side s has pending to its peer; false on a broken peer. */
static bool
side_flush(struct side *s)
{
	ssize_t n = write(peer_of(s)->fd, s->pending->data + s->off, s->len);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	s->off += (uint32_t)n;
	s->len -= (uint32_t)n;
	if (s->len == 0) {
		buffer_put(s->pending);
		s->pending = NULL;
	}
	return true;
}

static bool
side_read(struct side *s)
{
	struct buffer *b = buffer_get();
	ssize_t n = read(s->fd, b->data, buf_size);

	if (n <= 0) {
		buffer_put(b);
		s->eof = n == 0;
		return n == 0 || errno == EAGAIN || errno == EINTR;
	}
	s->pending = b;
	s->off = 0;
	s->len = (uint32_t)n;
	return side_flush(s);
}

static void
side_event(struct side *s, uint32_t events)
{
	struct conn *c = s->conn;
	int err = 0;
	socklen_t len = sizeof(err);
	bool ok = true;

	if (c->dead)
		return;
	if (c->connecting) {
		getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len);
		ok = err == 0;
		c->connecting = false;
	} else {
		if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0 &&
		    peer_of(s)->pending != NULL)
			ok = side_flush(peer_of(s));
		if (ok && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 &&
		    (s->events & EPOLLIN) != 0)
			ok = side_read(s);
	}
	if (ok)
		conn_settle(c);
	else
		conn_kill(c);
}

static void
conn_start(int fd, const struct bench_addr *to)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		bench_die("out of memory");
	crelay_nodelay(fd);
	c->side[0] = (struct side){.conn = c, .fd = fd};
	c->side[1] = (struct side){.conn = c, .fd = bench_socket(to, true)};
	c->connecting = true;
	if (connect(c->side[1].fd, (const struct sockaddr *)&to->ss,
	    to->len) == 0)
		c->connecting = false;
	else if (errno != EINPROGRESS) {
		conn_kill(c);
		return;
	}
	conn_settle(c);
}

static void
accept_some(int lfd, const struct bench_addr *to)
{
	for (int i = 0; i < MAX_ACCEPT; i++) {
		int fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EAGAIN || errno == EINTR ||
		    errno == ECONNABORTED))
			return;
		if (fd < 0)
			bench_die_errno("accept");
		conn_start(fd, to);
	}
}

static void
free_dead(void)
{
	while (dead_conns != NULL) {
		struct conn *c = dead_conns;

		dead_conns = c->next_dead;
		free(c);
	}
}

void
crelay_run_rw(int lfd, const struct bench_addr *to, size_t size)
{
	struct epoll_event ev[MAX_EVENTS] = {{.events = EPOLLIN}};

	buf_size = size;
	epfd = epoll_create1(EPOLL_CLOEXEC);
	if (epfd < 0 || epoll_ctl(epfd, EPOLL_CTL_ADD, lfd, &ev[0]) < 0)
		bench_die_errno("epoll");
	for (;;) {
		int n = epoll_wait(epfd, ev, MAX_EVENTS, -1);

		if (n < 0 && errno != EINTR)
			bench_die_errno("epoll_wait");
		for (int i = 0; i < n; i++) {
			if (ev[i].data.ptr == NULL)
				accept_some(lfd, to);
			else
				side_event(ev[i].data.ptr, ev[i].events);
		}
		free_dead();
	}
}
