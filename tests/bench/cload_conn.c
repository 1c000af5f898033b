/*
 * cload connrate and idle: loads made of many connections.
 *
 * connrate keeps 16 connections in flight for a time; each sends 64 bytes,
 * reads the echo, closes and is replaced.  TCP connections start from 200
 * loopback addresses in turn, so that ports in TIME_WAIT do not run out.
 * idle opens connections one after the other, echoes 64 bytes on each, says
 * "ready N" and holds them until stdin ends.  Both count failures and go on,
 * up to a limit.  Neither checks the echoed contents.
 *
 * A connrate slot:  connecting --EPOLLOUT--> waiting --64 bytes--> done
 */
#include "cload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

#define SIZE 64
#define IN_FLIGHT 16
#define SOURCES 200
#define MAX_ERRORS 1000
#define IDLE_SECONDS 300

struct slot {
	int fd;			/* -1: not in use */
	uint32_t got;
	bool sent;
};

struct rate {
	struct bench_addr to;
	struct slot slot[IN_FLIGHT];
	int epfd;
	unsigned serial;	/* connections started */
	unsigned done, errors;
};

static const uint8_t payload[SIZE] = {'p', 'i', 'n', 'g'};

static void
slot_watch(struct rate *r, struct slot *s, uint32_t events, int op)
{
	struct epoll_event ev = {.events = events, .data.ptr = s};

	if (epoll_ctl(r->epfd, op, s->fd, &ev) < 0)
		bench_die_errno("epoll_ctl");
}

/* Start a connection; on failure the slot stays empty for the next round. */
static void
slot_start(struct rate *r, struct slot *s)
{
	*s = (struct slot){.fd = bench_socket(&r->to, true)};
	if (!r->to.is_unix)
		bench_bind_source(s->fd, r->serial % SOURCES);
	r->serial++;
	if (connect(s->fd, (const struct sockaddr *)&r->to.ss, r->to.len) < 0 &&
	    errno != EINPROGRESS) {
		r->errors++;
		close(s->fd);
		s->fd = -1;
		return;
	}
	slot_watch(r, s, EPOLLOUT, EPOLL_CTL_ADD);
}

static void
slot_end(struct rate *r, struct slot *s, bool ok)
{
	close(s->fd);
	s->fd = -1;
	if (ok)
		r->done++;
	else
		r->errors++;
}

static void
slot_event(struct rate *r, struct slot *s)
{
	uint8_t in[SIZE];
	ssize_t n;

	if (!s->sent) {
		/* A refused connection shows as a failing write. */
		if (write(s->fd, payload, SIZE) != SIZE) {
			slot_end(r, s, false);
			return;
		}
		s->sent = true;
		slot_watch(r, s, EPOLLIN, EPOLL_CTL_MOD);
		return;
	}
	n = read(s->fd, in, SIZE - s->got);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		slot_end(r, s, false);
		return;
	}
	s->got += (uint32_t)n;
	if (s->got == SIZE)
		slot_end(r, s, true);
}

int
cload_connrate(int argc, char **argv)
{
	struct rate r = {.slot = {{.fd = -1}}};
	struct epoll_event ev[IN_FLIGHT];
	uint64_t start, stop;
	unsigned ms;

	if (argc != 3)
		bench_die("usage: cload connrate ADDR MILLISECONDS");
	r.to = bench_addr_parse(argv[1]);
	ms = bench_number(argv[2], 1, 60000, "MILLISECONDS");
	bench_setup(ms / 1000 + 10);
	r.epfd = epoll_create1(EPOLL_CLOEXEC);
	if (r.epfd < 0)
		bench_die_errno("epoll_create1");
	for (unsigned i = 0; i < IN_FLIGHT; i++)
		r.slot[i].fd = -1;
	start = bench_now_ns();
	stop = start + (uint64_t)ms * 1000000u;
	while (bench_now_ns() < stop && r.errors < MAX_ERRORS) {
		int n;

		for (unsigned i = 0; i < IN_FLIGHT; i++)
			if (r.slot[i].fd < 0)
				slot_start(&r, &r.slot[i]);
		n = epoll_wait(r.epfd, ev, IN_FLIGHT, 50);
		for (int i = 0; i < n; i++)
			slot_event(&r, ev[i].data.ptr);
	}
	stop = bench_now_ns();
	printf("{\"conn_s\": %.1f, \"done\": %u, \"errors\": %u, "
	    "\"seconds\": %.3f}\n",
	    (double)r.done * 1e9 / (double)(stop - start), r.done, r.errors,
	    (double)(stop - start) / 1e9);
	return 0;
}

/* One echoed connection, or -1. */
static int
open_idle(const struct bench_addr *to, unsigned serial)
{
	struct timeval tv = {.tv_sec = 5};
	uint8_t in[SIZE];
	int fd = bench_socket(to, false);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (!to->is_unix)
		bench_bind_source(fd, serial % SOURCES);
	if (connect(fd, (const struct sockaddr *)&to->ss, to->len) == 0 &&
	    bench_write_all(fd, payload, SIZE) && bench_read_all(fd, in, SIZE))
		return fd;
	close(fd);
	return -1;
}

int
cload_idle(int argc, char **argv)
{
	struct bench_addr to;
	unsigned count, ok = 0, errors = 0;
	char c;
	ssize_t n;

	if (argc != 3)
		bench_die("usage: cload idle ADDR COUNT");
	to = bench_addr_parse(argv[1]);
	count = bench_number(argv[2], 1, 60000, "COUNT");
	bench_setup(IDLE_SECONDS);
	while (ok < count && errors < 3) {
		/* The descriptors are kept by the kernel; exit closes them. */
		if (open_idle(&to, ok) >= 0)
			ok++;
		else
			errors++;
	}
	printf("ready %u\n", ok);
	fflush(stdout);
	do
		n = read(STDIN_FILENO, &c, 1);
	while (n > 0 || (n < 0 && errno == EINTR));
	return ok == count ? 0 : 1;
}
