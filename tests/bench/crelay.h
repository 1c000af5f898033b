/*
 * What the two halves of crelay share: the epoll mode and one socket helper.
 * Nothing else includes this.
 */
#ifndef IPCAT_BENCH_CRELAY_H
#define IPCAT_BENCH_CRELAY_H

#include "bench.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

/* Relay every connection of lfd to `to` until the process is ended. */
void crelay_run_rw(int lfd, const struct bench_addr *to, size_t buf_size);

/* TCP_NODELAY on an accepted socket; fails harmlessly on a unix socket. */
static inline void
crelay_nodelay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

#endif
