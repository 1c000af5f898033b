/*
 * cmsg: messages made and counted, and the limits of C over plain sockets.
 *
 *   cmsg gen FRAMING SIZE COUNT          COUNT numbered messages to stdout
 *   cmsg json COUNT [FIRST]              COUNT lines of JSON to stdout
 *   cmsg count FRAMING SIZE SECONDS      check and count those of stdin
 *   cmsg pull ADDR SIZE SECONDS          the same for one connection, len32
 *   cmsg push ADDR SIZE MS each|batch    send len32 messages for a time: a
 *                                        write for each, or one for 64 KiB
 *   cmsg feed ADDR                       stdin to a connection, unchanged
 *
 * pull says "ready" when it listens, and looks at the number and the length of
 * each message, count at every byte.  The limits are thus those of programs
 * that look at what they get.  Results are JSON, one line each.
 */
#include "msgs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#define BATCH (64 * 1024)
#define IO_SECONDS 5

static size_t
size_arg(const char *text)
{
	return bench_number(text, MSG_DIGITS, MSG_MAX, "SIZE");
}

static void
report(const struct msgs *m, uint64_t ns)
{
	printf("{\"messages\": %" PRIu64 ", \"seconds\": %.6f}\n", m->n,
	    (double)ns / 1e9);
	fflush(stdout);
}

static int
run_gen(char **argv)
{
	enum framing f = msgs_framing(argv[1]);
	size_t size = size_arg(argv[2]);
	unsigned count = bench_number(argv[3], 0, 1u << 31, "COUNT");
	uint8_t *buf = malloc(BATCH + size + FRAME_MAX), *p = buf;
	struct msgs m;

	if (buf == NULL)
		bench_die("out of memory");
	msgs_init(&m, size);
	while (m.n < count) {
		p = msgs_put(&m, f, p);
		if (p - buf < BATCH && m.n < count)
			continue;
		if (!bench_write_all(1, buf, (size_t)(p - buf)))
			bench_die_errno("write");
		p = buf;
	}
	free(buf);
	return 0;
}

/* About 120 bytes with every kind of value; numbers in shortest form. */
static int
run_json(char **argv)
{
	unsigned count = bench_number(argv[1], 0, 1u << 31, "COUNT");
	unsigned first = argv[2] == NULL ? 0 :
	    bench_number(argv[2], 0, 1u << 31, "FIRST");

	for (unsigned i = first; i < first + count; i++) {
		uint32_t h = i * 2654435761u;

		printf("{\"id\":%u,\"host\":\"node-%u\",\"up\":%s,"
		    "\"load\":%u.%u5,\"tags\":[\"a\\\"b\",\"caf\xc3\xa9\",%d],"
		    "\"in\":{\"rx\":%u,\"tx\":%" PRIu64 ",\"e\":null}}\n",
		    i, h % 977,
		    h & 1 ? "true" : "false", h % 100, h % 9 + 1,
		    (int)(h % 1999) - 999, h, (uint64_t)h * 99);
	}
	if (fflush(stdout) != 0)
		bench_die_errno("write");
	return 0;
}

static int
run_count(char **argv)
{
	enum framing f = msgs_framing(argv[1]);
	struct msgs m;
	uint64_t ns;

	msgs_init(&m, size_arg(argv[2]));
	bench_setup(bench_number(argv[3], 1, 3600, "SECONDS"));
	msgs_drain(&m, f, 0, true, &ns);
	report(&m, ns);
	return 0;
}

static int
run_pull(char **argv)
{
	struct bench_addr a = bench_addr_parse(argv[1]);
	struct msgs m;
	uint64_t ns;
	int lfd, fd;

	msgs_init(&m, size_arg(argv[2]));
	bench_setup(bench_number(argv[3], 1, 3600, "SECONDS"));
	lfd = bench_listen(&a, false);
	puts("ready");
	fflush(stdout);
	do
		fd = accept(lfd, NULL, NULL);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		bench_die_errno("accept");
	msgs_drain(&m, FRAMING_LEN32, fd, false, &ns);
	report(&m, ns);
	return 0;
}

static int
run_push(char **argv)
{
	struct bench_addr a = bench_addr_parse(argv[1]);
	size_t size = size_arg(argv[2]), fill;
	uint64_t start, stop;
	uint8_t *buf = malloc(BATCH + size + FRAME_MAX), *p;
	struct msgs m;
	unsigned ms = bench_number(argv[3], 1, 60000, "MS");
	int fd;

	if (strcmp(argv[4], "each") == 0)
		fill = 1;
	else if (strcmp(argv[4], "batch") == 0)
		fill = BATCH;
	else
		bench_die("'%s' is neither each nor batch", argv[4]);
	if (buf == NULL)
		bench_die("out of memory");
	bench_setup(ms / 1000 + 2 * IO_SECONDS);
	msgs_init(&m, size);
	fd = bench_connect(&a, IO_SECONDS);
	start = bench_now_ns();
	stop = start + (uint64_t)ms * 1000000u;
	do {
		for (p = buf; (size_t)(p - buf) < fill;)
			p = msgs_put(&m, FRAMING_LEN32, p);
		if (!bench_write_all(fd, buf, (size_t)(p - buf)))
			bench_die_errno("write");
	} while (bench_now_ns() < stop);
	shutdown(fd, SHUT_WR);
	report(&m, bench_now_ns() - start);
	return 0;
}

static int
run_feed(char **argv)
{
	struct bench_addr a = bench_addr_parse(argv[1]);
	static uint8_t buf[256 * 1024];
	struct timeval tv = {0};
	ssize_t n;
	int fd;

	fd = bench_connect(&a, IO_SECONDS);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	while ((n = read(0, buf, sizeof(buf))) > 0)
		if (!bench_write_all(fd, buf, (size_t)n))
			bench_die_errno("write");
	if (n < 0)
		bench_die_errno("read");
	shutdown(fd, SHUT_WR);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	while (read(fd, buf, sizeof(buf)) > 0)
		continue;
	return 0;
}

static const struct {
	const char *name, *usage;
	int (*run)(char **argv);
	int min, max;		/* arguments */
} subcommands[] = {
	{"gen", "FRAMING SIZE COUNT", run_gen, 3, 3},
	{"json", "COUNT [FIRST]", run_json, 1, 2},
	{"count", "FRAMING SIZE SECONDS", run_count, 3, 3},
	{"pull", "ADDR SIZE SECONDS", run_pull, 3, 3},
	{"push", "ADDR SIZE MS each|batch", run_push, 4, 4},
	{"feed", "ADDR", run_feed, 1, 1},
};

int
main(int argc, char **argv)
{
	size_t n = sizeof(subcommands) / sizeof(*subcommands);

	for (size_t i = 0; argc > 1 && i < n; i++) {
		if (strcmp(argv[1], subcommands[i].name) != 0)
			continue;
		if (argc - 2 < subcommands[i].min ||
		    argc - 2 > subcommands[i].max)
			bench_die("usage: cmsg %s %s", argv[1],
			    subcommands[i].usage);
		return subcommands[i].run(argv + 1);
	}
	bench_die("usage: cmsg gen|json|count|pull|push|feed ...");
}
