/*
 * cload pingpong: round trips of 64 bytes, one at a time, on one connection.
 *
 * A tenth of COUNT, at least 100, is done first and not counted.  Each reply
 * is compared with what was sent, or with 63 letters r and a line feed when
 * the fourth argument is "reply".  What is sent is a line.  Reports p50, p99,
 * least and greatest time in microseconds.  It does not pipeline, so this is
 * latency, not throughput.
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

/* Line feeds only at the end: the number is made of the letters a to p. */
static void
fill(uint8_t *out, uint32_t serial)
{
	memset(out, 'a' + (int)(serial & 15), SIZE);
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)('a' + (serial >> 4 * i & 15));
	out[SIZE - 1] = '\n';
}

/* `reply` is what must come back; NULL: the same. */
static uint64_t
round_trip(int fd, uint32_t serial, const uint8_t *reply)
{
	uint8_t out[SIZE], in[SIZE];
	uint64_t start;

	fill(out, serial);
	start = bench_now_ns();
	if (!bench_write_all(fd, out, sizeof(out)) ||
	    !bench_read_all(fd, in, sizeof(in)))
		bench_die("round trip %" PRIu32 " failed: %s", serial,
		    errno != 0 ? strerror(errno) : "connection closed");
	start = bench_now_ns() - start;
	if (memcmp(in, reply != NULL ? reply : out, sizeof(in)) != 0)
		bench_die("round trip %" PRIu32 ": reply differs", serial);
	return start;
}

int
cload_pingpong(int argc, char **argv)
{
	static uint8_t fixed[SIZE];
	const uint8_t *reply = NULL;
	struct bench_addr a;
	unsigned count, warm;
	uint64_t *ns, sum = 0;
	int fd;

	if (argc < 3 || argc > 5)
		bench_die("usage: cload pingpong ADDR COUNT [CPU|- [reply]]");
	a = bench_addr_parse(argv[1]);
	count = bench_number(argv[2], 1, 1000000, "COUNT");
	if (argc > 3 && strcmp(argv[3], "-") != 0)
		pin(bench_number(argv[3], 0, CPU_SETSIZE - 1, "CPU"));
	if (argc == 5) {
		memset(fixed, 'r', SIZE - 1);
		fixed[SIZE - 1] = '\n';
		reply = fixed;
	}
	bench_setup(MAX_SECONDS);
	warm = count / 10 > 100 ? count / 10 : 100;
	ns = calloc(count, sizeof(*ns));
	if (ns == NULL)
		bench_die("out of memory");
	fd = bench_connect(&a, IO_SECONDS);
	errno = 0;
	for (unsigned i = 0; i < warm; i++)
		round_trip(fd, i, reply);
	for (unsigned i = 0; i < count; i++)
		sum += ns[i] = round_trip(fd, warm + i, reply);
	bench_sort(ns, count);
	printf("{\"count\": %u, \"p50_us\": %.2f, \"p99_us\": %.2f, "
	    "\"min_us\": %.2f, \"max_us\": %.2f, \"mean_us\": %.2f}\n",
	    count,
	    (double)bench_quantile(ns, count, 0.50) / 1e3,
	    (double)bench_quantile(ns, count, 0.99) / 1e3,
	    (double)ns[0] / 1e3, (double)ns[count - 1] / 1e3,
	    (double)sum / count / 1e3);
	free(ns);
	return 0;
}
