/*
 * Requests and replies (lib/core/request.c) as a pure router: order and keys,
 * what completes a request, ends and breaks, failover, retries, bounds.
 */
#include "tests/unit/check.h"
#include "tests/unit/fake_exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#define MS IPC_NS_PER_MS

static struct fake *f;
static struct fake_port *local, *target;

static void
begin(uint32_t targets)
{
	f = fake_new(&ipc_exchange_request);
	f->plan.verb = IPC_VERB_SEND;
	f->plan.serves = false;
	f->plan.nto = targets;
}

/* LOCAL and the first target are there. */
static void
up(void)
{
	is_u64((uint64_t)fake_start(f), 0, "start");
	local = fake_attach(f, IPC_ROLE_LOCAL, 0);
	target = fake_attach(f, IPC_ROLE_TARGET, (uint32_t)fake_dial(f));
}

static void
ask(const char *words)
{
	char one[2] = "";

	for (; *words != '\0'; words++) {
		one[0] = *words;
		fake_put(local, one);
	}
}

static void
says(const char *want, const char *name)
{
	is_str(fake_take_all(local), want, "%s", name);
}

static void
gets(const char *want, const char *name)
{
	is_str(fake_take_all(target), want, "%s", name);
}

static void
fine(const char *name)
{
	ok(f->dones == 1 && f->notes == 0, "%s: done, no error", name);
	if (f->notes > 0)
		printf("# %s\n", f->noted.what);
}

static void
failed(enum ipc_code code, const char *what, const char *name)
{
	is_u64(f->dones, 1, "%s: done", name);
	is_u64((uint64_t)-f->noted.code, (uint64_t)-code, "%s: code", name);
	is_str(f->noted.what, what, "%s: text", name);
}

static void
end(void)
{
	is_u64(f->closed_wrong, 0, "nothing said to a closed port");
	fake_free(f);
}

static void
test_order(void)
{
	begin(1);
	up();
	ask("abc");
	gets("a b c", "all are sent at once");
	fake_put(target, "A");
	fake_put(target, "B");
	says("A B", "replies as they come");
	fake_ended(local);
	is_u64(f->dones, 0, "one is missing");
	fake_put(target, "C");
	says("C", "the last");
	fine("order");
	is_u64(fake_stat(f, "requests"), 3, "requests");
	is_u64(fake_stat(f, "replies"), 3, "replies");
	is_u64(fake_stat(f, "complete"), 3, "complete");
	is_u64(fake_stat(f, "unanswered"), 0, "unanswered");
	end();

	begin(1);
	is_u64((uint64_t)fake_start(f), 0, "start");
	local = fake_attach(f, IPC_ROLE_LOCAL, 0);
	fake_ended(local);
	is_u64(f->dones, 0, "no request: still, is somebody there?");
	fake_attach(f, IPC_ROLE_TARGET, 0);
	fine("no request");
	end();

	begin(1);
	is_u64((uint64_t)fake_start(f), 0, "start");
	local = fake_attach(f, IPC_ROLE_LOCAL, 0);
	ask("ab");
	target = fake_attach(f, IPC_ROLE_TARGET, 0);
	gets("a b", "what came before the connection");
	end();
}

static void
test_count(void)
{
	begin(1);
	f->set.replies = 3;
	up();
	ask("ab");
	fake_ended(local);
	for (int i = 0; i < 5; i++)
		fake_put(target, "x");
	is_u64(f->dones, 0, "five of six");
	fake_put(target, "y");
	says("x x x x x y", "six replies");
	fine("three replies each");
	end();

	begin(1);
	f->set.replies = 3;
	up();
	ask("ab");
	gets("a b", "two requests");
	for (int i = 0; i < 4; i++)
		fake_put(target, "x");
	fake_ended(target);
	says("x x x x", "what there was is delivered");
	failed(IPC_E_DATA, "closed before reply: request 2 (of 2 sent, "
	    "1 reply) is not complete", "a part of the replies");
	end();
}

static void
test_mark(void)
{
	begin(1);
	f->set.replies = IPC_REPLIES_END;
	f->set.end_mark = "END";
	up();
	ask("abc");
	fake_put(target, "1");
	fake_put(target, "2");
	fake_put(target, "END");
	fake_put(target, "END");
	fake_put(target, "ENDE");
	fake_put(target, "");
	fake_ended(local);
	is_u64(f->dones, 0, "the third has no end");
	fake_put(target, "END");
	is_u64(fake_queued(local), 4, "four replies");
	says("1 2 ENDE ", "without the marks");
	fine("end mark");
	end();

	begin(1);
	f->set.replies = IPC_REPLIES_END;
	up();
	ask("a");
	fake_put(target, "1");
	fake_put(target, "");
	fake_ended(local);
	says("1", "an empty mark by default");
	fine("empty mark");
	end();

	begin(1);
	f->set.replies = IPC_REPLIES_END;
	f->set.correlate = "id";
	is_u64((uint64_t)-fake_start(f), (uint64_t)-IPC_E_USAGE,
	    "a mark has no key");
	end();
}

static void
test_gap(void)
{
	begin(1);
	f->set.gap_ns = 100 * MS;
	up();
	ask("ab");
	gets("a", "one at a time");
	fake_time_advance(f, 90 * MS);
	fake_put(target, "1");
	fake_time_advance(f, 90 * MS);
	fake_put(target, "2");
	fake_time_advance(f, 99 * MS);
	gets("", "not yet");
	fake_time_advance(f, 1 * MS);
	gets("b", "silence: the next");
	fake_put(target, "3");
	fake_ended(local);
	fake_time_advance(f, 100 * MS);
	says("1 2 3", "all replies");
	fine("gap");
	end();

	begin(1);
	f->set.gap_ns = 100 * MS;
	up();
	ask("ab");
	gets("a", "the first");
	fake_put(target, "1");
	fake_time_advance(f, 100 * MS);
	gets("b", "the second");
	fake_time_advance(f, 100 * MS);
	says("1", "the reply to the first");
	failed(IPC_E_DATA, "no reply within 100 ms: request 2 (of 2 sent) has "
	    "no reply", "silence");
	end();

	begin(1);
	f->set.gap_ns = 100 * MS;
	up();
	ask("a");
	fake_time_advance(f, 500 * MS);
	is_u64(f->dones, 0, "no silence before it was sent");
	gets("a", "now it is sent");
	fake_time_advance(f, 100 * MS);
	is_u64(f->dones, 1, "silence");
	end();

	begin(1);
	f->set.gap_ns = 100 * MS;
	f->set.replies = 1;
	up();
	ask("ab");
	gets("a b", "one reply each: nothing to wait for");
	fake_time_advance(f, 90 * MS);
	fake_put(target, "1");
	fake_time_advance(f, 90 * MS);
	is_u64(f->dones, 0, "the second waits since the first is complete");
	fake_time_advance(f, 10 * MS);
	failed(IPC_E_DATA, "no reply within 100 ms: request 2 (of 2 sent) has "
	    "no reply", "gap as a limit");
	end();

	begin(1);
	f->set.gap_ns = 100 * MS;
	up();
	ask("a");
	gets("a", "sent");
	fake_put(target, "1");
	fake_ended(local);
	fake_ended(target);
	says("1", "a reply");
	fine("the end of the peer ends its replies too");
	end();
}

/* --- keys --- */

static void
ask_id(unsigned int id)
{
	char text[40];

	snprintf(text, sizeof(text), "{\"id\":%u,\"q\":[1]}", id);
	fake_put(local, text);
}

static void
reply_id(unsigned int id)
{
	char text[40];

	snprintf(text, sizeof(text), "{ \"r\" : {}, \"id\" : %u }", id);
	fake_put(target, text);
}

static void
test_thousand(void)
{
	uint32_t i, k, sent = 0, wrong = 0;
	const char *s;
	char want[40];

	begin(1);
	f->set.correlate = "id";
	f->set.in_flight = 1000;
	up();
	for (i = 0; i < 1003; i++)
		ask_id(i);
	is_u64(fake_stat(f, "unanswered"), 1000, "a thousand in flight");
	while (fake_take(target) != NULL)
		sent++;
	is_u64(sent, 1000, "all of them sent, no more");
	/* 617 and 1000 have no common factor: every one once. */
	for (i = 0; i < 1000; i++)
		reply_id(i * 617 % 1000);
	for (i = 0; i < 1000; i++) {
		k = i * 617 % 1000;
		snprintf(want, sizeof(want), "{ \"r\" : {}, \"id\" : %u }", k);
		s = fake_take(local);
		wrong += s == NULL || strcmp(s, want) != 0;
	}
	is_u64(wrong, 0, "every reply, in the order they came");
	is_u64(fake_queued(target), 3, "the rest is sent");
	fake_ended(local);
	fake_take_all(target);
	reply_id(1002);
	reply_id(1001);
	is_u64(f->dones, 0, "one is missing");
	fake_ended(target);
	failed(IPC_E_DATA, "closed before reply: request 1001 (of 1003 sent) "
	    "has no reply", "the one that is missing");
	end();
}

static void
test_most(void)
{
	uint32_t i, n = 65536;

	begin(1);
	f->set.correlate = "id";
	f->set.in_flight = n;
	up();
	for (i = 0; i < n; i++) {
		ask_id(i);
		fake_take(target);
	}
	ask_id(n);
	is_u64(fake_stat(f, "unanswered"), n, "65,536 in flight");
	for (i = n; i-- > 0;) {
		reply_id(i);
		fake_take(local);
	}
	is_u64(fake_stat(f, "complete"), n, "all complete");
	is_u64(fake_stat(f, "unanswered"), 1, "and the next one is sent");
	end();
}

static void
test_keys(void)
{
	begin(1);
	f->set.correlate = "id";
	f->set.replies = 2;
	up();
	fake_put(local, "{\"id\":\"x\",\"n\":1}");
	fake_put(local, "{\"id\":\"y\",\"n\":2}");
	fake_put(local, "{\"id\":\"x\",\"n\":3}");
	is_u64(fake_queued(target), 2, "a key in use has to wait");
	fake_take_all(target);
	fake_put(target, "{\"id\":\"x\"}");
	is_u64(fake_queued(target), 0, "one of two replies");
	fake_put(target, "{\"id\":\"x\"}");
	is_str(fake_take(target), "{\"id\":\"x\",\"n\":3}", "free again");
	fake_ended(local);
	fake_put(target, "{\"id\":\"z\"}");
	fake_put(target, "[]");
	fake_put(target, "{\"id\":\"x\",\"id\":\"y\"}");
	for (int i = 0; i < 2; i++) {
		fake_put(target, "{\"id\":\"x\"}");
		fake_put(target, "{\"id\":\"y\"}");
	}
	is_u64(fake_queued(local), 6, "six replies, strays are not printed");
	failed(IPC_E_DATA, "3 messages came that no request asked for, the "
	    "first as message 3", "strays");
	end();

	begin(1);
	f->set.correlate = "id";
	up();
	ask_id(1);
	fake_put(local, "{\"x\":2}");
	ask_id(3);
	is_u64(f->dones, 0, "the first is still to be answered");
	fake_take_all(target);
	reply_id(1);
	is_u64(fake_queued(local), 1, "and is");
	failed(IPC_E_DATA, "request 2 has no member 'id'", "no key");
	end();

	begin(1);
	f->set.correlate = "id";
	f->set.on_error = IPC_ON_ERROR_SKIP;
	up();
	ask_id(1);
	fake_put(local, "nonsense");
	ask_id(3);
	is_u64(fake_queued(target), 2, "skipped");
	fake_take_all(target);
	reply_id(3);
	reply_id(1);
	fake_ended(local);
	failed(IPC_E_DATA, "request 2 is not a JSON object", "skipped");
	end();

	begin(1);
	f->set.correlate = "id";
	f->set.gap_ns = 100 * MS;
	up();
	ask_id(1);
	ask_id(2);
	fake_take_all(target);
	fake_time_advance(f, 60 * MS);
	reply_id(1);
	fake_time_advance(f, 60 * MS);
	failed(IPC_E_DATA, "no reply within 100 ms: request 1 (of 2 sent, 1 "
	    "reply) and 1 more are not complete", "each has its own silence");
	end();
}

/* --- ends and breaks --- */

static void
test_closed(void)
{
	begin(1);
	up();
	ask("abcdefg");
	gets("a b c d e f g", "seven");
	fake_put(target, "A");
	fake_put(target, "B");
	fake_ended(target);
	says("A B", "replies before the end are delivered");
	failed(IPC_E_DATA, "closed before reply: request 3 (of 7 sent) and 4 "
	    "more have no reply", "closed");
	is_str(f->noted.where, "port 2", "and who");
	end();

	begin(1);
	up();
	ask("ab");
	fake_take(target);
	fake_detach(target, "connection reset", -1);
	failed(IPC_E_DATA, "request 1 (of 1 sent) and 1 more have no reply: "
	    "connection reset", "broke");
	end();

	begin(1);
	up();
	ask("a");
	fake_detach(target, "connection reset", -1);
	failed(IPC_E_NET, "request 1 was not sent: connection reset",
	    "broke before anything was sent");
	end();

	begin(1);
	is_u64((uint64_t)fake_start(f), 0, "start");
	local = fake_attach(f, IPC_ROLE_LOCAL, 0);
	ask("a");
	fake_failed(f, IPC_ROLE_TARGET, 0, "connection refused");
	failed(IPC_E_NET, "request 1 was not sent: connection refused",
	    "no responder");
	end();

	begin(1);
	up();
	fake_put(target, "hello");
	ask("a");
	fake_ended(local);
	fake_put(target, "A");
	says("A", "only the reply");
	failed(IPC_E_DATA, "1 message came that no request asked for, the "
	    "first as message 1", "a greeting");
	end();
}

/* The peer ends while nobody waits: the next request connects again. */
static void
test_idle_end(void)
{
	begin(1);
	up();
	ask("a");
	gets("a", "first");
	fake_put(target, "A");
	fake_ended(target);
	is_u64(f->dones, 0, "no harm");
	is_u64((uint64_t)fake_dial(f), UINT64_MAX, "no need to connect");
	ok(target->closed && !target->aborted, "closed");
	fake_detach(target, NULL, -1);
	ask("b");
	is_u64((uint64_t)fake_dial(f), 0, "connect for the next");
	target = fake_attach(f, IPC_ROLE_TARGET, 0);
	gets("b", "second");
	fake_put(target, "B");
	fake_ended(local);
	says("A B", "both");
	fine("two connections");
	is_u64(fake_stat(f, "connections"), 2, "counted");
	end();
}

static void
test_failover(void)
{
	begin(3);
	is_u64((uint64_t)fake_start(f), 0, "start");
	local = fake_attach(f, IPC_ROLE_LOCAL, 0);
	ask("ab");
	is_u64((uint64_t)fake_dial(f), 0, "the first");
	fake_failed(f, IPC_ROLE_TARGET, 0, "refused");
	is_u64((uint64_t)fake_dial(f), 1, "the second, at once");
	target = fake_attach(f, IPC_ROLE_TARGET, 1);
	fake_detach(target, "reset", -1);
	is_u64((uint64_t)fake_dial(f), 2, "broke before use: the third");
	target = fake_attach(f, IPC_ROLE_TARGET, 2);
	gets("a b", "gets all");
	fake_put(target, "A");
	fake_put(target, "B");
	fake_ended(local);
	fine("failover");
	end();

	begin(2);
	is_u64((uint64_t)fake_start(f), 0, "start");
	local = fake_attach(f, IPC_ROLE_LOCAL, 0);
	ask("a");
	fake_failed(f, IPC_ROLE_TARGET, 0, "refused");
	fake_failed(f, IPC_ROLE_TARGET, 1, "no route");
	is_u64(f->ndials, 2, "each once");
	failed(IPC_E_NET, "request 1 was not sent: no route", "nobody");
	end();

	begin(2);
	up();
	ask("ab");
	gets("a b", "sent");
	fake_detach(target, "reset", -1);
	is_u64(f->ndials, 1, "sent once is not sent again");
	failed(IPC_E_DATA, "request 1 (of 2 sent) and 1 more have no reply: "
	    "reset", "no promise");
	end();
}

static void
test_retry(void)
{
	begin(1);
	f->set.retry = 2;
	up();
	fake_dial(f);
	ask("abc");
	gets("a b c", "first connection");
	fake_put(target, "A");
	fake_detach(target, "reset", -1);
	is_u64(f->ndials, 2, "again, at once after progress");
	ask("d");
	target = fake_attach(f, IPC_ROLE_TARGET, 0);
	gets("b c d", "what has no reply, in order");
	is_u64(fake_stat(f, "repeated"), 2, "two of them repeated");
	fake_ended(target);
	is_u64(f->ndials, 2, "no progress: after a while");
	fake_time_advance(f, 30000 * MS);
	is_u64(f->ndials, 3, "now");
	target = fake_attach(f, IPC_ROLE_TARGET, 0);
	fake_put(target, "B");
	fake_put(target, "C");
	fake_put(target, "D");
	fake_ended(local);
	says("A B C D", "every reply once");
	fine("retry");
	end();

	begin(1);
	f->set.retry = 2;
	up();
	ask("a");
	for (int i = 0; i < 3; i++) {
		gets("a", "sent");
		fake_detach(target, "reset", -1);
		if (i == 2)
			break;
		fake_time_advance(f, 30000 * MS);
		is_u64(f->ndials, (uint64_t)i + 2, "dialed again");
		target = fake_attach(f, IPC_ROLE_TARGET, 0);
	}
	failed(IPC_E_DATA, "request 1 (of 1 sent) has no reply: reset",
	    "three times is enough");
	end();

	begin(2);
	f->set.retry = 1;
	is_u64((uint64_t)fake_start(f), 0, "start");
	local = fake_attach(f, IPC_ROLE_LOCAL, 0);
	ask("a");
	for (uint32_t i = 0; i < 4; i++) {
		fake_time_advance(f, 30000 * MS);
		is_u64((uint64_t)fake_dial(f), i % 2, "the list, twice");
		fake_failed(f, IPC_ROLE_TARGET, i % 2, "refused");
	}
	failed(IPC_E_NET, "request 1 was not sent: refused",
	    "the list is over");
	end();
}

/* --- bounds --- */

static void
test_bounds(void)
{
	static char big[9U << 20];
	uint32_t n = 0;

	begin(1);
	f->set.max_n = 2;
	up();
	ask("abc");
	gets("a b", "two of three");
	ok(local->paused, "no more is read");
	fake_put(target, "A");
	is_u64(f->dones, 0, "one to go");
	fake_put(target, "B");
	says("A B", "both");
	fine("-n 2");
	end();

	begin(1);
	f->set.in_flight = 1;
	up();
	ask("abc");
	gets("a", "one at a time");
	fake_put(target, "A");
	gets("b", "the next");
	fake_put(target, "B");
	gets("c", "and the next");
	end();

	begin(1);
	up();
	memset(big, 'x', sizeof(big));
	for (int i = 0; i < 4; i++) {
		fake_put_bytes(local, big, sizeof(big), 0, 0);
		while (fake_take(target) != NULL)
			n++;
	}
	is_u64(n, 2, "16 MiB of requests are kept, and not one more");
	fake_put(target, "A");
	is_u64(fake_queued(target), 1, "one reply makes room");
	end();

	begin(1);
	up();
	f->set.in_flight = 4096;
	for (int i = 0; i < 1024; i++) {
		fake_put(local, "q");
		fake_take(target);
	}
	for (int i = 0; i < 1024; i++)
		fake_put(target, "r");
	for (int i = 0; i < 8; i++)
		fake_put(local, "q");
	fake_take_all(target);
	is_u64(fake_put(target, "r"), 1, "stdout is full: the reply waits");
	fake_take_all(local);
	is_u64(fake_stat(f, "replies"), 1025, "and is taken when there is "
	    "room");
	end();

	begin(1);
	up();
	fake_put_bytes(local, "last", 4, 0, IPC_MSG_OPEN);
	is_u64(ipc_mq_at(&target->port->out, 0)->flags, 0,
	    "a last line gets its end: the peer waits for it");
	end();
}

/* --on-error skip: what was left out is waited for by nobody. */
static void
test_skipped(void)
{
	begin(1);
	up();
	ask("abc");
	f->ex.ops->skipped(&f->ex, target->port, true, 2);
	is_u64(fake_stat(f, "unanswered"), 2, "the second one is not asked");
	fake_take_all(target);
	fake_put(target, "A");
	fake_put(target, "C");
	fake_ended(local);
	says("A C", "the others have their replies");
	is_u64(f->dones, 1, "nothing is missing");
	is_u64(fake_stat(f, "complete"), 2, "two are complete");
	end();

	begin(1);
	up();
	ask("abc");
	fake_take_all(target);
	fake_put(target, "A");
	f->ex.ops->skipped(&f->ex, target->port, false, 2);
	fake_put(target, "C");
	fake_ended(local);
	says("A C", "a reply that was left out");
	is_u64(f->dones, 1, "it was one");
	end();
}

/* A request that no connection can carry is not tried on another one. */
static void
test_refused(void)
{
	begin(2);
	f->set.retry = 5;
	up();
	ask("ab");
	fake_take(target);
	target->port->refused = true;
	fake_detach(target, "message 2: bad", -1);
	is_u64(f->ndials, 1, "no other connection");
	failed(IPC_E_DATA, "request 1 (of 1 sent) and 1 more have no reply: "
	    "message 2: bad", "refused");
	end();
}

static void
test_other_ends(void)
{
	begin(1);
	up();
	ask("ab");
	gets("a b", "sent");
	fake_drain(f);
	is_u64(f->dones, 0, "what was asked is waited for");
	fake_ended(local);
	fake_put(target, "A");
	fake_put(target, "B");
	fine("drained");
	end();

	begin(1);
	f->plan.app = 0;
	f->plan.side[1].framing.kind = IPC_FRAME_RAW;
	up();
	fake_put(local, "all of it");
	fake_ended(local);
	ok(target->closed, "raw: only the end shows the peer the end");
	gets("all of it", "the request");
	fake_put(target, "all of the reply");
	fake_ended(target);
	fine("raw");
	end();

	begin(1);
	f->plan.side[1].framing.kind = IPC_FRAME_LINE;
	up();
	ask("a");
	fake_ended(local);
	ok(!target->closed, "lines: no end before the reply");
	end();

	begin(1);
	up();
	ask("a");
	fake_detach(local, "stdout broke", -1);
	failed(IPC_E_NET, "stdout broke", "no stdout");
	end();
}

int
main(void)
{
	ipc_log_setup("test", IPC_LOG_NONE, false);
	test_order();
	test_count();
	test_mark();
	test_gap();
	test_thousand();
	test_most();
	test_keys();
	test_closed();
	test_idle_end();
	test_failover();
	test_retry();
	test_bounds();
	test_skipped();
	test_refused();
	test_other_ends();
	return done();
}
