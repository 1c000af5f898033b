/*
 * Shared helpers of the benchmark programs; see bench.h for the contracts.
 * Does not resolve names, does not leave the loopback interface.
 */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

void
bench_die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

void
bench_die_errno(const char *what)
{
	bench_die("%s: %s", what, strerror(errno));
}

unsigned
bench_number(const char *text, unsigned min, unsigned max, const char *what)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || *text == '-' ||
	    v < min || v > max)
		bench_die("%s: '%s' is not a number from %u to %u", what, text,
		    min, max);
	return (unsigned)v;
}

static struct bench_addr
parse_tcp(const char *text)
{
	struct bench_addr a = {.len = sizeof(struct sockaddr_in)};
	struct sockaddr_in *in = (struct sockaddr_in *)&a.ss;
	const char *colon = strrchr(text, ':');
	char host[16];
	size_t n;

	if (colon == NULL || (n = (size_t)(colon - text)) >= sizeof(host))
		bench_die("bad address 'tcp:%s'", text);
	memcpy(host, text, n);
	host[n] = '\0';
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)bench_number(colon + 1, 0, 65535,
	    "port"));
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1 ||
	    ntohl(in->sin_addr.s_addr) >> 24 != 127)
		bench_die("'%s' is not an address in 127.0.0.0/8", host);
	return a;
}

static struct bench_addr
parse_unix(const char *path)
{
	struct bench_addr a = {.len = sizeof(struct sockaddr_un),
	    .is_unix = true};
	struct sockaddr_un *un = (struct sockaddr_un *)&a.ss;
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof(un->sun_path))
		bench_die("bad socket path '%s'", path);
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, n + 1);
	return a;
}

struct bench_addr
bench_addr_parse(const char *text)
{
	if (strncmp(text, "tcp:", 4) == 0)
		return parse_tcp(text + 4);
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text + 5);
	bench_die("'%s' is neither tcp:HOST:PORT nor unix:PATH", text);
}

void
bench_setup(unsigned max_s)
{
	struct rlimit rl;

	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	alarm(max_s);
}

int
bench_socket(const struct bench_addr *a, bool nonblock)
{
	int type = SOCK_STREAM | SOCK_CLOEXEC | (nonblock ? SOCK_NONBLOCK : 0);
	int fd = socket(a->is_unix ? AF_UNIX : AF_INET, type, 0);
	int one = 1;

	if (fd < 0)
		bench_die_errno("socket");
	if (!a->is_unix)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

int
bench_listen(const struct bench_addr *a, bool nonblock)
{
	int fd = bench_socket(a, nonblock);
	struct sockaddr_in in = {0};
	socklen_t len = sizeof(in);
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&a->ss, a->len) < 0)
		bench_die_errno("bind");
	if (listen(fd, 4096) < 0)
		bench_die_errno("listen");
	if (!a->is_unix &&
	    ((const struct sockaddr_in *)&a->ss)->sin_port == 0) {
		if (getsockname(fd, (struct sockaddr *)&in, &len) < 0)
			bench_die_errno("getsockname");
		printf("%u\n", ntohs(in.sin_port));
		fflush(stdout);
	}
	return fd;
}

int
bench_connect(const struct bench_addr *a, unsigned io_s)
{
	int fd = bench_socket(a, false);
	struct timeval tv = {.tv_sec = (time_t)io_s};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (connect(fd, (const struct sockaddr *)&a->ss, a->len) < 0)
		bench_die_errno("connect");
	return fd;
}

void
bench_bind_source(int fd, unsigned n)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	int one = 1;

	in.sin_addr.s_addr = htonl(0x7f000002u + n);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&in, sizeof(in)) < 0)
		bench_die_errno("bind source address");
}

bool
bench_write_all(int fd, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	while (len > 0) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

bool
bench_read_all(int fd, void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len > 0) {
		ssize_t n = read(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

uint64_t
bench_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int
compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void
bench_sort(uint64_t *v, size_t n)
{
	qsort(v, n, sizeof(*v), compare_u64);
}

uint64_t
bench_quantile(const uint64_t *sorted, size_t n, double q)
{
	size_t i = (size_t)(q * (double)n);

	return sorted[i < n ? i : n - 1];
}
