/*
 * The zstd stage: there and back, frames of another program, and frames that
 * lie.  Without the library: the message that says so.
 *
 * Hostile frames are written here by hand (RFC 8878 section 3.1): magic,
 * descriptor, window or size, then run-length blocks, four bytes for up to
 * 128 KiB each.
 */
#include "stages.h"

#define MAX (1U << 20)
#define RUN (128U << 10)

/* What `zstd` makes of "hello, world\n" on its standard input: no size in
 * the header, a checksum at the end. */
static const uint8_t hello[] = "\x28\xb5\x2f\xfd\x04\x58\x69\x00\x00"
    "hello, world\n\x4c\x1f\xf9\xf1";
#define HELLO (sizeof(hello) - 1)

static void
missing(void)
{
	struct ipc_pipe_spec spec;
	const char *text = "zstd:9,max=1M";
	struct ipc_strings texts = { .v = &text, .n = 1 };
	struct ipc_error err = { 0 };

	ok(ipc_pipe_parse(&spec, &texts, &err) == IPC_E_USAGE,
	    "a build without zstd refuses it");
	is_str(err.what, "this ipcat is built without zstd", "and says why");
	ok(strstr(err.hint, "libzstd-dev") != NULL, "and what to install");
}

static uint8_t *
sample(size_t len, unsigned int kind)
{
	uint8_t *p = malloc(len + 1);
	uint32_t x = 12345;
	size_t i;

	if (p == NULL)
		abort();
	for (i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = kind == 0 ? (uint8_t)(i / 7) : (uint8_t)(x >> 24);
	}
	return p;
}

static void
round_trips(void)
{
	static const size_t sizes[] = { 0, 1, 2, 63, 64, 65, 1000, 4000, 4095,
	    4096, 4097, 70000, 1000000 };
	struct bench b;
	char name[40];
	size_t i;
	unsigned int kind;

	if (!bench_open(&b, "zstd", MAX))
		return;
	is_str(b.st.ops->framing(b.st.cfg), "len32", "the framing it needs");
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (kind = 0; kind < 2; kind++) {
			uint8_t *p = sample(sizes[i], kind);
			struct ipc_msg *m = bench_put(&b, p, sizes[i]);

			snprintf(name, sizeof(name), "%zu bytes, kind %u",
			    sizes[i], kind);
			m->id = 7;
			m->at = 8;
			m->tag = 9;
			m->flags = IPC_MSG_OPEN | IPC_MSG_FRAMED;
			ok(bench_tx(&b) == 0 && ipc_batch_count(&b.in) == 0,
			    "%s: compressed", name);
			ok(kind == 1 || sizes[i] < 1000 ||
			    b.out.m[0].len < sizes[i] / 2,
			    "%s: smaller", name);
			bench_turn(&b);
			ok(bench_rx(&b) == 0, "%s: inflated", name);
			m = &b.out.m[0];
			ok(m->id == 7 && m->at == 8 && m->tag == 9 &&
			    m->topic == 0 && m->flags == IPC_MSG_OPEN,
			    "%s: what belongs to it", name);
			bench_is(&b, p, sizes[i], name);
			free(p);
		}
	}
	bench_close(&b);
}

/* Small messages share a chunk, and the second round makes none. */
static void
steady(void)
{
	struct bench b;
	uint64_t made = 0;
	int i, round, wrong = 0;
	char text[64];

	if (!bench_open(&b, "zstd:1", MAX))
		return;
	for (round = 0; round < 50; round++) {
		if (round == 10)
			made = b.pool.made;
		for (i = 0; i < IPC_BATCH; i++) {
			snprintf(text, sizeof(text), "message %d of %d", i,
			    round);
			bench_put(&b, text, strlen(text));
		}
		wrong += bench_tx(&b) != 0;
		bench_turn(&b);
		wrong += bench_rx(&b) != 0;
		wrong += ipc_batch_count(&b.out) != IPC_BATCH;
		for (i = 0; ipc_batch_count(&b.out) > 0; i++) {
			const struct ipc_msg *m = &b.out.m[b.out.head];

			snprintf(text, sizeof(text), "message %d of %d", i,
			    round);
			wrong += m->len != strlen(text) ||
			    memcmp(m->data, text, m->len) != 0;
			ipc_batch_drop(&b.out);
		}
		ipc_batch_clear(&b.in);
	}
	is_u64((uint64_t)wrong, 0, "50 batches there and back");
	is_u64(b.pool.made, made, "steady state makes no chunk");
	ok(made <= 8, "few chunks for many messages: %ju", (uintmax_t)made);
	ok(b.st.ops->flush(&b.st, IPC_FLUSH_IDLE, &(struct ipc_io){
	    .in = &b.in, .out = &b.out }, &b.err) == 0 && b.pool.live == 0,
	    "an idle stage holds no chunk");
	bench_close(&b);
}

/* A frame on the wire, and what becomes of it. */
static void
frame(const char *stage, uint32_t max, const void *p, size_t len,
    const char *what, const char *name)
{
	struct bench b;
	int rc;

	if (!bench_open(&b, stage, max))
		return;
	bench_put(&b, p, len);
	bench_put(&b, hello, HELLO);
	rc = bench_rx(&b);
	if (what == NULL) {
		ok(rc == 0 && ipc_batch_count(&b.out) == 2, "%s: good", name);
		bench_close(&b);
		return;
	}
	ok(rc == IPC_E_DATA && ipc_batch_count(&b.out) == 0,
	    "%s: refused (%d)", name, rc);
	ok(strstr(b.err.what, what) != NULL, "%s: %s", name, b.err.what);
	is_u64(ipc_batch_count(&b.in), 2, "%s: it is still there", name);
	is_u64(b.in.m[b.in.head].len, len, "%s: as the first", name);
	ok(b.pool.made <= 1, "%s: nothing was reserved", name);
	ipc_batch_drop(&b.in);
	ok(bench_rx(&b) == 0, "%s: the next one passes", name);
	bench_is(&b, "hello, world\n", 13, name);
	bench_close(&b);
}

/* A head and n run-length blocks of `run` bytes; free it. */
static uint8_t *
runs(const void *head, size_t nhead, size_t n, uint32_t run, size_t *len)
{
	uint8_t *p = malloc(nhead + n * 4 + 1), *q;
	size_t i;

	if (p == NULL)
		abort();
	memcpy(p, head, nhead);
	q = p + nhead;
	for (i = 0; i < n; i++) {
		uint32_t h = run << 3 | 1U << 1 | (i + 1 == n);

		*q++ = (uint8_t)h;
		*q++ = (uint8_t)(h >> 8);
		*q++ = (uint8_t)(h >> 16);
		*q++ = 'A';
	}
	*len = (size_t)(q - p);
	return p;
}

static void
hostile(void)
{
	static const uint8_t unknown[] = "\x28\xb5\x2f\xfd\x00\x58";
	static const uint8_t wide[] = "\x28\xb5\x2f\xfd\x00\xa0";
	static const uint8_t four[] = "\x28\xb5\x2f\xfd\xa0\xff\xff\xff\xbf";
	static const uint8_t eight[] =
	    "\x28\xb5\x2f\xfd\xe0\xff\xff\xff\xff\xff\xff\xff\xff";
	static const uint8_t lies[] = "\x28\xb5\x2f\xfd\xa0\x00\x00\x01\x00";
	uint8_t *p, twice[2 * HELLO];
	size_t len, i;
	char name[40];

	p = runs(unknown, 6, 8, RUN, &len);
	frame("zstd", MAX, p, len, NULL, "exactly the limit, no size");
	frame("zstd", MAX - 1, p, len, "more than 1048575 bytes",
	    "one over, no size");
	frame("zstd,max=1k", MAX, p, len, "more than 1024 bytes",
	    "one over max=, no size");
	free(p);
	p = runs(unknown, 6, 8192, RUN, &len);
	frame("zstd", MAX, p, len, "more than", "1 GiB of runs");
	frame("zstd,max=1G", MAX, p, len, "more than 1048576",
	    "max= does not lift the limit");
	free(p);
	p = runs(wide, 6, 1, 16, &len);
	frame("zstd", MAX, p, len, "damaged", "a window of 1 GiB");
	free(p);
	p = runs(four, 9, 1, 16, &len);
	frame("zstd", MAX, p, len, "more than", "claims 3 GiB");
	free(p);
	p = runs(eight, 13, 1, 16, &len);
	frame("zstd", MAX, p, len, "", "claims 2^64 - 1");
	free(p);
	p = runs(lies, 9, 1, 16, &len);
	frame("zstd", MAX, p, len, "damaged", "claims more than there is");
	free(p);
	p = runs(lies, 9, 1, 65537, &len);
	frame("zstd", MAX, p, len, "damaged", "claims less than there is");
	free(p);
	frame("zstd", MAX, "", 0, "not a zstd frame", "nothing");
	frame("zstd", MAX, "{\"a\":1}", 7, "not a zstd frame", "text");
	frame("zstd", MAX, "\x50\x2a\x4d\x18\0\0\0\0", 8, "not a zstd frame",
	    "a frame to be skipped");
	for (i = 0; i < HELLO; i++) {
		snprintf(name, sizeof(name), "cut after %zu bytes", i);
		frame("zstd", MAX, hello, i, "not a", name);
	}
	memcpy(twice, hello, HELLO);
	memcpy(twice + HELLO, hello, HELLO);
	frame("zstd", MAX, twice, sizeof(twice), "offset 26", "two frames");
	frame("zstd", MAX, twice, HELLO + 1, "offset 26", "a byte behind");
	twice[10] ^= 1;
	frame("zstd", MAX, twice, HELLO, "damaged", "the checksum differs");
}

/* Every byte of a frame changed in turn: an error or a message in bounds. */
static void
flipped(void)
{
	struct bench b;
	uint8_t bad[HELLO];
	size_t i, in_bounds = 0;

	if (!bench_open(&b, "zstd,max=64k", MAX))
		return;
	for (i = 0; i < HELLO * 255; i++) {
		int rc;

		memcpy(bad, hello, HELLO);
		bad[i % HELLO] ^= (uint8_t)(i / HELLO + 1);
		bench_put(&b, bad, HELLO);
		rc = bench_rx(&b);
		in_bounds += rc == IPC_E_DATA || (rc == 0 &&
		    ipc_batch_count(&b.out) == 1 && b.out.m[0].len <= 65536);
		ipc_batch_clear(&b.in);
		ipc_batch_clear(&b.out);
	}
	is_u64(in_bounds, i, "all %zu changed frames", i);
	bench_close(&b);
}

/* What a large message took is given back when the input pauses. */
static void
idle(void)
{
	static const uint8_t head[] = "\x28\xb5\x2f\xfd\x00\x58";
	struct bench b;
	struct ipc_io io;
	size_t len;
	uint8_t *p = runs(head, 6, 128, RUN, &len);
	int i;

	if (!bench_open(&b, "zstd:22", 64 * MAX))
		return;
	io = bench_io(&b);
	for (i = 0; i < 2; i++) {
		bench_put(&b, p, len);
		ok(bench_rx(&b) == 0 && b.out.m[0].len == 16 * MAX,
		    "16 MiB of an unknown size");
		bench_turn(&b);
		ok(bench_tx(&b) == 0 && b.out.m[0].len < 65536,
		    "and small again");
		ok(b.st.ops->flush(&b.st, IPC_FLUSH_IDLE, &io, &b.err) == 0,
		    "a pause");
		ipc_batch_clear(&b.in);
		ipc_batch_clear(&b.out);
	}
	free(p);
	bench_close(&b);
}

static void
limits(void)
{
	struct bench b;
	uint8_t *p = sample(1000, 1);

	if (!bench_open(&b, "zstd:22", 1000))
		return;
	bench_put(&b, p, 1000);
	ok(bench_tx(&b) == IPC_E_DATA && ipc_batch_count(&b.in) == 1,
	    "what does not compress may be over the limit");
	ipc_batch_clear(&b.in);
	bench_put(&b, p, 900);
	ok(bench_tx(&b) == 0, "the stage goes on");
	bench_turn(&b);
	ok(bench_rx(&b) == 0, "and back");
	bench_is(&b, p, 900, "level 22");
	free(p);
	bench_close(&b);
}

static void
bad_arg(const char *text, const char *what)
{
	struct ipc_pipe_spec spec;
	struct ipc_strings texts = { .v = &text, .n = 1 };
	struct ipc_error err = { 0 };

	ok(ipc_pipe_parse(&spec, &texts, &err) == IPC_E_USAGE, "%s", text);
	is_str(err.what, what, "what is wrong with %s", text);
}

int
main(void)
{
	if (ipc_stage_find("zstd")->tx == NULL) {
		missing();
		return done();
	}
	round_trips();
	steady();
	frame("zstd", MAX, hello, HELLO, NULL, "of another program");
	hostile();
	flipped();
	idle();
	limits();
	bad_arg("zstd:0", "\"0\" is not a level of zstd");
	bad_arg("zstd:23", "\"23\" is not a level of zstd");
	bad_arg("zstd:", "\"\" is not a level of zstd");
	bad_arg("zstd:-3", "\"-3\" is not a level of zstd");
	bad_arg("zstd,max=0", "\"0\" is too small");
	return done();
}
