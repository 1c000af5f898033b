/*
 * cload pingpong: round trips of 64 bytes, one at a time, on one connection.
 *
 * A tenth of COUNT, at least 100, is done first and not counted.  Each reply
 * is compared with what was sent.  Reports p50, p99, least and greatest time
 * in microseconds.  It does not pipeline, so this is latency, not throughput.
 */
#include "cload.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 64
#define MAX_SECONDS 30
#define IO_SECONDS 5

static void
pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		bench_die_errno("sched_setaffinity");
}

static uint64_t
round_trip(int fd, uint32_t serial)
{
	uint8_t out[SIZE], in[SIZE];
	uint64_t start;

	memset(out, (int)(serial & 0xff), sizeof(out));
	memcpy(out, &serial, sizeof(serial));
	start = bench_now_ns();
	if (!bench_write_all(fd, out, sizeof(out)) ||
	    !bench_read_all(fd, in, sizeof(in)))
		bench_die("round trip %" PRIu32 " failed: %s", serial,
		    errno != 0 ? strerror(errno) : "connection closed");
	start = bench_now_ns() - start;
	if (memcmp(in, out, sizeof(in)) != 0)
		bench_die("round trip %" PRIu32 ": reply differs", serial);
	return start;
}

int
cload_pingpong(int argc, char **argv)
{
	struct bench_addr a;
	unsigned count, warm;
	uint64_t *ns;
	int fd;

	if (argc < 3 || argc > 4)
		bench_die("usage: cload pingpong ADDR COUNT [CPU]");
	a = bench_addr_parse(argv[1]);
	count = bench_number(argv[2], 1, 1000000, "COUNT");
	if (argc == 4)
		pin(bench_number(argv[3], 0, CPU_SETSIZE - 1, "CPU"));
	bench_setup(MAX_SECONDS);
	warm = count / 10 > 100 ? count / 10 : 100;
	ns = calloc(count, sizeof(*ns));
	if (ns == NULL)
		bench_die("out of memory");
	fd = bench_connect(&a, IO_SECONDS);
	errno = 0;
	for (unsigned i = 0; i < warm; i++)
		round_trip(fd, i);
	for (unsigned i = 0; i < count; i++)
		ns[i] = round_trip(fd, warm + i);
	bench_sort(ns, count);
	printf("{\"count\": %u, \"p50_us\": %.2f, \"p99_us\": %.2f, "
	    "\"min_us\": %.2f, \"max_us\": %.2f}\n", count,
	    (double)bench_quantile(ns, count, 0.50) / 1e3,
	    (double)bench_quantile(ns, count, 0.99) / 1e3,
	    (double)ns[0] / 1e3, (double)ns[count - 1] / 1e3);
	free(ns);
	return 0;
}
