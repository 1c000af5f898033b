/* The rate stage: what a second lets through, and when the rest may go. */
#include "base/clock.h"
#include "stages.h"

#define MS IPC_NS_PER_MS
#define START (5000 * MS)

/* Keeps the stage full for `ms`, calling it only when it asks to be; counts
 * what goes, and the calls that were asked for in vain.  Every message has
 * `len` bytes. */
static uint64_t
run(struct bench *b, uint64_t ms, uint32_t len, uint64_t *vain)
{
	static const uint8_t bytes[8192];
	uint64_t end = b->now_ns + ms * MS, sent = 0, at;
	bool due = false;

	*vain = 0;
	while (b->now_ns <= end) {
		while (ipc_batch_count(&b->in) < 8 &&
		    ipc_batch_room(&b->in) > 0)
			bench_put(b, bytes, len);
		bench_tx(b);
		*vain += due && ipc_batch_count(&b->out) == 0;
		sent += ipc_batch_count(&b->out);
		ipc_batch_clear(&b->out);
		at = b->st.ops->deadline(&b->st);
		due = at != IPC_NEVER;
		if (!due)
			continue;
		if (at <= b->now_ns) {
			ok(false, "the deadline lies ahead");
			return sent;
		}
		b->now_ns = at;
	}
	return sent;
}

static void
at_rate(const char *text, uint64_t ms, uint32_t len, uint64_t least,
    uint64_t most)
{
	struct bench b;
	uint64_t sent, vain;

	if (!bench_open(&b, text, 1 << 20))
		return;
	b.now_ns = START;
	sent = run(&b, ms, len, &vain);
	ok(sent >= least && sent <= most,
	    "%s, %ju ms of %u bytes: %ju messages", text, (uintmax_t)ms, len,
	    (uintmax_t)sent);
	is_u64(vain, 0, "no deadline in vain");
	bench_close(&b);
}

static void
burst(void)
{
	struct bench b;
	int i;

	if (!bench_open(&b, "rate:100msg/s", 1 << 20))
		return;
	b.now_ns = START;
	ok(b.st.ops->deadline(&b.st) == IPC_NEVER, "nothing waits");
	for (i = 0; i < 30; i++)
		bench_put(&b, "x", 1)->id = (uint64_t)i;
	bench_tx(&b);
	is_u64(ipc_batch_count(&b.out), 10, "100 ms go at once");
	is_u64(ipc_batch_count(&b.in), 20, "nothing is dropped");
	is_u64(b.st.ops->deadline(&b.st), START + 1, "the next is due");
	ipc_batch_clear(&b.out);
	b.now_ns = START + 1;
	bench_tx(&b);
	is_u64(ipc_batch_count(&b.out), 1, "one more at its time");
	is_u64(b.out.m[0].id, 10, "in order");
	ipc_batch_clear(&b.out);
	bench_tx(&b);
	is_u64(ipc_batch_count(&b.out), 0, "and no more");
	b.now_ns = START + 25 * MS;
	bench_tx(&b);
	is_u64(ipc_batch_count(&b.out), 2, "two in 20 ms");
	ipc_batch_clear(&b.out);
	b.now_ns = START + 100000 * MS;
	bench_tx(&b);
	is_u64(ipc_batch_count(&b.out), 10, "an idle time is not saved up");
	ipc_batch_clear(&b.in);
	bench_tx(&b);
	ok(b.st.ops->deadline(&b.st) == IPC_NEVER, "nothing waits any more");
	bench_close(&b);
}

/* More than the burst goes whole, and is paid for afterwards. */
static void
large(void)
{
	static const uint8_t bytes[65536];
	struct bench b;

	if (!bench_open(&b, "rate:64k/s", 1 << 20))
		return;
	b.now_ns = START;
	bench_put(&b, bytes, sizeof(bytes));
	bench_put(&b, "y", 1);
	bench_tx(&b);
	is_u64(ipc_batch_count(&b.out), 1, "64 KiB at once");
	is_u64(b.st.ops->deadline(&b.st), START + 900 * MS + 1,
	    "then nothing for its second, but for the burst");
	b.now_ns = START + 900 * MS;
	bench_tx(&b);
	is_u64(ipc_batch_count(&b.in), 1, "a nanosecond too early");
	b.now_ns++;
	bench_tx(&b);
	is_u64(ipc_batch_count(&b.in), 0, "in time");
	bench_close(&b);
}

/* A full `out` is no reason to wake up for. */
static void
full(void)
{
	struct bench b;
	int i;

	if (!bench_open(&b, "rate:1000000msg/s", 1 << 20))
		return;
	b.now_ns = START;
	for (i = 0; i < IPC_BATCH; i++)
		bench_put(&b, "", 0);
	bench_tx(&b);
	is_u64(ipc_batch_count(&b.out), IPC_BATCH, "all of them");
	bench_put(&b, "", 0);
	bench_tx(&b);
	is_u64(ipc_batch_count(&b.in), 1, "out is full");
	ok(b.st.ops->deadline(&b.st) == IPC_NEVER, "not a matter of time");
	bench_close(&b);
}

int
main(void)
{
	at_rate("rate:100msg/s", 10000, 1, 1000, 1011);
	at_rate("rate:3msg/s", 100000, 1, 300, 301);
	at_rate("rate:1msg/s", 10000, 8192, 10, 12);
	at_rate("rate:7000msg/s", 1000, 0, 7000, 7701);
	at_rate("rate:64k/s", 10000, 1024, 640, 648);
	at_rate("rate:64kB/s", 10000, 1000, 655, 663);
	at_rate("rate:500B/s", 100000, 7, 7142, 7152);
	at_rate("rate:1.5M/s", 1000, 4096, 384, 424);
	burst();
	large();
	full();
	return done();
}
