/* Records: the format, and the replay transport that reads them. */
#include "wire/record.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "check.h"
#include "conn.h"

extern const struct ipc_transport ipc_transport_replay;

static struct ipc_error err;
static char path[] = "/tmp/ipcat-record.XXXXXX";

/* --- the format --- */

static void
test_head(void)
{
	static const uint8_t want[IPC_RECORD_HEAD] = {
		'I', 'P', 'C', 'R', 'E', 'C', '1', '\n',
		0xEF, 0xCD, 0xAB, 0x89, 0x67, 0x45, 0x23, 0x01
	};
	uint8_t head[IPC_RECORD_HEAD];
	uint64_t wall = 0;

	ipc_record_head(head, 0x0123456789ABCDEFU);
	ok(memcmp(head, want, sizeof(want)) == 0, "head: the bytes");
	ok(ipc_record_parse_head(head, &wall) == 0 &&
	    wall == 0x0123456789ABCDEFU, "head: read back");
	for (int i = 0; i < 8; i++) {
		uint8_t bad[IPC_RECORD_HEAD];

		memcpy(bad, head, sizeof(bad));
		bad[i] ^= 1;
		ok(ipc_record_parse_head(bad, &wall) == -1,
		    "head: byte %d of the magic counts", i);
	}
}

static void
test_entry(void)
{
	static const struct ipc_record good[] = {
		{ 0, 0, 0, 0 }, { 1, 2, 3, 1 },
		{ UINT64_MAX, UINT32_MAX, IPC_RECORD_MAX, 1 },
		{ 1ULL << 63, 1U << 31, IPC_RECORD_MAX - 1, 0 },
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint8_t in[IPC_RECORD_ENTRY];
		struct ipc_record r = { 7, 7, 7, 7 };

		ipc_record_entry(in, &good[i]);
		ok(ipc_record_parse_entry(in, &r) == 0 &&
		    r.ns == good[i].ns && r.conn == good[i].conn &&
		    r.len == good[i].len && r.dir == good[i].dir,
		    "entry %zu: read back", i);
	}
}

/* H03: lengths at the limits. */
static void
test_bad_entry(void)
{
	static const uint32_t lengths[] = { IPC_RECORD_MAX + 1, 1U << 31,
	    UINT32_MAX - 1, UINT32_MAX };
	struct ipc_record r = { 1, 2, 3, 1 };
	uint8_t in[IPC_RECORD_ENTRY];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct ipc_record big = { 0, 0, lengths[i], 0 };

		ipc_record_entry(in, &big);
		ok(ipc_record_parse_entry(in, &r) == -1,
		    "entry: length %u is refused", lengths[i]);
	}
	for (int i = 16; i < IPC_RECORD_ENTRY; i++) {
		struct ipc_record some = { 1, 2, 3, 1 };

		ipc_record_entry(in, &some);
		in[i] = 2;
		ok(ipc_record_parse_entry(in, &r) == -1,
		    "entry: byte %d of 2 is refused", i);
	}
}

/* --- replay --- */

struct line {
	uint64_t ms;
	uint32_t conn;
	uint8_t	dir;
	const char *text;
};

/* Times are far apart, so that only `speed` can bring them together. */
#define HOUR 3600000U
static const struct line lines[] = {
	{ HOUR, 3, 1, "hi" }, { HOUR, 3, 0, "" }, { HOUR, 3, 0, "one " },
	{ HOUR + 1, 5, 0, "other" }, { 2 * HOUR, 3, 0, "two " },
	{ 2 * HOUR, 3, 1, "ho" }, { HOUR - 1, 3, 0, "three" },
};

/* Writes the lines, then `extra` bytes of the last one again. */
static void
write_record(size_t n, size_t extra)
{
	FILE *f = fopen(path, "wb");
	uint8_t head[IPC_RECORD_ENTRY];

	if (f == NULL)
		abort();
	ipc_record_head(head, 1);
	fwrite(head, IPC_RECORD_HEAD, 1, f);
	for (size_t i = 0; i < n + (extra > 0); i++) {
		const struct line *l = &lines[i < n ? i : n - 1];
		struct ipc_record r = { l->ms * IPC_NS_PER_MS, l->conn,
		    (uint32_t)strlen(l->text), l->dir };
		size_t most = i < n ? SIZE_MAX : extra;

		ipc_record_entry(head, &r);
		fwrite(head, 1, most < sizeof(head) ? most : sizeof(head), f);
		most -= most < sizeof(head) ? most : sizeof(head);
		fwrite(l->text, 1, most < r.len ? most : r.len, f);
	}
	if (fclose(f) != 0)
		abort();
}

static int
open_replay(struct ipc_endpoint *ep, struct ipc_conn *c, const char *keys)
{
	char text[128];
	int rc;

	snprintf(text, sizeof(text), "replay:%s%s", path, keys);
	rc = conn_endpoint(ep, &ipc_transport_replay, text, false, &err);
	return rc != 0 ? rc : conn_dial(c, ep, NULL, IPC_CONN_READ, &err);
}

/* Reads to the end, `step` bytes at a time.  Returns the last errno or 0. */
static int
read_all(struct ipc_conn *c, char *buf, size_t size, size_t step)
{
	size_t got = 0;
	ssize_t n;

	do {
		struct iovec iov = { buf + got,
		    step < size - 1 - got ? step : size - 1 - got };

		if (!conn_wait(c->rfd, POLLIN))
			return ETIMEDOUT;
		n = c->tr->readv(c, &iov, 1);
		got += n > 0 ? (size_t)n : 0;
	} while (n > 0 || (n == -1 && errno == EAGAIN));
	buf[got] = '\0';
	return n == 0 ? 0 : errno;
}

static void
replays(const char *keys, const char *want, int want_errno)
{
	for (size_t step = 1; step <= 64; step *= 4) {
		struct ipc_endpoint ep;
		struct ipc_conn c;
		char buf[64] = "";
		int rc = open_replay(&ep, &c, keys);

		ok(rc == 0, "replay%s: opens (%s)", keys, err.what);
		if (rc == 0)
			rc = read_all(&c, buf, sizeof(buf), step);
		ok(rc == want_errno, "replay%s: ends with %s", keys,
		    strerror(want_errno));
		is_str(buf, want, "replay%s: the bytes, by %zu", keys, step);
		ep.tr->close(&c);
		ep.tr->close(&c);
		ipc_endpoint_free(&ep);
	}
}

static void
refuses(const char *keys, int code, const char *what)
{
	struct ipc_endpoint ep;
	struct ipc_conn c;
	unsigned fds = conn_open_fds();

	conn_init(&c, NULL, 0);
	ok(open_replay(&ep, &c, keys) == code &&
	    strstr(err.what, what) != NULL, "replay%s: %s (%s)", keys, what,
	    err.what);
	if (c.tr != NULL)
		c.tr->close(&c);
	ipc_endpoint_free(&ep);
	is_u64(conn_open_fds(), fds, "replay%s: nothing stays open", keys);
}

static void
test_replay(void)
{
	write_record(7, 0);
	replays("?speed=max", "one two three", 0);
	replays("?speed=max&dir=in", "hiho", 0);
	replays("?speed=max&conn=5", "other", 0);
	replays("?speed=max&conn=5&dir=in", "", 0);
	replays("?speed=max&conn=4", "", ENODATA);
	/* An hour in 3.6 ms. */
	replays("?speed=1000000", "one two three", 0);
	for (size_t cut = 1; cut < IPC_RECORD_ENTRY + 5; cut++) {
		write_record(7, cut);
		if (cut <= IPC_RECORD_ENTRY)
			replays("?speed=max", "one two three", EBADMSG);
		replays("?speed=max&conn=5", "other", EBADMSG);
	}
	write_record(0, 0);
	replays("", "", 0);
	replays("?speed=max", "", 0);
}

/* Not due: nothing yet, and the timer is not readable. */
static void
test_waits(void)
{
	struct ipc_endpoint ep;
	struct ipc_conn c;
	char buf[16];
	struct iovec iov = { buf, sizeof(buf) };
	struct pollfd p = { .events = POLLIN };

	write_record(7, 0);
	ok(open_replay(&ep, &c, "") == 0, "waits: opens");
	p.fd = c.rfd;
	ok(poll(&p, 1, CONN_DEADLINE_MS) == 1 && c.tr->readv(&c, &iov, 1) == 4,
	    "waits: the first entry is due at once");
	ok(c.tr->readv(&c, &iov, 1) == -1 && errno == EAGAIN,
	    "waits: the next is not");
	ok(poll(&p, 1, 0) == 0, "waits: the timer is armed");
	ok(c.wfd == -1 && (c.flags & IPC_CONN_WFULL) != 0,
	    "waits: cannot be written");
	c.tr->close(&c);
	ipc_endpoint_free(&ep);
}

static void
test_bad_file(void)
{
	static const char *const speeds[] = { "?speed=0", "?speed=-1",
	    "?speed=", "?speed=.", "?speed=1e3", "?speed=1.2.3", "?speed=nan",
	    "?speed=inf", "?speed=0x10", "?speed=1x", "?speed=0.0001",
	    "?speed=1000001", "?speed=Max", "?speed=99999999999999999999" };

	write_record(7, 0);
	for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++)
		refuses(speeds[i], IPC_E_USAGE, "not a speed");
	refuses("?dir=up", IPC_E_USAGE, "up");
	refuses("?conn=0", IPC_E_USAGE, "0");
	refuses("?conn=4294967296", IPC_E_USAGE, "4294967296");
	if (truncate(path, IPC_RECORD_HEAD - 1) != 0)
		abort();
	refuses("", IPC_E_NET, "is not a record");
	unlink(path);
	refuses("", IPC_E_NET, "cannot open");
	if (mkdir(path, 0700) != 0)
		abort();
	refuses("", IPC_E_NET, "is not a record");
	rmdir(path);
}

int
main(void)
{
	int fd = mkstemp(path);

	if (fd == -1)
		return 1;
	close(fd);
	test_head();
	test_entry();
	test_bad_entry();
	test_replay();
	test_waits();
	test_bad_file();
	unlink(path);
	return done();
}
