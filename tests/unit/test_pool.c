/*
 * Handler pools (lib/core/pool*.c) as a pure router: order, choice of worker,
 * crashes, starts that fail, time limits, recycling, naks, draining.
 */
#include "tests/unit/check.h"
#include "tests/unit/pool_case.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static void
test_order(void)
{
	struct fake_port *c;

	begin(3);
	workers();
	c = client();
	for (int i = 0; i < 5; i++) {
		char t[2] = { (char)('a' + i), 0 };

		fake_put(c, t);
	}
	is_str(fake_take(w[0]), "a", "order: the first worker has the first");
	is_str(fake_take(w[1]), "b", "order: the second has the second");
	is_str(fake_take(w[2]), "c", "order: the third has the third");
	ok(fake_take(w[0]) == NULL, "order: one at a time");
	fake_put(w[2], "C");
	fake_put(w[1], "B");
	is_str(fake_take_all(c), "", "order: early replies wait");
	is_str(fake_take(w[2]), "d", "order: but their workers go on");
	fake_put(w[0], "A");
	is_str(fake_take_all(c), "A B C", "order: replies as requests came");
	is_str(fake_take(w[1]), "e", "order: the next one");
	fake_put(w[1], "E");
	fake_put(w[2], "D");
	is_str(fake_take_all(c), "D E", "order: and on");
	fake_ended(c);
	ok(c->closed, "order: closed after the last reply");
	end("order");
}

static void
test_no_order(void)
{
	struct fake_port *c;
	uint64_t id = 0;

	begin(2);
	f->set.correlate = "id";
	workers();
	c = client();
	fake_put(c, "a");
	fake_put(c, "b");
	fake_put(w[1], "B");
	is_str(fake_take_tag(c, NULL, &id), "B", "correlate: as they come");
	is_u64(id, 2, "correlate: with the number of the request");
	fake_put(w[0], "A");
	is_str(fake_take(c), "A", "correlate: the other one");
	end("correlate");
}

static void
test_least_busy(void)
{
	struct fake_port *c, *d;

	begin(3);
	workers();
	c = client();
	d = client();
	fake_put(c, "slow");
	is_str(fake_take(w[0]), "slow", "idle: the first one");
	for (int i = 0; i < 4; i++) {
		int at = i % 2 == 0 ? 1 : 2;

		fake_put(d, "quick");
		is_str(answer(at), "quick=", "idle: %d, longest idle", i);
		is_str(fake_take(d), "quick=", "idle: %d, past the slow", i);
	}
	fake_put(w[0], "done");
	is_str(fake_take(c), "done", "idle: the slow one ends");
	/* Turns: one client with many does not hold back another. */
	for (int i = 0; i < 6; i++)
		fake_put(c, "many");
	fake_put(d, "one");
	while (fake_take(w[1]) != NULL)
		continue;
	fake_put(w[1], "x");
	is_str(fake_take(w[1]), "many", "turns: c is first in line");
	fake_put(w[1], "x");
	is_str(fake_take(w[1]), "one", "turns: then d");
	end("idle");
}

static void
test_tags(void)
{
	struct fake_port *c;
	uint64_t tag = 0;

	begin(3);
	workers();
	c = fake_attach_caps(f, IPC_ROLE_CLIENT, 0, IPC_CAP_ENDLESS);
	fake_put_tag(c, "a1", 7);
	fake_put_tag(c, "b1", 9);
	fake_put_tag(c, "a2", 7);
	fake_put(w[1], "B1");
	is_str(fake_take_tag(c, &tag, NULL), "B1", "tags: not in a row");
	is_u64(tag, 9, "tags: to who asked");
	fake_put(w[2], "A2");
	ok(fake_take(c) == NULL, "tags: order for one sender");
	fake_put(w[0], "A1");
	is_str(fake_take_tag(c, &tag, NULL), "A1", "tags: its first");
	is_u64(tag, 7, "tags: to it");
	is_str(fake_take(c), "A2", "tags: its second");
	/* A failure cuts nobody off. */
	fake_put_tag(c, "a3", 7);
	fake_put_tag(c, "b2", 9);
	f->set.nak = "-";
	is_str(fake_take(w[1]), "b1", "tags: taken before");
	fake_put(w[1], "-no");
	fake_put(w[2], "B2");
	is_str(fake_take(c), "B2", "tags: others go on");
	ok(!fake_is_gone(c), "tags: nobody is cut off");
	is_u64(f->noted.code == IPC_E_REMOTE, 1, "tags: but it is noted");
	is_u64(fake_stat(f, "failed"), 1, "tags: and counted");
	fake_drain(f);
	for (int i = 0; i < 3; i++)
		fake_detach(w[i], NULL, 0);
	is_u64(f->dones, 1, "tags: draining ends");
	ok(fake_is_gone(c), "tags: the port was ended at once");
	end("tags");
}

static void
test_crash(void)
{
	struct fake_port *c;
	int64_t i;

	begin(2);
	workers();
	c = client();
	fake_put(c, "a");
	fake_put(c, "b");
	fake_put(c, "c");
	fake_detach(w[0], NULL, 139);
	i = fake_child(f);
	is_u64((uint64_t)i, 0, "crash: restarted at once");
	fake_put(w[1], "B");
	is_str(fake_take_all(c), "", "crash: b waits for a");
	is_str(fake_take(w[1]), "b", "crash: b was there");
	is_str(fake_take(w[1]), "a", "crash: a is tried again before c");
	fake_put(w[1], "A");
	is_str(fake_take_all(c), "A B", "crash: both answered once");
	w[0] = fake_attach(f, IPC_ROLE_WORKER, 0);
	fake_put(w[1], "C");
	is_str(fake_take_all(c), "C", "crash: and c");
	is_u64(fake_stat(f, "retried"), 1, "crash: one retry");
	is_u64(fake_stat(f, "failed"), 0, "crash: no failure");
	is_u64(f->notes, 0, "crash: nothing to tell of");
	end("crash");
}

static void
test_double_crash(void)
{
	struct fake_port *c, *d;

	begin(1);
	workers();
	c = client();
	d = client();
	fake_put(c, "ok");
	is_str(answer(0), "ok=", "double: a good one");
	fake_put(c, "bad");
	fake_put(c, "never");
	fake_put(d, "other");
	fake_detach(w[0], "broken", -1);
	w[0] = fake_attach(f, IPC_ROLE_WORKER, (uint32_t)fake_child(f));
	is_str(fake_take(w[0]), "bad", "double: tried again");
	fake_detach(w[0], NULL, 3);
	ok(!fake_is_gone(c), "double: what was answered is sent first");
	is_str(fake_take(c), "ok=", "double: it is");
	ok(fake_is_gone(c), "double: then c is cut off");
	is_str(c->why.what, "request 2 failed: the handler exited with "
	    "status 3", "double: and told why");
	is_u64((uint64_t)-f->noted.code, 5, "double: exit 5");
	is_u64(fake_stat(f, "failed"), 1, "double: one failed");
	is_u64(fake_stat(f, "dropped"), 1, "double: one was not tried");
	fake_time_advance(f, 100 * MS);
	w[0] = fake_attach(f, IPC_ROLE_WORKER, (uint32_t)fake_child(f));
	is_str(answer(0), "other=", "double: the pool goes on");
	is_str(fake_take(d), "other=", "double: d is not harmed");
	end("double");
}

static void
test_fail_reply(void)
{
	struct fake_port *c;

	begin(2);
	f->set.fail_reply = "ERR";
	f->set.nak = "nak";
	workers();
	c = client();
	fake_put(c, "a");
	fake_put(c, "b");
	fake_put(c, "c");
	fake_put(w[1], "nak no");
	is_str(fake_take_all(c), "", "fail-reply: in its turn");
	fake_put(w[0], "A");
	is_str(fake_take_all(c), "A ERR", "fail-reply: in order");
	fake_put(w[1], "C");
	is_str(fake_take_all(c), "C", "fail-reply: the next one is answered");
	is_u64((uint64_t)-f->noted.code, 5, "nak: exit 5");
	is_str(f->noted.what, "request 2 failed: the handler said \"nak no\"",
	    "nak: what it said");
	is_u64(f->nchildren, 2, "nak: the worker lives");
	end("fail-reply");
}

static void
test_start_failures(void)
{
	struct fake_port *c;
	int64_t i;
	uint64_t waited = 0;

	begin(1);
	fake_start(f);
	c = client();
	fake_put(c, "a");
	for (int n = 0; n < 4; n++) {
		while ((i = fake_child(f)) < 0) {
			fake_time_advance(f, MS);
			waited++;
		}
		w[0] = fake_attach(f, IPC_ROLE_WORKER, (uint32_t)i);
		fake_detach(w[0], NULL, 127);
	}
	ok(fake_is_gone(c), "starts: the request has failed by now");
	is_u64(waited, 100 + 200, "starts: at once, then with back-off");
	c = client();
	fake_put(c, "b");
	fake_time_advance(f, 400 * MS);
	fake_failed(f, IPC_ROLE_WORKER, (uint32_t)fake_child(f), "no such");
	ok(fake_is_gone(c), "starts: what waits has failed");
	is_u64(f->dones, 1, "starts: after five the run ends");
	is_u64((uint64_t)-f->noted.code, 5, "starts: exit 5");
	ok(strstr(c->why.what, "cannot be run") != NULL, "starts: c knows");
	end("starts");

	/* What a request does to its worker is not a start that failed. */
	begin(1);
	workers();
	for (int n = 0; n < 8; n++) {
		c = client();
		fake_put(c, "poison");
		for (int k = 0; k < 2; k++) {
			fake_detach(w[0], NULL, 139);
			while ((i = fake_child(f)) < 0)
				fake_time_advance(f, MS);
			w[0] = fake_attach(f, IPC_ROLE_WORKER, (uint32_t)i);
		}
		ok(fake_is_gone(c), "poison: %d is cut off", n);
	}
	is_u64(f->dones, 0, "poison: the pool stays");
	c = client();
	fake_put(c, "good");
	is_str(answer(0), "good=", "poison: and serves");
	end("poison");
}

static void
test_timeout(void)
{
	struct fake_port *c, *d, *old;

	begin(2);
	f->set.handler_ns = 500 * MS;
	f->set.fail_reply = "late";
	workers();
	c = client();
	d = client();
	fake_put(c, "hangs");
	fake_time_advance(f, 300 * MS);
	fake_put(d, "works");
	fake_time_advance(f, 199 * MS);
	ok(!fake_is_gone(w[0]), "timeout: not yet");
	old = w[0];
	fake_time_advance(f, MS);
	ok(old->aborted && fake_is_gone(old), "timeout: it is killed");
	is_str(fake_take_all(c), "late", "timeout: the client is told");
	is_str(f->noted.what, "request 1 failed: no reply within 500 ms",
	    "timeout: and we are");
	ok(!fake_is_gone(w[1]), "timeout: the other one goes on");
	is_str(answer(1), "works=", "timeout: and answers");
	is_str(fake_take(d), "works=", "timeout: its client");
	is_u64((uint64_t)fake_child(f), 0, "timeout: replaced at once");
	w[0] = fake_attach(f, IPC_ROLE_WORKER, 0);
	fake_time_advance(f, 10000 * MS);
	ok(!fake_is_gone(w[0]) && !fake_is_gone(w[1]),
	    "timeout: an idle worker has no limit");
	is_u64(fake_stat(f, "timeouts"), 1, "timeout: one");
	end("timeout");
}

static void
test_recycle(void)
{
	struct fake_port *c, *first;

	begin(1);
	f->set.recycle = 2;
	workers();
	c = client();
	for (int i = 0; i < 3; i++)
		fake_put(c, "r");
	answer(0);
	ok(!w[0]->closed, "recycle: not after one");
	answer(0);
	first = w[0];
	ok(first->closed, "recycle: its input is ended after two");
	is_u64((uint64_t)fake_child(f), 0, "recycle: the next is started");
	w[0] = fake_attach(f, IPC_ROLE_WORKER, 0);
	is_str(answer(0), "r=", "recycle: and has the third");
	is_str(fake_take_all(c), "r= r= r=", "recycle: all are answered");
	fake_detach(first, NULL, 0);
	is_u64(f->notes, 0, "recycle: nothing is wrong");
	fake_put(c, "r");
	answer(0);
	fake_detach(w[0], NULL, 4);
	is_u64((uint64_t)-f->noted.code, 5, "recycle: a bad end counts");
	ok(strstr(f->noted.what, "status 4") != NULL, "recycle: and is named");
	end("recycle");
}

static void
test_drain(void)
{
	struct fake_port *c, *d, *late;

	begin(2);
	workers();
	c = client();
	d = client();
	fake_put(c, "a");
	fake_put(c, "b");
	fake_put(c, "c");
	fake_drain(f);
	ok(d->closed, "drain: a client with nothing is closed");
	ok(!c->closed, "drain: one with requests is not");
	fake_put(c, "too late");
	is_u64(c->in.n, 1, "drain: nothing more is taken");
	late = client();
	ok(late->closed, "drain: nobody new");
	answer(1);
	answer(1);
	answer(0);
	is_str(fake_take_all(c), "a= b= c=", "drain: all is answered");
	ok(c->closed, "drain: then it is closed");
	is_u64(c->in.n, 0, "drain: the rest is thrown away");
	is_u64(f->dones, 0, "drain: clients are there");
	fake_detach(c, NULL, -1);
	fake_detach(d, NULL, -1);
	ok(!w[0]->closed, "drain: one is left");
	fake_time_advance(f, 1999 * MS);
	ok(!fake_is_gone(late), "drain: it may take its time");
	fake_time_advance(f, MS);
	ok(fake_is_gone(late), "drain: but not for ever");
	ok(w[0]->closed && w[1]->closed, "drain: workers are told");
	is_u64(f->dones, 0, "drain: and waited for");
	fake_detach(w[0], NULL, 0);
	fake_time_advance(f, 5000 * MS);
	ok(fake_is_gone(w[1]), "drain: one that goes on is killed");
	is_u64(f->dones, 1, "drain: over");
	is_u64(f->notes, 0, "drain: nothing was wrong");
	end("drain");
}

static void
test_once(void)
{
	struct fake_port *c;

	begin(2);
	f->set.keep = false;
	workers();
	c = client();
	fake_put(c, "a");
	fake_ended(c);
	ok(!c->closed, "once: a reply is owed");
	answer(0);
	is_str(fake_take(c), "a=", "once: it comes");
	ok(c->closed, "once: then the end");
	is_u64(f->dones, 0, "once: the client is there");
	fake_detach(c, NULL, -1);
	ok(w[0]->closed && w[1]->closed, "once: workers are told");
	fake_detach(w[0], NULL, 0);
	fake_detach(w[1], NULL, 3);
	is_u64(f->dones, 1, "once: over");
	is_u64((uint64_t)-f->noted.code, 5, "once: a bad exit status counts");
	is_u64(f->nchildren, 2, "once: nobody is started again");
	end("once");

	begin(1);
	f->set.max_n = 2;
	workers();
	c = client();
	fake_put(c, "a");
	fake_put(c, "b");
	fake_put(c, "c");
	answer(0);
	answer(0);
	is_str(fake_take_all(c), "a= b=", "-n: two and no more");
	ok(c->closed, "-n: then the end");
	fake_detach(c, NULL, -1);
	fake_detach(w[0], NULL, 0);
	is_u64(f->dones, 1, "-n: over");
	end("-n");
}

int
main(void)
{
	ipc_log_setup("test", IPC_LOG_NONE, false);
	test_order();
	test_no_order();
	test_least_busy();
	test_tags();
	test_crash();
	test_double_crash();
	test_fail_reply();
	test_start_failures();
	test_timeout();
	test_recycle();
	test_drain();
	test_once();
	return done();
}
