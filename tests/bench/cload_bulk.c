/*
 * cload sink and blast: the two ends of a one-way transfer.
 *
 * The sink takes one connection at a time and prints, for each that brought
 * at least one byte, the bytes and the time from the first byte to the end of
 * input; a connection without any (a readiness probe) is neither counted nor
 * reported.  The blaster stops after its time, half-closes, and waits for the
 * other end to close, so that both can be compared byte for byte.
 * Neither looks at the contents.
 */
#include "cload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

#define CHUNK (256 * 1024)
#define IO_SECONDS 5

static uint8_t chunk[CHUNK];

/* Read to the end; returns the bytes, *ns from the first one to the end. */
static uint64_t
discard(int fd, uint64_t *ns)
{
	struct timeval tv = {.tv_sec = IO_SECONDS};
	uint64_t bytes = 0, start = 0;
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		if (bytes == 0)
			start = bench_now_ns();
		bytes += (uint64_t)n;
	}
	*ns = bytes == 0 ? 0 : bench_now_ns() - start;
	return bytes;
}

int
cload_sink(int argc, char **argv)
{
	struct bench_addr a;
	unsigned count, left;
	int lfd;

	if (argc != 4)
		bench_die("usage: cload sink ADDR COUNT SECONDS");
	a = bench_addr_parse(argv[1]);
	count = bench_number(argv[2], 1, 1000000, "COUNT");
	bench_setup(bench_number(argv[3], 1, 3600, "SECONDS"));
	lfd = bench_listen(&a, false);
	for (left = count; left > 0;) {
		uint64_t ns, bytes;
		int fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0)
			bench_die_errno("accept");
		bytes = discard(fd, &ns);
		close(fd);
		if (bytes == 0)
			continue;
		left--;
		printf("{\"bytes\": %" PRIu64 ", \"seconds\": %.6f}\n", bytes,
		    (double)ns / 1e9);
		fflush(stdout);
	}
	return 0;
}

int
cload_blast(int argc, char **argv)
{
	struct bench_addr a;
	uint64_t bytes = 0, start, stop;
	unsigned ms;
	ssize_t n;
	int fd;

	if (argc != 3)
		bench_die("usage: cload blast ADDR MILLISECONDS");
	a = bench_addr_parse(argv[1]);
	ms = bench_number(argv[2], 1, 60000, "MILLISECONDS");
	bench_setup(ms / 1000 + 4 * IO_SECONDS);
	fd = bench_connect(&a, IO_SECONDS);
	start = bench_now_ns();
	stop = start + (uint64_t)ms * 1000000u;
	while (bench_now_ns() < stop) {
		n = write(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			bench_die_errno("write");
		bytes += (uint64_t)n;
	}
	stop = bench_now_ns();
	shutdown(fd, SHUT_WR);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 ||
	    (n < 0 && errno == EINTR))
		continue;
	printf("{\"bytes\": %" PRIu64 ", \"seconds\": %.6f, \"clean\": %s}\n",
	    bytes, (double)(stop - start) / 1e9, n == 0 ? "true" : "false");
	return 0;
}
