/*
 * Shared helpers of the benchmark programs: addresses, sockets, clock, limits.
 *
 * Programs here serve measurement on one machine, so every failure is fatal
 * (bench_die) and every program dies by SIGALRM when its time is over.  This
 * is not part of ipcat and shares no code with it: a reference must not move
 * when the thing it is compared with does.  No names are resolved, no IPv6.
 */
#ifndef IPCAT_BENCH_H
#define IPCAT_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct bench_addr {
	struct sockaddr_storage ss;
	socklen_t len;
	bool is_unix;
};

/* Print "PROGRAM: message[: errno text]" and exit 1. */
_Noreturn void bench_die(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));
_Noreturn void bench_die_errno(const char *what);

/* A whole decimal number within [min, max], or die naming `what`. */
unsigned bench_number(const char *text, unsigned min, unsigned max,
    const char *what);

/* "tcp:127.x.x.x:PORT" or "unix:/path"; anything but loopback is refused. */
struct bench_addr bench_addr_parse(const char *text);

/*
 * Ignore SIGPIPE, raise the descriptor limit to its hard value, die with the
 * parent, and die by SIGALRM after max_s seconds.
 */
void bench_setup(unsigned max_s);

/* Listen (backlog 4096); port 0 is reported as one line on stdout. */
int bench_listen(const struct bench_addr *a, bool nonblock);

/* A new socket for `a`, TCP_NODELAY set. */
int bench_socket(const struct bench_addr *a, bool nonblock);

/* Connected blocking socket whose reads and writes give up after io_s. */
int bench_connect(const struct bench_addr *a, unsigned io_s);

/* Bind an unconnected TCP socket to 127.0.0.(2 + n), port chosen late. */
void bench_bind_source(int fd, unsigned n);

/* Write all, or read all: false on error, time-out or early end. */
bool bench_write_all(int fd, const void *buf, size_t len);
bool bench_read_all(int fd, void *buf, size_t len);

uint64_t bench_now_ns(void);

/* Sort in place; the value at a fraction 0..1 of a sorted array. */
void bench_sort(uint64_t *v, size_t n);
uint64_t bench_quantile(const uint64_t *sorted, size_t n, double q);

#endif
