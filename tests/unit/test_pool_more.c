/*
 * Handler pools, the rest: several replies to a request, messages out of
 * step, children of one message, --reply, bounds, clients that vanish, and
 * workers that die at random.
 */
#include "tests/unit/check.h"
#include "tests/unit/pool_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static void
test_replies(void)
{
	struct fake_port *c;

	begin(2);
	f->set.replies = 3;
	workers();
	c = client();
	fake_put(c, "a");
	fake_put(c, "b");
	fake_put(w[1], "b1");
	fake_put(w[1], "b2");
	fake_put(w[0], "a1");
	is_str(fake_take_all(c), "a1", "replies: the first one's at once");
	fake_put(w[0], "a2");
	fake_put(w[0], "a3");
	is_str(fake_take_all(c), "a2 a3 b1 b2", "replies: then the next");
	fake_put(w[1], "b3");
	is_str(fake_take_all(c), "b3", "replies: at once now");
	/* Half answered: not a second time. */
	fake_put(c, "c");
	fake_take_all(w[0]);
	fake_put(w[0], "c1");
	fake_detach(w[0], NULL, 139);
	is_str(fake_take_all(c), "c1", "replies: one was sent");
	ok(fake_is_gone(c), "replies: so there is no second try");
	end("replies");

	/* None of it was sent: from the beginning, nothing twice. */
	begin(2);
	f->set.replies = 2;
	workers();
	c = client();
	fake_put(c, "a");
	fake_put(c, "b");
	fake_put(w[1], "b1");
	fake_detach(w[1], NULL, 139);
	w[1] = fake_attach(f, IPC_ROLE_WORKER, (uint32_t)fake_child(f));
	is_str(fake_take(w[1]), "b", "replies: b is tried again");
	fake_put(w[1], "b1");
	fake_put(w[1], "b2");
	fake_put(w[0], "a1");
	fake_put(w[0], "a2");
	is_str(fake_take_all(c), "a1 a2 b1 b2", "replies: each one once");
	end("replies again");
}

static void
test_replies_end(void)
{
	struct fake_port *c;

	begin(1);
	f->set.replies = IPC_REPLIES_END;
	f->set.end_mark = "END";
	workers();
	c = client();
	fake_put(c, "a");
	fake_put(c, "b");
	fake_put(w[0], "a1");
	fake_put(w[0], "a2");
	fake_put(w[0], "END");
	is_str(fake_take_all(c), "a1 a2 END", "end: the mark is sent too");
	is_str(fake_take_all(w[0]), "a b", "end: it ended the first");
	fake_put(w[0], "END");
	is_str(fake_take_all(c), "END", "end: none but the mark");
	end("end");

	begin(1);
	f->set.gap_ns = 100 * MS;
	workers();
	c = client();
	fake_put(c, "a");
	fake_put(c, "b");
	fake_time_advance(f, 1000 * MS);
	fake_put(w[0], "a1");
	fake_time_advance(f, 99 * MS);
	fake_put(w[0], "a2");
	fake_time_advance(f, 99 * MS);
	is_str(fake_take_all(w[0]), "a", "gap: still the first");
	fake_time_advance(f, MS);
	is_str(fake_take_all(w[0]), "b", "gap: it ended the first");
	is_str(fake_take_all(c), "a1 a2", "gap: with two replies");
	fake_put(w[0], "b1");
	fake_time_advance(f, 100 * MS);
	fake_put(w[0], "b2");
	is_u64(fake_stat(f, "late"), 1, "gap: too late is counted");
	is_str(fake_take_all(c), "b1", "gap: and not sent");
	end("gap");

	/* More replies than a slow client reads stop the worker. */
	begin(1);
	f->set.replies = IPC_REPLIES_END;
	f->set.queue = 4;
	workers();
	c = client();
	fake_put(c, "a");
	for (int i = 0; i < 6; i++)
		fake_put(w[0], "x");
	is_u64(w[0]->in.n, 2, "stream: the worker is stopped");
	fake_take(c);
	fake_take(c);
	is_u64(w[0]->in.n, 0, "stream: and goes on");
	fake_put(w[0], "");
	is_str(fake_take_all(c), "x x x x ", "stream: to the end");
	end("stream");
}

static void
test_stray(void)
{
	struct fake_port *c;

	begin(1);
	workers();
	c = client();
	fake_put(c, "a");
	answer(0);
	fake_put(w[0], "one more");
	ok(fake_is_gone(w[0]), "stray: a worker out of step is replaced");
	is_u64((uint64_t)-f->noted.code, 5, "stray: exit 5");
	is_str(fake_take_all(c), "a=", "stray: nobody gets it");
	is_u64((uint64_t)fake_child(f), 0, "stray: the next one");
	w[0] = fake_attach(f, IPC_ROLE_WORKER, 0);
	fake_put(c, "b");
	answer(0);
	is_str(fake_take_all(c), "b=", "stray: is in step");
	/* Its output ends while it has a request. */
	fake_put(c, "c");
	fake_ended(w[0]);
	ok(w[0]->closed, "ended: its input is ended too");
	fake_detach(w[0], NULL, 0);
	w[0] = fake_attach(f, IPC_ROLE_WORKER, (uint32_t)fake_child(f));
	is_str(answer(0), "c=", "ended: another one has it");
	is_str(fake_take_all(c), "c=", "ended: and answers");
	end("stray");
}

static void
test_per_message(void)
{
	struct fake_port *c, *d;

	begin(2);
	f->set.per = IPC_PER_MESSAGE;
	fake_start(f);
	is_u64(f->nchildren, 0, "per: none to begin with");
	c = client();
	fake_put(c, "a");
	fake_put(c, "b");
	fake_put(c, "c");
	is_u64(f->nchildren, 2, "per: --pool at once");
	ok(f->children[0].whole, "per: all of stdout is one reply");
	is_u64(f->children[0].for_port, c->port->id, "per: for this client");
	for (int i = 0; i < 2; i++)
		w[i] = fake_attach(f, IPC_ROLE_WORKER,
		    (uint32_t)fake_child(f));
	is_str(fake_take_all(w[0]), "a", "per: its request");
	ok(w[0]->closed, "per: and the end of input");
	fake_put(w[1], "B");
	fake_put(w[0], "A");
	fake_ended(w[0]);
	is_str(fake_take_all(c), "", "per: the exit status counts");
	fake_detach(w[1], NULL, 0);
	fake_detach(w[0], NULL, 0);
	is_str(fake_take_all(c), "A B", "per: in order");
	w[0] = fake_attach(f, IPC_ROLE_WORKER, (uint32_t)fake_child(f));
	is_str(fake_take_all(w[0]), "c", "per: the third");
	fake_detach(w[0], NULL, 0);
	is_str(fake_take(c), "", "per: no output is an empty reply");
	/* The end of a text is no part of a line. */
	f->plan.app = 1;
	f->plan.side[0].framing.kind = IPC_FRAME_LINE;
	fake_put(c, "line");
	w[0] = fake_attach(f, IPC_ROLE_WORKER, (uint32_t)fake_child(f));
	fake_put(w[0], "LINE\n\n");
	fake_detach(w[0], NULL, 0);
	is_str(fake_take(c), "LINE\n", "per: one line end is the framing's");
	/* A failure, and a signal: only that is tried again. */
	d = client();
	fake_put(d, "d");
	w[0] = fake_attach(f, IPC_ROLE_WORKER, (uint32_t)fake_child(f));
	fake_detach(w[0], NULL, 137);
	is_u64(fake_stat(f, "retried"), 1, "per: killed is tried again");
	w[0] = fake_attach(f, IPC_ROLE_WORKER, (uint32_t)fake_child(f));
	fake_put(w[0], "half");
	fake_detach(w[0], NULL, 1);
	ok(fake_is_gone(d), "per: a status is a failure");
	is_str(d->why.what, "request 1 failed: the handler exited with "
	    "status 1", "per: told why");
	/* Time. */
	f->set.handler_ns = 100 * MS;
	fake_put(c, "e");
	w[0] = fake_attach(f, IPC_ROLE_WORKER, (uint32_t)fake_child(f));
	fake_time_advance(f, 100 * MS);
	ok(fake_is_gone(w[0]) && fake_is_gone(c), "per: too slow");
	fake_drain(f);
	is_u64(f->dones, 1, "per: drained");
	end("per");
}

static void
test_per_failed(void)
{
	struct fake_port *c;
	int64_t i;
	int n = 0;

	begin(4);
	f->set.per = IPC_PER_MESSAGE;
	f->set.fail_reply = "no";
	fake_start(f);
	c = client();
	for (int k = 0; k < 6; k++)
		fake_put(c, "x");
	while (f->notes == 0 && n < 20) {
		while ((i = fake_child(f)) < 0)
			fake_time_advance(f, 10 * MS);
		fake_failed(f, IPC_ROLE_WORKER, (uint32_t)i, "no such");
		n++;
	}
	is_u64((uint64_t)-f->noted.code, 5, "per: cannot be run is exit 5");
	while (fake_child(f) >= 0)
		continue;
	for (uint32_t k = 0; k < 4; k++)
		fake_failed(f, IPC_ROLE_WORKER, k, "no such");
	is_str(fake_take_all(c), "no no no no no no", "per: each is told");
	ok(n <= 5, "per: after five tries");
	fake_detach(c, NULL, -1);
	is_u64(f->dones, 1, "per: and the run ends");
	end("per failed");
}

static void
test_reply_text(void)
{
	struct fake_port *c;
	uint64_t tag = 0;

	begin(0);
	f->set.shell = NULL;
	f->set.reply = "pong";
	f->set.max_n = 3;
	fake_start(f);
	is_u64(f->nchildren, 0, "--reply: no children");
	c = client();
	fake_put_tag(c, "ping", 5);
	is_str(fake_take_tag(c, &tag, NULL), "pong", "--reply: at once");
	is_u64(tag, 5, "--reply: to who asked");
	fake_put(c, "");
	fake_put(c, "x");
	is_u64(fake_put(c, "y"), 0, "--reply: what is too much is dropped");
	is_str(fake_take_all(c), "pong pong", "--reply: -n");
	fake_detach(c, NULL, -1);
	is_u64(f->dones, 1, "--reply: over");
	end("--reply");
}

static void
test_vanish(void)
{
	struct fake_port *c, *d;

	begin(1);
	workers();
	c = client();
	d = client();
	fake_put(c, "runs");
	fake_put(c, "waits");
	fake_put(c, "waits too");
	fake_put(d, "other");
	fake_detach(c, "reset", -1);
	is_u64(fake_stat(f, "dropped"), 2, "vanish: what waits is dropped");
	is_str(answer(0), "runs=", "vanish: what runs goes on");
	is_str(answer(0), "other=", "vanish: the next is another's");
	is_str(fake_take_all(d), "other=", "vanish: and answered");
	is_u64(fake_stat(f, "dropped"), 3, "vanish: the reply was dropped");
	/* One that crashes is not tried again for nobody. */
	fake_put(d, "crash");
	fake_detach(d, "reset", -1);
	fake_detach(w[0], NULL, 139);
	is_u64(fake_stat(f, "retried"), 0, "vanish: no second try");
	is_u64((uint64_t)fake_child(f), 0, "vanish: the worker comes back");
	end("vanish");
}

static void
test_bounds(void)
{
	static uint8_t big[1U << 20];
	struct fake_port *c, *d;
	uint32_t left = 0;

	begin(1);
	f->set.in_flight = 4;
	workers();
	c = client();
	for (int i = 0; i < 10; i++)
		left = fake_put(c, "x");
	is_u64(left, 6, "bounds: --in-flight");
	answer(0);
	is_u64(c->in.n, 6, "bounds: not one by one");
	answer(0);
	is_u64(c->in.n, 4, "bounds: but when it is half empty");
	for (int i = 0; i < 8; i++)
		answer(0);
	is_u64(c->in.n, 0, "bounds: all are taken");
	is_u64(fake_queued(c), 10, "bounds: and answered");
	end("bounds");

	begin(1);
	workers();
	c = client();
	d = client();
	for (int i = 0; i < 70; i++)
		left = fake_put_bytes(c, big, sizeof(big), 0, 0);
	is_u64(left, 6, "bounds: bytes of all");
	is_u64(fake_put(d, "d"), 1, "bounds: for another client too");
	for (int i = 0; i < 17; i++) {
		fake_take(w[0]);
		fake_put(w[0], "y");
	}
	is_u64(c->in.n + d->in.n, 0, "bounds: when a quarter is free");
	fake_detach(c, NULL, -1);
	end("bounds");

	/* A client that does not read has nothing more started. */
	begin(1);
	f->set.queue = 4;
	workers();
	c = client();
	d = client();
	for (int i = 0; i < 8; i++)
		fake_put(c, "x");
	for (int i = 0; i < 4; i++)
		answer(0);
	ok(fake_take(w[0]) == NULL, "slow: no more for it");
	fake_put(d, "d");
	is_str(answer(0), "d=", "slow: others are served");
	is_str(fake_take(d), "d=", "slow: and answered");
	for (int i = 0; i < 2; i++)
		is_str(fake_take(c), "x=", "slow: it reads");
	is_str(answer(0), "x=", "slow: and it goes on");
	end("slow");
}

/* Replies that wait for an earlier one are bounded, too. */
static void
test_held(void)
{
	static uint8_t big[1U << 20];
	struct fake_port *c;

	begin(2);
	workers();
	c = client();
	fake_put(c, "slow");
	for (int i = 0; i < 10; i++)
		fake_put(c, "x");
	for (int i = 0; i < 5; i++) {
		is_str(fake_take(w[1]), "x", "held: %d goes ahead", i);
		fake_put_bytes(w[1], big, sizeof(big), 0, 0);
	}
	ok(fake_take(w[1]) == NULL, "held: no more than 4 MiB");
	fake_put(w[0], "done");
	is_u64(fake_queued(c), 6, "held: all in one go");
	ok(fake_take(w[1]) == NULL, "held: now its output is full");
	for (int i = 0; i < 6; i++)
		fake_take(c);
	is_str(fake_take(w[0]), "slow", "held: what it had");
	is_str(fake_take(w[1]), "x", "held: then it goes on");
	end("held");

	begin(2);
	f->set.replies = IPC_REPLIES_END;
	workers();
	c = client();
	fake_put(c, "a");
	fake_put(c, "b");
	for (int i = 0; i < 7; i++)
		fake_put_bytes(w[1], big, sizeof(big), 0, 0);
	is_u64(w[1]->in.n, 2, "held: a worker that is ahead is stopped");
	fake_put(w[0], "");
	while (fake_take(c) != NULL)
		continue;
	is_u64(w[1]->in.n, 0, "held: until it is its turn");
	end("held stream");
}

/* Senders of datagrams: a crash, a failure, and the port that goes. */
static void
test_tags_gone(void)
{
	struct fake_port *c;

	begin(3);
	workers();
	c = fake_attach_caps(f, IPC_ROLE_CLIENT, 0, IPC_CAP_ENDLESS);
	for (uint64_t tag = 1; tag <= 5; tag++) {
		fake_put_tag(c, "first", tag);
		fake_put_tag(c, "second", tag);
	}
	fake_put(w[1], "early");
	fake_detach(w[2], NULL, 139);
	is_u64(fake_stat(f, "retried"), 1, "tags gone: one is tried again");
	fake_detach(c, NULL, -1);
	is_u64(fake_stat(f, "dropped"), 8, "tags gone: all but what runs");
	fake_put(w[0], "late");
	fake_put(w[1], "late");
	is_u64(fake_stat(f, "dropped"), 10, "tags gone: then that");
	end("tags gone");
}

static void
test_leaving(void)
{
	struct fake_port *c, *d;

	/* A worker that is not there yet, and one that waits for its time. */
	begin(3);
	fake_start(f);
	w[0] = fake_attach(f, IPC_ROLE_WORKER, (uint32_t)fake_child(f));
	for (int i = 0; i < 2; i++) {
		w[1] = fake_attach(f, IPC_ROLE_WORKER, 1);
		fake_detach(w[1], NULL, 1);
	}
	is_u64(f->nchildren, 4, "leaving: one waits for its time");
	fake_drain(f);
	ok(w[0]->closed, "leaving: the idle one is closed");
	fake_detach(w[0], NULL, 0);
	is_u64(f->dones, 0, "leaving: one is being started");
	w[2] = fake_attach(f, IPC_ROLE_WORKER, 2);
	ok(w[2]->closed, "leaving: and closed at once");
	fake_detach(w[2], NULL, 0);
	is_u64(f->dones, 1, "leaving: over");
	fake_time_advance(f, 60000 * MS);
	is_u64(f->nchildren, 4, "leaving: nobody is started");
	end("leaving");

	/* A crash on the way out: another worker is needed. */
	begin(1);
	workers();
	c = client();
	fake_put(c, "a");
	fake_drain(f);
	fake_detach(w[0], NULL, 139);
	w[0] = fake_attach(f, IPC_ROLE_WORKER, (uint32_t)fake_child(f));
	is_str(answer(0), "a=", "leaving: another worker has it");
	is_str(fake_take(c), "a=", "leaving: it is answered");
	fake_detach(c, NULL, -1);
	ok(w[0]->closed, "leaving: then that one ends too");
	end("leaving crash");

	/* What a client has not read is not thrown away. */
	begin(1);
	workers();
	c = client();
	fake_put(c, "a");
	answer(0);
	fake_drain(f);
	fake_time_advance(f, 7000 * MS);
	ok(!fake_is_gone(c), "leaving: a reply is not read yet");
	is_str(fake_take(c), "a=", "leaving: now it is");
	fake_time_advance(f, 2000 * MS);
	ok(fake_is_gone(c), "leaving: that was all");
	end("leaving client");

	/* A connection that breaks counts where it is the only one. */
	begin(1);
	f->set.keep = false;
	workers();
	c = client();
	d = client();
	fake_put(c, "a");
	fake_detach(c, "reset", -1);
	is_str(f->noted.what, "reset", "broken: it is noted");
	ok(d->closed, "broken: and the end of it all");
	answer(0);
	fake_detach(d, NULL, -1);
	fake_detach(w[0], NULL, 0);
	is_u64(f->dones, 1, "broken: over");
	end("broken");
}

static void
test_open_line(void)
{
	struct fake_port *c;

	begin(1);
	workers();
	c = client();
	fake_put_bytes(c, "last", 4, 0, IPC_MSG_OPEN | IPC_MSG_FRAMED);
	is_u64(ipc_mq_at(&w[0]->port->out, 0)->flags, 0,
	    "open: a worker gets a whole line");
	fake_put_bytes(w[0], "reply", 5, 0, IPC_MSG_OPEN);
	is_u64(c->port->out.n, 0, "open: half a reply, or all of it?");
	fake_detach(w[0], NULL, 0);
	is_u64(c->port->out.n, 1, "open: it ended well, so all of it");
	is_u64(ipc_mq_at(&c->port->out, 0)->flags, 0,
	    "open: and so does a client");
	end("open");
}

enum { CLIENTS = 5, REQS = 400 };

/* Of the random test. */
struct chaos {
	struct fake_port *c[CLIENTS];
	uint32_t next[CLIENTS], asked[CLIENTS];
	bool crashed[CLIENTS][REQS];	/* once is enough: twice is a failure */
	bool has[MOST_WORKERS];
	char reply[MOST_WORKERS][32];
	uint32_t total, wrong;
};

/* Worker i takes its request, and answers or dies. */
static void
chaos_work(struct chaos *t, uint32_t i, bool die)
{
	const char *got;
	unsigned k, n;

	if (fake_is_gone(w[i])) {
		fake_time_advance(f, 10 * MS);
		return;
	}
	if (!t->has[i] && (got = fake_take(w[i])) != NULL) {
		snprintf(t->reply[i], sizeof(t->reply[i]), "%s", got);
		t->has[i] = true;
	}
	if (!t->has[i] || sscanf(t->reply[i], "%u %u", &k, &n) != 2)
		return;
	if (die && !t->crashed[k][n]) {
		t->crashed[k][n] = true;
		fake_detach(w[i], NULL, 137);
	} else {
		fake_put(w[i], t->reply[i]);
	}
	t->has[i] = false;
}

static void
chaos_ask(struct chaos *t, uint32_t k)
{
	char text[32];

	if (t->asked[k] == REQS)
		return;
	snprintf(text, sizeof(text), "%u %u", k, t->asked[k]++);
	fake_put(t->c[k], text);
}

static void
chaos_read(struct chaos *t, uint32_t k)
{
	const char *got;
	unsigned who, n;

	while ((got = fake_take(t->c[k])) != NULL) {
		t->wrong += sscanf(got, "%u %u", &who, &n) != 2 || who != k ||
		    n != t->next[k];
		t->next[k]++;
		t->total++;
	}
}

/* Workers die at random; each request is answered once, in order. */
static void
test_random(void)
{
	static struct chaos t;
	uint32_t r = 12345;
	int64_t child;

	begin(MOST_WORKERS);
	workers();
	for (int i = 0; i < CLIENTS; i++)
		t.c[i] = client();
	for (int n = 0; n < 100000 && t.total < CLIENTS * REQS; n++) {
		r = r * 1664525 + 1013904223;
		while ((child = fake_child(f)) >= 0) {
			w[child] = fake_attach(f, IPC_ROLE_WORKER,
			    (uint32_t)child);
			t.has[child] = false;
		}
		chaos_work(&t, (r >> 8) % MOST_WORKERS, (r >> 24) % 8 == 0);
		chaos_ask(&t, (r >> 12) % CLIENTS);
		chaos_read(&t, (r >> 16) % CLIENTS);
	}
	is_u64(fake_stat(f, "failed"), 0, "random: none failed");
	is_u64(t.total, CLIENTS * REQS, "random: all are answered");
	is_u64(t.wrong, 0, "random: once and in order");
	ok(fake_stat(f, "retried") > 50, "random: with retries");
	end("random");
}

int
main(void)
{
	ipc_log_setup("test", IPC_LOG_NONE, false);
	test_replies();
	test_replies_end();
	test_stray();
	test_per_message();
	test_per_failed();
	test_reply_text();
	test_held();
	test_tags_gone();
	test_leaving();
	test_open_line();
	test_random();
	test_bounds();
	test_vanish();
	return done();
}
