/*
 * cfan: many subscribers in one process, and a publisher and a server for
 * comparison.
 *
 *   cfan line ADDR SUBS SIZE COUNT       connect and read lines
 *   cfan mqtt ADDR SUBS SIZE COUNT       subscribe at an MQTT 3.1.1 broker
 *   cfan publish ADDR SIZE COUNT         publish to that broker, QoS 0
 *   cfan serve ADDR SUBS                 stdin to SUBS connections, then end
 *
 * Every subscriber must get numbered messages 0 to COUNT-1 (msgs.h), each in
 * order and to the byte.  "ready" is said when all can get them: with MQTT
 * after the SUBACKs, with lines after one line that begins with '#' has come
 * on each connection, however many more follow.  The result is the number of
 * deliveries and the time from the first to the last of all.
 * serve is the limit of C: 64 KiB at a time, one write for each connection.
 * The MQTT here is only what the topic needs; the topic name is "b".
 */
#include "msgs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BUF_SIZE (256 * 1024)
#define MAX_SUBS 1000
#define MAX_SECONDS 30
#define IO_SECONDS 5
#define MAX_EVENTS 64

#define MQTT_CONNECT 0x10
#define MQTT_CONNACK 0x20
#define MQTT_PUBLISH 0x30
#define MQTT_SUBSCRIBE 0x82
#define MQTT_SUBACK 0x90
#define MQTT_DISCONNECT 0xe0

struct sub {
	struct msgs want;
	uint8_t *rest;		/* an unfinished frame */
	size_t have;
	int fd;
	bool ready;
};

struct fan {
	struct sub *sub;
	unsigned subs, ready;
	bool mqtt;
	uint64_t count, got, goal, start;
};

static uint8_t buf[BUF_SIZE + MSG_MAX];

static void
fan_ready(struct fan *f, struct sub *s)
{
	if (s->ready)
		return;
	s->ready = true;
	if (++f->ready < f->subs)
		return;
	puts("ready");
	fflush(stdout);
}

static void
fan_take(struct fan *f, struct sub *s, const uint8_t *p, size_t len)
{
	if (f->start == 0)
		f->start = bench_now_ns();
	if (!msgs_take(&s->want, p, len))
		msgs_wrong(&s->want, p, len);
	f->got++;
}

/* Bytes of the first line of p[0..n), or 0 when it is not whole. */
static size_t
take_line(struct fan *f, struct sub *s, const uint8_t *p, size_t n)
{
	size_t size = s->want.size;
	const uint8_t *end;

	if (p[0] != '#') {
		if (n <= size)
			return 0;
		if (p[size] != '\n')
			bench_die("a line of another length");
		fan_take(f, s, p, size);
		return size + 1;
	}
	end = memchr(p, '\n', n);
	if (end == NULL)
		return 0;
	fan_ready(f, s);
	return (size_t)(end - p) + 1;
}

/* The same for an MQTT packet. */
static size_t
take_packet(struct fan *f, struct sub *s, const uint8_t *p, size_t n)
{
	size_t len = 0, head = 1;
	unsigned shift = 0;

	do {
		if (head == n || head > 4)
			return 0;
		len |= (size_t)(p[head] & 0x7f) << shift;
		shift += 7;
	} while (p[head++] & 0x80);
	if (n - head < len)
		return 0;
	if ((p[0] & 0xf0) == MQTT_PUBLISH && len >= 3 && p[head + 1] == 1)
		fan_take(f, s, p + head + 3, len - 3);
	else if (p[0] == MQTT_SUBACK && len == 3 && p[head + 2] == 0)
		fan_ready(f, s);
	else if (p[0] != MQTT_CONNACK || len != 2 || p[head + 1] != 0)
		bench_die("the broker sent packet 0x%02x", p[0]);
	return head + len;
}

static void
sub_read(struct fan *f, struct sub *s)
{
	size_t off = 0, used;
	ssize_t n;

	memcpy(buf, s->rest, s->have);
	n = read(s->fd, buf + s->have, BUF_SIZE);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 0 && s->want.n == f->count) {
		close(s->fd);	/* the others may still be at it */
		return;
	}
	if (n <= 0)
		bench_die("a connection ended after %" PRIu64 " messages",
		    s->want.n);
	for (n += (ssize_t)s->have; off < (size_t)n; off += used) {
		used = f->mqtt ? take_packet(f, s, buf + off, (size_t)n - off) :
		    take_line(f, s, buf + off, (size_t)n - off);
		if (used == 0)
			break;
	}
	s->have = (size_t)n - off;
	if (s->have > s->want.size + 16)
		bench_die("a message of another length");
	memcpy(s->rest, buf + off, s->have);
}

/* CONNECT with a name of its own, SUBSCRIBE to "b"; also for publish. */
static void
mqtt_hello(int fd, unsigned n, bool subscribe)
{
	uint8_t p[64];
	char id[9];
	size_t len = 0;
	static const uint8_t head[] = {MQTT_CONNECT, 20, 0, 4, 'M', 'Q', 'T',
	    'T', 4, 2, 0, 60, 0, 8};
	static const uint8_t sub[] = {MQTT_SUBSCRIBE, 6, 0, 1, 0, 1, 'b', 0};

	snprintf(id, sizeof(id), "cfan%04u", n % 10000);
	memcpy(p, head, sizeof(head));
	len = sizeof(head);
	memcpy(p + len, id, 8);
	len += 8;
	if (subscribe) {
		memcpy(p + len, sub, sizeof(sub));
		len += sizeof(sub);
	}
	if (!bench_write_all(fd, p, len))
		bench_die_errno("write");
}

static void
fan_open(struct fan *f, const struct bench_addr *a, size_t size, int epfd)
{
	for (unsigned i = 0; i < f->subs; i++) {
		struct sub *s = &f->sub[i];
		struct epoll_event ev = {.events = EPOLLIN, .data.ptr = s};

		msgs_init(&s->want, size);
		s->rest = malloc(size + 16);
		s->fd = bench_connect(a, IO_SECONDS);
		if (s->rest == NULL)
			bench_die("out of memory");
		if (f->mqtt)
			mqtt_hello(s->fd, i, true);
		if (fcntl(s->fd, F_SETFL, O_NONBLOCK) < 0 ||
		    epoll_ctl(epfd, EPOLL_CTL_ADD, s->fd, &ev) < 0)
			bench_die_errno("epoll_ctl");
	}
}

static int
run_subscribe(char **argv)
{
	struct bench_addr a = bench_addr_parse(argv[1]);
	struct fan f = {.mqtt = strcmp(argv[0], "mqtt") == 0};
	struct epoll_event ev[MAX_EVENTS];
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	uint64_t ns;

	f.subs = bench_number(argv[2], 1, MAX_SUBS, "SUBS");
	f.count = bench_number(argv[4], 1, 1u << 30, "COUNT");
	f.goal = f.subs * f.count;
	f.sub = calloc(f.subs, sizeof(*f.sub));
	if (f.sub == NULL || epfd < 0)
		bench_die("out of memory");
	bench_setup(MAX_SECONDS);
	fan_open(&f, &a, bench_number(argv[3], MSG_DIGITS, 65536, "SIZE"),
	    epfd);
	while (f.got < f.goal) {
		int n = epoll_wait(epfd, ev, MAX_EVENTS, IO_SECONDS * 1000);

		if (n == 0)
			bench_die("nothing came for %d s: %" PRIu64 " of %"
			    PRIu64 " deliveries, %u of %u ready", IO_SECONDS,
			    f.got, f.goal, f.ready, f.subs);
		if (n < 0 && errno != EINTR)
			bench_die_errno("epoll_wait");
		for (int i = 0; i < n; i++)
			sub_read(&f, ev[i].data.ptr);
	}
	ns = bench_now_ns() - f.start;
	for (unsigned i = 0; i < f.subs; i++)
		if (f.sub[i].want.n != f.count)
			bench_die("a subscriber got %" PRIu64 " messages",
			    f.sub[i].want.n);
	printf("{\"deliveries\": %" PRIu64 ", \"seconds\": %.6f}\n", f.got,
	    (double)ns / 1e9);
	return 0;
}

static int
run_publish(char **argv)
{
	struct bench_addr a = bench_addr_parse(argv[1]);
	unsigned count = bench_number(argv[3], 1, 1u << 30, "COUNT");
	size_t size = bench_number(argv[2], MSG_DIGITS, 16000, "SIZE");
	size_t len = size + 3;
	uint8_t *p = buf, ack[4];
	struct msgs m;
	int fd;

	bench_setup(MAX_SECONDS);
	msgs_init(&m, size);
	fd = bench_connect(&a, MAX_SECONDS);
	mqtt_hello(fd, 9999, false);
	if (!bench_read_all(fd, ack, sizeof(ack)) || ack[3] != 0)
		bench_die("the broker does not want us");
	while (m.n < count) {
		*p++ = MQTT_PUBLISH;
		*p++ = (uint8_t)(len > 127 ? (len & 0x7f) | 0x80 : len);
		if (len > 127)
			*p++ = (uint8_t)(len >> 7);
		memcpy(p, "\0\1b", 3);
		memcpy(p + 3, m.next, size);
		p += len;
		msgs_step(&m);
		if (p - buf < 64 * 1024 && m.n < count)
			continue;
		if (!bench_write_all(fd, buf, (size_t)(p - buf)))
			bench_die_errno("write");
		p = buf;
	}
	memcpy(buf, (uint8_t[]){MQTT_DISCONNECT, 0}, 2);
	return bench_write_all(fd, buf, 2) ? 0 : 1;
}

static int
run_serve(char **argv)
{
	struct bench_addr a = bench_addr_parse(argv[1]);
	unsigned subs = bench_number(argv[2], 1, MAX_SUBS, "SUBS");
	int lfd, fd[MAX_SUBS];
	ssize_t n;

	bench_setup(2 * MAX_SECONDS);
	lfd = bench_listen(&a, false);
	puts("listening");
	fflush(stdout);
	for (unsigned i = 0; i < subs; i++)
		if ((fd[i] = accept(lfd, NULL, NULL)) < 0)
			bench_die_errno("accept");
	while ((n = read(0, buf, 64 * 1024)) > 0)
		for (unsigned i = 0; i < subs; i++)
			if (!bench_write_all(fd[i], buf, (size_t)n))
				bench_die_errno("write");
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 6 && (strcmp(argv[1], "line") == 0 ||
	    strcmp(argv[1], "mqtt") == 0))
		return run_subscribe(argv + 1);
	if (argc == 5 && strcmp(argv[1], "publish") == 0)
		return run_publish(argv + 1);
	if (argc == 4 && strcmp(argv[1], "serve") == 0)
		return run_serve(argv + 1);
	bench_die("usage: cfan line|mqtt ADDR SUBS SIZE COUNT | "
	    "publish ADDR SIZE COUNT | serve ADDR SUBS");
}
