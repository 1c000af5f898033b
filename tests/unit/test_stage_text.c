/* The stage text: encodings both ways, marks, what is refused, limits. */
#include <stdlib.h>

#include "check.h"
#include "stage/stage.h"

#define CHUNK 4096		/* small, so that tests reach its end */

extern const struct ipc_stage_ops ipc_stage_text;

static struct ipc_error err;

struct box {
	struct ipc_stage st;
	struct ipc_pool pool;
	struct ipc_batch in, out;
	void	*cfg;
};

static bool
open_box(struct box *b, const char *arg, uint32_t max)
{
	int rc;

	memset(b, 0, sizeof(*b));
	memset(&err, 0, sizeof(err));
	ipc_pool_init(&b->pool, CHUNK, 4);
	b->cfg = calloc(1, ipc_stage_text.cfg_size);
	b->st.state = calloc(1, ipc_stage_text.state_size);
	if (b->cfg == NULL || b->st.state == NULL)
		abort();
	b->st.ops = &ipc_stage_text;
	b->st.cfg = b->cfg;
	b->st.pool = &b->pool;
	b->st.max = max;
	rc = ipc_stage_text.arg(b->cfg, arg, &err);
	if (rc == 0)
		rc = ipc_stage_text.create(&b->st, &err);
	return rc == 0;
}

static void
close_box(struct box *b)
{
	ipc_batch_clear(&b->in);
	ipc_batch_clear(&b->out);
	ipc_stage_text.destroy(&b->st);
	is_u64(b->pool.live, 0, "all chunks are back");
	ipc_pool_free(&b->pool);
	free(b->st.state);
	free(b->cfg);
}

/* A message in an exact block of its own, with room for a topic before. */
static struct ipc_msg *
put(struct box *b, const void *data, size_t len, const char *topic)
{
	size_t before = topic != NULL ? strlen(topic) + 1 : 0;
	struct ipc_chunk *c = ipc_chunk_big((uint32_t)(len + before));
	struct ipc_msg *m;

	if (c == NULL)
		abort();
	if (topic != NULL)
		memcpy(c->data, topic, before - 1);
	if (before > 0)
		c->data[before - 1] = ' ';
	if (len > 0)
		memcpy(c->data + before, data, len);
	m = ipc_batch_add(&b->in, c, c->data + before, (uint32_t)len,
	    IPC_MSGS);
	m->topic = (uint16_t)(before > 0 ? before - 1 : 0);
	ipc_chunk_put(c);
	return m;
}

static int
turn(struct box *b, bool rx)
{
	struct ipc_io io = { .in = &b->in, .out = &b->out };

	memset(&err, 0, sizeof(err));
	return rx ? ipc_stage_text.rx(&b->st, &io, &err) :
	    ipc_stage_text.tx(&b->st, &io, &err);
}

static void
is_msg(struct box *b, const void *want, size_t n, const char *name)
{
	const struct ipc_msg *m = &b->out.m[b->out.head];

	if (!ok(ipc_batch_count(&b->out) > 0, "%s: a message (%s)", name,
	    err.what))
		return;
	ok(m->len == n && memcmp(m->data, want, n) == 0 &&
	    m->unit == IPC_MSGS, "%s: it", name);
	ipc_batch_drop(&b->out);
}

/* --- conversions --- */

#define S(s) (s), sizeof(s) - 1

static const struct {
	const char *arg, *app;
	size_t	app_len;
	const char *wire;
	size_t	wire_len;
	bool	tx, rx;		/* which ways hold */
} rows[] = {
	{ "utf-8>utf-16le", S("a\xC3\xA9"), S("a\0\xE9\0"), 1, 1 },
	{ "utf-8>utf-16be", S("a\xC3\xA9"), S("\0a\0\xE9"), 1, 1 },
	{ "UTF-8>UTF16LE", S("a"), S("a\0"), 1, 1 },
	{ "utf-8>utf-16", S("a"), S("\xFE\xFF\0a"), 1, 1 },
	{ "utf-8>utf-16", S("a"), S("\xFF\xFE" "a\0"), 0, 1 },
	{ "utf-8>utf-16", S("a"), S("\0a"), 0, 1 },
	{ "utf-8>utf-16", S(""), S(""), 1, 1 },
	{ "utf-8>utf-16", S(""), S("\xFF\xFE"), 0, 1 },
	{ "utf-8>utf-16le", S("\xEF\xBB\xBF" "a"), S("a\0"), 1, 0 },
	{ "utf-8>utf-16le", S("\xEF\xBB\xBF" "a"), S("\xFF\xFE" "a\0"), 0, 1 },
	{ "utf-8>utf-32", S("\xF0\x9D\x84\x9E"), S("\0\0\xFE\xFF\0\1\xD1\x1E"),
	    1, 1 },
	{ "utf-8>utf-32", S("a"), S("\xFF\xFE\0\0a\0\0\0"), 0, 1 },
	{ "utf-8>utf-32le", S("a"), S("a\0\0\0"), 1, 1 },
	{ "utf-8>utf-32be", S("a"), S("\0\0\0a"), 1, 1 },
	{ "utf-16>utf-8", S("\xFF\xFE" "a\0\x1E\x04"), S("a\xD0\x9E"), 1, 0 },
	{ "utf-16le>utf-8", S("\x34\xD8\x1E\xDD"), S("\xF0\x9D\x84\x9E"),
	    1, 1 },
	{ "utf-16>utf-16le", S("\xFE\xFF\0a"), S("a\0"), 1, 1 },
	{ "utf-8>utf-8", S("\xEF\xBB\xBFx"), S("x"), 1, 0 },
	{ "latin1>utf-8", S("\xE9\xFF\x80"), S("\xC3\xA9\xC3\xBF\xC2\x80"),
	    1, 1 },
	{ "utf-8>iso-8859-15", S("\xE2\x82\xAC"), S("\xA4"), 1, 1 },
	{ "utf-8>cp1252", S("\xE2\x82\xAC"), S("\x80"), 1, 1 },
	{ "utf-8>ISO-2022-JP", S("\xE3\x81\x82"), S("\x1B$B$\"\x1B(B"), 1, 1 },
	{ "utf-8>utf-16le", S("a\0b\n"), S("a\0\0\0b\0\n\0"), 1, 1 },
};

static void
test_rows(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct box b;
		char name[60];

		snprintf(name, sizeof(name), "%s %zu", rows[i].arg, i);
		ok(open_box(&b, rows[i].arg, 1000), "%s: made (%s)", name,
		    err.what);
		/* Twice: nothing of the first is left over. */
		for (int k = 0; k < 2 && rows[i].tx; k++) {
			put(&b, rows[i].app, rows[i].app_len, NULL);
			ok(turn(&b, false) == 0, "%s: tx", name);
			is_msg(&b, rows[i].wire, rows[i].wire_len, name);
		}
		for (int k = 0; k < 2 && rows[i].rx; k++) {
			put(&b, rows[i].wire, rows[i].wire_len, NULL);
			ok(turn(&b, true) == 0, "%s: rx", name);
			is_msg(&b, rows[i].app, rows[i].app_len, name);
		}
		close_box(&b);
	}
}

/* --- what is refused --- */

static const struct {
	const char *arg, *in;
	size_t	n;
	const char *at;
} bad[] = {
	{ "utf-8>utf-16le", S("ab\xFFz"), "offset 2" },
	{ "utf-8>utf-16le", S("\xED\xA0\x80"), "offset 0" },
	{ "utf-8>utf-16le", S("a\xC0\xAF"), "offset 1" },
	{ "utf-8>utf-16le", S("\xEF\xBB\xBF" "a\xFF"), "offset 4" },
	{ "utf-8>utf-16le", S("abc\xE2\x82"), "offset 3" },
	{ "utf-16le>utf-8", S("a\0b"), "offset 2" },
	{ "utf-16le>utf-8", S("a\0\x34\xD8"), "offset 2" },
	{ "utf-16be>utf-8", S("\0a\xDC\0\0b"), "offset 2" },
	{ "utf-16>utf-8", S("\xFF\xFE" "a\0b"), "offset 4" },
	{ "utf-32>utf-8", S("\0\0\0a\0\x11\0\0"), "offset 4" },
	{ "utf-8>latin1", S("a\xE2\x82\xAC"), "offset 1" },
	{ "utf-8>latin1", S("abc\xF3\xA0\x81\x81x"), "offset 3" },
	{ "utf-16le>latin1", S("a\0\x40\xDB\x41\xDC"), "offset 2" },
	{ "utf-16>latin1", S("\xFE\xFF\0a\xDB\x40\xDC\x41"), "offset 4" },
	{ "utf-16>latin1", S("\xFF\xFE" "a\0\x40\xDB\x41\xDC"), "offset 4" },
	{ "utf-32le>latin1", S("a\0\0\0\x41\0\x0E\0"), "offset 4" },
	{ "utf-32be>latin1", S("\0\0\0a\0\x0E\0\x7F"), "offset 4" },
	{ "ascii>utf-8", S("a\x80"), "offset 1" },
};

static void
test_bad(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct box b;
		size_t len;
		int rc;

		if (!ok(open_box(&b, bad[i].arg, 1000), "%s: made",
		    bad[i].arg)) {
			close_box(&b);
			continue;
		}
		put(&b, "", 0, NULL);
		put(&b, bad[i].in, bad[i].n, NULL);
		rc = turn(&b, false);
		len = strlen(err.what);
		ok(rc == IPC_E_DATA && err.code == rc && len > 8 &&
		    strcmp(err.what + len - strlen(bad[i].at), bad[i].at) ==
		    0, "%s: refused (%s)", bad[i].arg, err.what);
		ok(ipc_batch_count(&b.in) == 1 &&
		    ipc_batch_count(&b.out) == 1,
		    "the one before it is out, it is still there");
		ipc_batch_drop(&b.in);
		ipc_batch_clear(&b.out);
		put(&b, "", 0, NULL);
		ok(turn(&b, false) == 0 && ipc_batch_count(&b.out) == 1,
		    "and the next one goes through");
		close_box(&b);
	}
}

static void
test_args(void)
{
	static const char *const wrong[] = { "", "utf-8", ">", "utf-8>",
	    ">utf-8", "utf-8>no-such-set", "no-such-set>utf-8",
	    "utf-8>latin1//IGNORE", "utf-8>ascii//TRANSLIT",
	    "utf-8>latin1>utf-8", "utf 8>latin1",
	    "utf-8>xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" };
	struct box b;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ok(!open_box(&b, wrong[i], 10) && err.code == IPC_E_USAGE &&
		    err.hint[0] != '\0', "\"%s\" is refused: %s", wrong[i],
		    err.what);
		close_box(&b);
	}
	ok(!open_box(&b, NULL, 10) && err.code == IPC_E_USAGE, "no argument");
	close_box(&b);
}

/* --- sizes --- */

/* Around the end of a chunk and beyond, four bytes for each. */
static void
test_sizes(void)
{
	static const size_t sizes[] = { 1, 1000, 1023, 1024, 1025, 4095, 4096,
	    4097, 70000 };
	uint8_t in[70000];
	struct box b;

	memset(in, 'x', sizeof(in));
	open_box(&b, "latin1>utf-32le", 280000);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t n = sizes[i], wrong = 0;
		const struct ipc_msg *m = &b.out.m[0];

		for (int k = 0; k < 3; k++)
			put(&b, in, n, NULL);
		ok(turn(&b, false) == 0 && ipc_batch_count(&b.out) == 3,
		    "%zu bytes, three times", n);
		for (int k = 0; k < 3; k++, m++) {
			wrong += m->len != n * 4;
			for (size_t j = 0; j < m->len; j++)
				wrong += m->data[j] != (j % 4 == 0 ? 'x' : 0);
		}
		is_u64(wrong, 0, "%zu bytes: each byte", n);
		ipc_batch_clear(&b.out);
	}
	put(&b, in, 70000, NULL);
	b.st.max = 279999;
	ok(turn(&b, false) == IPC_E_DATA, "one byte over the limit: %s",
	    err.what);
	b.st.max = 0;
	ipc_batch_clear(&b.in);
	put(&b, in, 1, NULL);
	ok(turn(&b, false) == IPC_E_DATA, "nothing allowed: %s", err.what);
	ipc_batch_clear(&b.in);
	close_box(&b);
}

static void
test_steady(void)
{
	struct box b;
	uint64_t made = 0;

	open_box(&b, "utf-8>utf-16le", 1000);
	for (int round = 0; round < 1000; round++) {
		for (int k = 0; k < IPC_BATCH; k++)
			put(&b, "abc", 3, NULL);
		if (turn(&b, false) != 0 ||
		    ipc_batch_count(&b.out) != IPC_BATCH)
			break;
		ipc_batch_clear(&b.out);
		if (round == 10)
			made = b.pool.made;
	}
	ok(b.pool.made == made && made > 0, "steady state allocates nothing");
	close_box(&b);
}

/* A full output batch is back-pressure, not an error. */
static void
test_room(void)
{
	struct box b;

	open_box(&b, "utf-8>latin1", 1000);
	for (int k = 0; k < IPC_BATCH; k++)
		put(&b, "a", 1, NULL);
	ok(turn(&b, false) == 0 && ipc_batch_count(&b.out) == IPC_BATCH,
	    "64 messages");
	put(&b, "b", 1, NULL);
	ok(turn(&b, false) == 0 && ipc_batch_count(&b.in) == 1,
	    "the next one waits");
	close_box(&b);
}

/* What travels with a message stays with it. */
static void
test_meta(void)
{
	struct box b;
	struct ipc_msg *m, *r;

	open_box(&b, "utf-8>utf-16le", 1000);
	m = put(&b, "a", 1, "news.sport");
	m->id = 7;
	m->at = 8;
	m->tag = 9;
	m->flags = IPC_MSG_OPEN | IPC_MSG_FRAMED;
	m->hdr_off = IPC_MSG_HDR - 2;
	m->hdr[IPC_MSG_HDR - 2] = 0xAB;
	m->hdr[IPC_MSG_HDR - 1] = 0xCD;
	ok(turn(&b, false) == 0, "tx");
	r = &b.out.m[b.out.head];
	ok(r->id == 7 && r->at == 8 && r->tag == 9, "id, time, tag");
	ok(r->flags == IPC_MSG_OPEN, "open, no longer as it was framed");
	ok(r->hdr_off == IPC_MSG_HDR - 2 && r->hdr[IPC_MSG_HDR - 2] == 0xAB &&
	    r->hdr[IPC_MSG_HDR - 1] == 0xCD, "header bytes");
	ok(r->topic == 10 && memcmp(r->data - 11, "news.sport a\0", 13) == 0 &&
	    r->len == 2, "topic");
	ipc_batch_drop(&b.out);
	put(&b, "a\xE9", 2, "t");
	ok(turn(&b, false) == IPC_E_DATA, "a bad one with a topic");
	close_box(&b);
}

int
main(void)
{
	test_rows();
	test_bad();
	test_args();
	test_sizes();
	test_steady();
	test_room();
	test_meta();
	return done();
}
