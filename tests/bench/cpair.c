/*
 * cpair: a messaging library as a benchmark candidate.
 *
 *   cpair pull ADDR SIZE SECONDS     check and count until the end message
 *   cpair push ADDR SIZE MS          send those of stdin (len32), but no
 *                                    longer than this, then the end message
 *   cpair rep ADDR SECONDS           give every request back
 *   cpair req ADDR COUNT [CPU]       round trips of 64 bytes, one at a time
 *
 * Built once with each library (cpair.h).  pull looks at the number and the
 * length of each message and drops it.  The end message is one byte.  push
 * stays when it is done, because closing may throw away what is still queued:
 * whoever started it ends it.  pull and rep say "ready" when they listen.
 */
#include "cpair.h"
#include "msgs.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SIZE 64
#define MAX_SECONDS 30
#define READ_SIZE (256 * 1024)

static void
open_at(enum pair_role role, const char *addr)
{
	char url[256];

	(void)bench_addr_parse(addr);	/* loopback only */
	if (strncmp(addr, "unix:", 5) == 0)
		snprintf(url, sizeof(url), "ipc://%s", addr + 5);
	else
		snprintf(url, sizeof(url), "tcp://%s", addr + 4);
	pair_open(role, url);
}

static void
ready(void)
{
	puts("ready");
	fflush(stdout);
}

static void
report(const struct msgs *m, uint64_t ns)
{
	printf("{\"messages\": %" PRIu64 ", \"seconds\": %.6f}\n", m->n,
	    (double)ns / 1e9);
	fflush(stdout);
}

static int
run_pull(char **argv)
{
	uint64_t start = 0;
	struct msgs m;

	msgs_init(&m, bench_number(argv[2], MSG_DIGITS, MSG_MAX, "SIZE"));
	bench_setup(bench_number(argv[3], 1, 3600, "SECONDS"));
	open_at(PAIR_PULL, argv[1]);
	ready();
	for (;;) {
		size_t len;
		const void *p = pair_recv(&len);

		if (start == 0)
			start = bench_now_ns();
		if (len == 1)
			break;
		if (!msgs_count(&m, p, len))
			msgs_wrong(&m, p, len);
	}
	report(&m, bench_now_ns() - start);
	return 0;
}

/* One read's worth of messages from stdin; false at its end. */
static bool
push_some(struct msgs *m, uint8_t *buf, size_t size, size_t *have)
{
	size_t frame = msgs_frame_size(m, FRAMING_LEN32), off = 0;
	ssize_t n = read(0, buf + *have, size - *have);

	if (n < 0)
		bench_die_errno("read");
	*have += (size_t)n;
	for (; *have - off >= frame; off += frame, m->n++)
		pair_send(buf + off + 4, m->size);
	*have -= off;
	memmove(buf, buf + off, *have);
	return n > 0;
}

static int
run_push(char **argv)
{
	unsigned ms = bench_number(argv[3], 1, 60000, "MS");
	size_t size, have = 0;
	uint64_t start, stop;
	struct msgs m;
	uint8_t *buf;

	msgs_init(&m, bench_number(argv[2], MSG_DIGITS, MSG_MAX, "SIZE"));
	size = READ_SIZE + m.size + FRAME_MAX;
	buf = malloc(size);
	if (buf == NULL)
		bench_die("out of memory");
	bench_setup(ms / 1000 + MAX_SECONDS);
	open_at(PAIR_PUSH, argv[1]);
	start = bench_now_ns();
	stop = start + (uint64_t)ms * 1000000u;
	while (push_some(&m, buf, size, &have) && bench_now_ns() < stop)
		continue;
	pair_send("", 1);
	report(&m, bench_now_ns() - start);
	while (pause() < 0)
		continue;
	return 0;
}

static _Noreturn void
run_rep(char **argv)
{
	bench_setup(bench_number(argv[2], 1, 3600, "SECONDS"));
	open_at(PAIR_REP, argv[1]);
	ready();
	for (;;) {
		uint8_t keep[SIZE];
		size_t len;
		const void *p = pair_recv(&len);

		if (len != SIZE)
			bench_die("a request of %zu bytes", len);
		memcpy(keep, p, len);
		pair_send(keep, len);
	}
}

static uint64_t
round_trip(struct msgs *m)
{
	uint64_t start = bench_now_ns();
	const void *p;
	size_t len;

	pair_send(m->next, m->size);
	p = pair_recv(&len);
	start = bench_now_ns() - start;
	if (!msgs_take(m, p, len))
		msgs_wrong(m, p, len);
	return start;
}

static int
run_req(char **argv)
{
	unsigned count = bench_number(argv[2], 1, 1000000, "COUNT");
	unsigned warm = count / 10 > 100 ? count / 10 : 100;
	uint64_t *ns = calloc(count, sizeof(*ns)), sum = 0;
	struct msgs m;
	cpu_set_t set;

	if (ns == NULL)
		bench_die("out of memory");
	if (argv[3] != NULL) {
		CPU_ZERO(&set);
		CPU_SET(bench_number(argv[3], 0, CPU_SETSIZE - 1, "CPU"), &set);
		if (sched_setaffinity(0, sizeof(set), &set) < 0)
			bench_die_errno("sched_setaffinity");
	}
	bench_setup(MAX_SECONDS);
	msgs_init(&m, SIZE);
	open_at(PAIR_REQ, argv[1]);
	for (unsigned i = 0; i < warm; i++)
		round_trip(&m);
	for (unsigned i = 0; i < count; i++)
		sum += ns[i] = round_trip(&m);
	bench_sort(ns, count);
	printf("{\"count\": %u, \"p50_us\": %.2f, \"p99_us\": %.2f, "
	    "\"mean_us\": %.2f}\n", count,
	    (double)bench_quantile(ns, count, 0.50) / 1e3,
	    (double)bench_quantile(ns, count, 0.99) / 1e3,
	    (double)sum / count / 1e3);
	fflush(stdout);
	_exit(0);
}

int
main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "pull") == 0)
		return run_pull(argv + 1);
	if (argc == 5 && strcmp(argv[1], "push") == 0)
		return run_push(argv + 1);
	if (argc == 4 && strcmp(argv[1], "rep") == 0)
		run_rep(argv + 1);
	if ((argc == 4 || argc == 5) && strcmp(argv[1], "req") == 0)
		return run_req(argv + 1);
	bench_die("usage: %s pull|push ADDR SIZE TIME | rep ADDR SECONDS | "
	    "req ADDR COUNT [CPU]", argv[0]);
}
