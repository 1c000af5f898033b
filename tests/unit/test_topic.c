/* Topic names, patterns, matching, the lines of the protocol, the stage. */
#include "wire/topic.h"

#include <stdlib.h>

#include "base/opt.h"
#include "check.h"
#include "stage/topic.h"

static struct ipc_batch in, out;

static bool
name(const char *s)
{
	return ipc_topic_check(s, strlen(s), IPC_E_DATA, NULL) == 0;
}

static bool
pattern(const char *s)
{
	return ipc_pattern_check(s, strlen(s), IPC_E_DATA, NULL) == 0;
}

static bool
match(const char *p, const char *t)
{
	return ipc_topic_match(p, strlen(p), t, strlen(t));
}

static void
names(void)
{
	static const char *const good[] = { "a", "a.b.c", "A-1_x/y:z",
	    "\xc3\xa9.x", "$SYS", "0" };
	static const char *const bad[] = { "", ".", "a.", ".a", "a..b", "a b",
	    "a\tb", "a\n", "a\x7f", "*", ">", "a.*", "a.>", "a*b" };
	char long_one[IPC_TOPIC_MAX + 2], deep[2 * IPC_TOPIC_TOKENS + 2];
	struct ipc_error err = { 0 };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ok(name(good[i]), "name %s", good[i]);
		ok(pattern(good[i]), "is a pattern too");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!name(bad[i]), "bad name %zu", i);
	memset(long_one, 'x', sizeof(long_one));
	ok(ipc_topic_check(long_one, IPC_TOPIC_MAX, IPC_E_DATA, NULL) == 0,
	    "the longest");
	ok(ipc_topic_check(long_one, IPC_TOPIC_MAX + 1, IPC_E_USAGE, &err) ==
	    IPC_E_USAGE, "one more is refused, with the caller's code");
	ok(strstr(err.what, "257") != NULL, "and says how long: %s", err.what);
	for (size_t i = 0; i < sizeof(deep); i++)
		deep[i] = i % 2 == 0 ? 'a' : '.';
	ok(ipc_topic_check(deep, 2 * IPC_TOPIC_TOKENS - 1, IPC_E_DATA, NULL) ==
	    0, "as many tokens as allowed");
	ok(ipc_topic_check(deep, 2 * IPC_TOPIC_TOKENS + 1, IPC_E_DATA, NULL) ==
	    IPC_E_DATA, "one token more");
	ok(ipc_topic_check("a\0b", 3, IPC_E_DATA, NULL) < 0, "a NUL");
}

static void
patterns(void)
{
	static const char *const good[] = { "*", ">", "a.*", "*.b", "a.>",
	    "*.*", "a.*.c", "*.>" };
	static const char *const bad[] = { ">.a", "a.>.b", "a*", "*a.b", "a>",
	    "**", ">>", "a..*", "*.", "" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(pattern(good[i]), "pattern %s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!pattern(bad[i]), "bad pattern \"%s\"", bad[i]);
}

static void
matching(void)
{
	static const struct {
		const char *p, *t;
		bool yes;
	} v[] = {
		{ "a", "a", true }, { "a", "b", false }, { "a", "aa", false },
		{ "aa", "a", false }, { "a", "a.b", false },
		{ "a.b", "a", false }, { "a.b", "a.b", true },
		{ "*", "a", true }, { "*", "a.b", false },
		{ "*.b", "a.b", true }, { "*.b", "a.c", false },
		{ "a.*", "a", false }, { "a.*", "a.b", true },
		{ "a.*", "a.b.c", false }, { "a.*.c", "a.b.c", true },
		{ "a.*.c", "a.c", false }, { ">", "a", true },
		{ ">", "a.b.c", true }, { "a.>", "a", false },
		{ "a.>", "a.b", true }, { "a.>", "a.b.c", true },
		{ "a.>", "b.c", false }, { "*.>", "a", false },
		{ "*.>", "a.b", true }, { "*.*", "a.b", true },
		{ "*.*", "a", false },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		ok(match(v[i].p, v[i].t) == v[i].yes, "%s %s %s", v[i].p,
		    v[i].yes ? "matches" : "does not match", v[i].t);
}

static void
lines(void)
{
	struct ipc_topic_line l;
	struct ipc_error err = { 0 };

	ok(ipc_topic_parse("PUB a.b hello you", 17, &l, NULL) == 0 &&
	    l.verb == IPC_TOPIC_PUB && l.ntopic == 3 && l.payload == 8 &&
	    !l.bare && memcmp(l.topic, "a.b", 3) == 0, "PUB");
	ok(ipc_topic_parse("PUB a ", 6, &l, NULL) == 0 && l.payload == 6 &&
	    !l.bare, "PUB with an empty payload");
	ok(ipc_topic_parse("PUB a", 5, &l, NULL) == 0 && l.payload == 5 &&
	    l.bare, "PUB without one");
	ok(ipc_topic_parse("MSG a  b", 8, &l, NULL) == 0 &&
	    l.verb == IPC_TOPIC_MSG && l.payload == 6,
	    "a payload may begin with a blank");
	ok(ipc_topic_parse("SUB a.>", 7, &l, NULL) == 0 &&
	    l.verb == IPC_TOPIC_SUB && l.ntopic == 3, "SUB");
	ok(ipc_topic_parse("UNSUB *", 7, &l, NULL) == 0 &&
	    l.verb == IPC_TOPIC_UNSUB && l.ntopic == 1, "UNSUB");
	ok(ipc_topic_parse("", 0, &l, NULL) == IPC_E_DATA, "nothing");
	ok(ipc_topic_parse("PUB", 3, &l, NULL) == IPC_E_DATA, "a verb alone");
	ok(ipc_topic_parse("PUB ", 4, &l, NULL) == IPC_E_DATA, "no topic");
	ok(ipc_topic_parse("PUB * x", 7, &l, NULL) == IPC_E_DATA,
	    "a wildcard is not published to");
	ok(ipc_topic_parse("SUB a b", 7, &l, NULL) == IPC_E_DATA,
	    "a pattern has no blank");
	ok(ipc_topic_parse("pub a b", 7, &l, NULL) == IPC_E_DATA,
	    "verbs are upper case");
	ok(ipc_topic_parse("GET / HTTP/1.1", 14, &l, &err) == IPC_E_DATA &&
	    strstr(err.what, "GET /") != NULL && err.hint[0] != '\0',
	    "another protocol is named");
}

static void
put(const char *s, uint32_t hdr_off)
{
	struct ipc_chunk *c = ipc_chunk_big((uint32_t)strlen(s));
	struct ipc_msg *m;

	memcpy(c->data, s, strlen(s));
	m = ipc_batch_add(&in, c, c->data, c->size, IPC_MSGS);
	m->hdr_off = (uint8_t)hdr_off;
	m->flags = IPC_MSG_FRAMED;
	ipc_chunk_put(c);
}

static char *
take(void)
{
	static char text[1024];
	struct ipc_msg *m = &out.m[out.head];
	size_t n = (size_t)IPC_MSG_HDR - m->hdr_off;

	if (ipc_batch_count(&out) == 0)
		return NULL;
	memcpy(text, m->hdr + m->hdr_off, n);
	memcpy(text + n, m->data, m->len);
	text[n + m->len] = '\0';
	ok((m->flags & IPC_MSG_FRAMED) == 0, "not in its old frame");
	ipc_batch_drop(&out);
	return text;
}

static struct ipc_stage
stage(const struct ipc_topic_cfg *cfg)
{
	return (struct ipc_stage){ .ops = &ipc_stage_topic, .cfg = cfg,
	    .state = calloc(1, ipc_stage_topic.state_size) };
}

static void
sending(void)
{
	char topic[IPC_TOPIC_MAX + 1], want[400];
	struct ipc_topic_cfg cfg = { .topic = "a.b" };
	struct ipc_stage st = stage(&cfg);
	struct ipc_io io = { .in = &in, .out = &out };
	const uint32_t lengths[] = { 1, 63, 64, 65, 256 };

	put("x y", IPC_MSG_HDR);
	put("", IPC_MSG_HDR);
	put("tight", IPC_MSG_HDR - 70);
	memcpy(in.m[2].hdr + 4, "another stage's header of seventy bytes "
	    "that leaves us no room for our", 70);
	ok(ipc_stage_topic.tx(&st, &io, NULL) == 0, "tx");
	is_str(take(), "PUB a.b x y", "a topic before it");
	is_str(take(), "PUB a.b ", "an empty message");
	is_str(take(), "PUB a.b another stage's header of seventy bytes that "
	    "leaves us no room for ourtight", "no room in the header");
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		memset(topic, 't', lengths[i]);
		topic[lengths[i]] = '\0';
		cfg.topic = topic;
		ok(ipc_stage_topic.check(&cfg, NULL) == 0, "a good topic");
		put("data", IPC_MSG_HDR);
		ok(ipc_stage_topic.tx(&st, &io, NULL) == 0, "tx");
		snprintf(want, sizeof(want), "PUB %s data", topic);
		is_str(take(), want, "a topic of %u bytes", lengths[i]);
	}
	cfg.topic = "no blanks please";
	ok(ipc_stage_topic.check(&cfg, NULL) == IPC_E_USAGE, "a bad topic");
	cfg.topic = NULL;
	put("plain", IPC_MSG_HDR);
	in.m[in.head].flags = 0;
	ok(ipc_stage_topic.tx(&st, &io, NULL) == 0, "tx");
	is_str(take(), "plain", "without a topic nothing is changed");
	free(st.state);
}

static void
subscribing(void)
{
	const char *v[2 * IPC_BATCH - 28];
	struct ipc_strings list = { .v = v, .n = 2 * IPC_BATCH - 28 };
	struct ipc_topic_cfg cfg = { .subscribe = &list };
	struct ipc_stage st = stage(&cfg);
	struct ipc_io io = { .in = &in, .out = &out };
	unsigned int i, n = 0;

	for (i = 0; i < 2 * IPC_BATCH - 28; i++)
		v[i] = "a.>";
	ok(ipc_stage_topic.check(&cfg, NULL) == 0, "good patterns");
	ok(ipc_stage_topic.link(&st, IPC_LINK_UP, &io, NULL) == 0, "link up");
	is_u64(ipc_batch_count(&out), IPC_BATCH, "as many as fit");
	is_str(take(), "SUB a.>", "SUB");
	ipc_batch_clear(&out);
	put("x", IPC_MSG_HDR);
	in.m[in.head].flags = 0;
	ok(ipc_stage_topic.tx(&st, &io, NULL) == 0, "tx");
	is_u64(ipc_batch_count(&out), IPC_BATCH - 27, "the rest, and x");
	while (ipc_batch_count(&out) > 1)
		ipc_batch_drop(&out);
	is_str(take(), "x", "x is the last");
	ok(ipc_stage_topic.flush(&st, IPC_FLUSH_EOF, &io, NULL) == 0 &&
	    ipc_batch_count(&out) == 0, "nothing is said twice");
	ipc_stage_topic.link(&st, IPC_LINK_DOWN, &io, NULL);
	for (i = 0; i < 3; i++) {
		ipc_stage_topic.flush(&st, IPC_FLUSH_EOF, &io, NULL);
		n += ipc_batch_count(&out);
		ipc_batch_clear(&out);
	}
	is_u64(n, 2 * IPC_BATCH - 28,
	    "a new link is told again, without any input");
	v[7] = "a.b c";
	ok(ipc_stage_topic.check(&cfg, NULL) == IPC_E_USAGE, "a bad pattern");
	free(st.state);
}

static void
receiving(void)
{
	struct ipc_topic_cfg cfg = { 0 };
	struct ipc_stage st = stage(&cfg);
	struct ipc_io io = { .in = &in, .out = &out };
	struct ipc_error err = { 0 };

	put("MSG a.b x y", IPC_MSG_HDR);
	put("MSG a.b", IPC_MSG_HDR);
	put("PUB a.b x", IPC_MSG_HDR);
	ok(ipc_stage_topic.rx(&st, &io, &err) == IPC_E_DATA, "PUB is refused");
	is_u64(ipc_batch_count(&in), 1, "and is still there");
	for (int i = 0; i < 2; i++) {
		const struct ipc_msg *m = &out.m[out.head];

		ok(m->topic == 3 && memcmp(m->data - 4, "a.b ", 4) == 0,
		    "the topic stands before data");
		is_str(take(), i == 0 ? "x y" : "", "the payload");
	}
	ipc_batch_clear(&in);
	put("rubbish", IPC_MSG_HDR);
	ok(ipc_stage_topic.rx(&st, &io, &err) == IPC_E_DATA, "rubbish");
	ipc_batch_clear(&in);
	free(st.state);
}

int
main(void)
{
	names();
	patterns();
	matching();
	lines();
	sending();
	subscribing();
	receiving();
	return done();
}
