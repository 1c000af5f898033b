/*
 * crelay: the smallest honest relay in C, the yardstick of the relay topics.
 *
 *   crelay splice|rw64k|rw256k LISTEN TO [MAX_SECONDS]
 *
 *   splice   a thread per direction, blocking sockets, a 1 MiB pipe each:
 *            the practical limit of throughput and of CPU per byte
 *   rw64k    one thread, epoll, one read() and one write() per event
 *   rw256k   the same with a larger buffer
 *
 * Addresses are tcp:127.x.x.x:PORT or unix:PATH, either on either side; for
 * port 0 the port is printed.  Half-closes are passed on, in each direction
 * by itself.  It does not resolve names, time connections out, log, limit,
 * or recover from an exhausted descriptor table: it ends instead.
 * The epoll mode is in crelay_rw.c.
 */
#include "crelay.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIPE_SIZE (1024 * 1024)
#define STACK_SIZE (64 * 1024)

/* Two threads share it; the one that ends last frees it. */
struct pair {
	int fd[2];
	atomic_int users;
};

struct direction {
	struct pair *pair;
	int from;		/* index into pair->fd */
};

/* Move what is in the pipe to `out`; false when the receiver is gone. */
static bool
drain_pipe(int pipe_fd, int out, size_t left)
{
	while (left > 0) {
		ssize_t n = splice(pipe_fd, NULL, out, NULL, left,
		    SPLICE_F_MOVE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		left -= (size_t)n;
	}
	return true;
}

/* Copy until the end of input; false when either side failed. */
static bool
splice_loop(int in, int out, const int pipe_fd[2])
{
	for (;;) {
		ssize_t n = splice(in, NULL, pipe_fd[1], NULL, PIPE_SIZE,
		    SPLICE_F_MOVE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		if (!drain_pipe(pipe_fd[0], out, (size_t)n))
			return false;
	}
}

static void
pair_release(struct pair *p)
{
	if (atomic_fetch_sub(&p->users, 1) != 1)
		return;
	close(p->fd[0]);
	close(p->fd[1]);
	free(p);
}

static void *
direction_main(void *arg)
{
	struct direction *d = arg;
	int in = d->pair->fd[d->from], out = d->pair->fd[!d->from];
	int pipe_fd[2];

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		bench_die_errno("pipe");
	if (fcntl(pipe_fd[1], F_SETPIPE_SZ, PIPE_SIZE) < 0)
		bench_die_errno("F_SETPIPE_SZ");
	if (splice_loop(in, out, pipe_fd)) {
		shutdown(out, SHUT_WR);
	} else {
		shutdown(in, SHUT_RDWR);
		shutdown(out, SHUT_RDWR);
	}
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	pair_release(d->pair);
	free(d);
	return NULL;
}

static void
start_direction(struct pair *p, int from, const pthread_attr_t *attr)
{
	struct direction *d = malloc(sizeof(*d));
	pthread_t thread;
	int rc;

	if (d == NULL)
		bench_die("out of memory");
	*d = (struct direction){.pair = p, .from = from};
	rc = pthread_create(&thread, attr, direction_main, d);
	if (rc != 0)
		bench_die("pthread_create: %s", strerror(rc));
}

static void
run_splice(int lfd, const struct bench_addr *to)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (;;) {
		int fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);
		struct pair *p;

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0)
			bench_die_errno("accept");
		crelay_nodelay(fd);
		p = malloc(sizeof(*p));
		if (p == NULL)
			bench_die("out of memory");
		p->fd[0] = fd;
		p->fd[1] = bench_socket(to, false);
		atomic_init(&p->users, 2);
		if (connect(p->fd[1], (const struct sockaddr *)&to->ss,
		    to->len) < 0) {
			close(p->fd[0]);
			close(p->fd[1]);
			free(p);
			continue;
		}
		start_direction(p, 0, &attr);
		start_direction(p, 1, &attr);
	}
}

int
main(int argc, char **argv)
{
	struct bench_addr from, to;
	size_t buf_size = 0;
	unsigned max_s = 900;
	int lfd;

	if (argc < 4 || argc > 5)
		bench_die("usage: crelay splice|rw64k|rw256k LISTEN TO "
		    "[MAX_SECONDS]");
	if (strcmp(argv[1], "rw64k") == 0)
		buf_size = 64 * 1024;
	else if (strcmp(argv[1], "rw256k") == 0)
		buf_size = 256 * 1024;
	else if (strcmp(argv[1], "splice") != 0)
		bench_die("unknown mode '%s'", argv[1]);
	from = bench_addr_parse(argv[2]);
	to = bench_addr_parse(argv[3]);
	if (argc == 5)
		max_s = bench_number(argv[4], 1, 3600, "MAX_SECONDS");
	bench_setup(max_s);
	lfd = bench_listen(&from, buf_size != 0);
	if (buf_size != 0)
		crelay_run_rw(lfd, &to, buf_size);
	else
		run_splice(lfd, &to);
	return 0;
}
