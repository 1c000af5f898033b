/*
 * cecho: epoll echo server for many connections, one thread.
 *
 *   cecho LISTEN [MAX_SECONDS]
 *
 * It is the far end of the latency, connection-rate and memory topics and the
 * yardstick of the echo topic.  A connection costs one table slot; bytes are
 * kept only while the client does not take them.  The end of input closes the
 * connection once everything was echoed.  It does not time out or limit.
 */
#include "bench.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BUF_SIZE (64 * 1024)
#define MAX_EVENTS 256
#define MAX_ACCEPT 64
#define MAX_FDS 65536

/* Bytes a client did not take yet; indexed by descriptor. */
struct backlog {
	uint8_t *data;
	uint32_t off, len;
};

static struct backlog backlog[MAX_FDS];
static uint8_t buf[BUF_SIZE];
static int epfd;

static void
watch(int fd, uint32_t events, int op)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};

	if (epoll_ctl(epfd, op, fd, &ev) < 0)
		bench_die_errno("epoll_ctl");
}

static void
drop(int fd)
{
	free(backlog[fd].data);
	backlog[fd] = (struct backlog){0};
	close(fd);
}

/* The client took only `done` of `len`: keep the rest, wait for room. */
static void
keep_rest(int fd, size_t done, size_t len)
{
	struct backlog *b = &backlog[fd];

	b->data = malloc(len - done);
	if (b->data == NULL)
		bench_die("out of memory");
	memcpy(b->data, buf + done, len - done);
	b->off = 0;
	b->len = (uint32_t)(len - done);
	watch(fd, EPOLLOUT, EPOLL_CTL_MOD);
}

static void
flush_rest(int fd)
{
	struct backlog *b = &backlog[fd];
	ssize_t n = write(fd, b->data + b->off, b->len);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		drop(fd);
		return;
	}
	if (n > 0) {
		b->off += (uint32_t)n;
		b->len -= (uint32_t)n;
	}
	if (b->len > 0)
		return;
	free(b->data);
	b->data = NULL;
	watch(fd, EPOLLIN, EPOLL_CTL_MOD);
}

static void
echo(int fd)
{
	ssize_t n = read(fd, buf, sizeof(buf));
	ssize_t w;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(fd);
		return;
	}
	w = write(fd, buf, (size_t)n);
	if (w < 0 && errno != EAGAIN && errno != EINTR)
		drop(fd);
	else if (w < n)
		keep_rest(fd, w < 0 ? 0 : (size_t)w, (size_t)n);
}

static void
accept_some(int lfd)
{
	int one = 1;

	for (int i = 0; i < MAX_ACCEPT; i++) {
		int fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EAGAIN || errno == EINTR ||
		    errno == ECONNABORTED))
			return;
		if (fd < 0)
			bench_die_errno("accept");
		if (fd >= MAX_FDS)
			bench_die("more than %d connections", MAX_FDS);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		watch(fd, EPOLLIN, EPOLL_CTL_ADD);
	}
}

int
main(int argc, char **argv)
{
	struct epoll_event ev[MAX_EVENTS];
	struct bench_addr a;
	unsigned max_s = 900;
	int lfd;

	if (argc < 2 || argc > 3)
		bench_die("usage: cecho LISTEN [MAX_SECONDS]");
	a = bench_addr_parse(argv[1]);
	if (argc == 3)
		max_s = bench_number(argv[2], 1, 3600, "MAX_SECONDS");
	bench_setup(max_s);
	lfd = bench_listen(&a, true);
	epfd = epoll_create1(EPOLL_CLOEXEC);
	if (epfd < 0)
		bench_die_errno("epoll_create1");
	watch(lfd, EPOLLIN, EPOLL_CTL_ADD);
	for (;;) {
		int n = epoll_wait(epfd, ev, MAX_EVENTS, -1);

		if (n < 0 && errno != EINTR)
			bench_die_errno("epoll_wait");
		for (int i = 0; i < n; i++) {
			if (ev[i].data.fd == lfd)
				accept_some(lfd);
			else if (backlog[ev[i].data.fd].data != NULL)
				flush_rest(ev[i].data.fd);
			else
				echo(ev[i].data.fd);
		}
	}
}
