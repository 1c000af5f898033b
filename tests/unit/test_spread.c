/*
 * One input to many targets (lib/core/spread.c) as a pure router: who gets
 * what, who paces, what a target that breaks leaves behind, ends and codes.
 */
#include "tests/unit/check.h"
#include "tests/unit/fake_exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static struct fake *f;
static struct fake_port *local, *t[4];

static void
begin(bool all, uint32_t targets)
{
	f = fake_new(&ipc_exchange_spread);
	f->plan.verb = IPC_VERB_SEND;
	f->plan.serves = false;
	f->plan.nto = targets;
	f->set.all = all;
	f->set.spread = !all;
	for (uint32_t i = 0; i < targets; i++)
		f->points[i].ep.text = (char *)(uintptr_t)"tcp://target:1";
	is_u64((uint64_t)fake_start(f), 0, "start");
	is_u64(f->ndials, targets, "all are dialed at once");
	local = fake_attach(f, IPC_ROLE_LOCAL, 0);
}

static void
up(uint32_t i)
{
	t[i] = fake_attach(f, IPC_ROLE_TARGET, i);
}

static void
say(const char *words)
{
	char one[2] = "";

	for (; *words != '\0'; words++) {
		one[0] = *words;
		fake_put(local, one);
	}
}

static void
gets(uint32_t i, const char *want, const char *name)
{
	is_str(fake_take_all(t[i]), want, "%s", name);
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
test_all(void)
{
	begin(true, 3);
	up(2);
	up(0);
	say("ab");
	is_u64(fake_queued(t[0]) + fake_queued(t[2]), 0,
	    "nothing before all are there");
	up(1);
	for (uint32_t i = 0; i < 3; i++)
		is_u64(fake_queued(t[i]), 2, "target %u gets both",
		    (unsigned int)i);
	ok(ipc_mq_at(&t[0]->port->out, 0)->chunk ==
	    ipc_mq_at(&t[1]->port->out, 0)->chunk, "one copy for all");
	gets(0, "a b", "in order");
	gets(1, "a b", "in order");
	fake_ended(local);
	ok(t[0]->closed && t[1]->closed && t[2]->closed, "all are closed");
	gets(2, "a b", "what is queued is still sent");
	fake_put(t[1], "from 1");
	fake_put(t[0], "from 0");
	is_str(fake_take_all(local), "from 1 from 0", "what they say");
	fake_detach(t[0], NULL, -1);
	fake_detach(t[1], NULL, -1);
	is_u64(f->dones, 0, "one is there");
	fake_put(t[2], "from 2");
	fake_detach(t[2], NULL, -1);
	is_str(fake_take_all(local), "from 2", "and says something");
	fine("all");
	is_u64(fake_stat(f, "messages"), 2, "messages");
	is_u64(fake_stat(f, "sent"), 6, "sent");
	end();
}

static void
test_slowest(void)
{
	uint32_t i;

	begin(true, 2);
	up(0);
	up(1);
	for (i = 0; i < IPC_PORT_MSGS + 10; i++) {
		fake_put(local, "x");
		fake_take_all(t[0]);
	}
	is_u64(fake_queued(t[1]), IPC_PORT_MSGS, "bounded");
	is_u64(fake_stat(f, "messages"), IPC_PORT_MSGS, "the slowest paces");
	fake_take_all(t[1]);
	is_u64(fake_stat(f, "messages"), IPC_PORT_MSGS + 10, "and goes on");
	is_u64(fake_queued(t[0]), 10, "for both");
	end();
}

static void
test_all_broken(void)
{
	begin(true, 3);
	up(0);
	up(1);
	say("a");
	fake_failed(f, IPC_ROLE_TARGET, 2, "refused");
	gets(0, "a", "the others go on");
	fake_take(t[1]);
	say("bc");
	fake_take(t[1]);
	fake_detach(t[1], "reset", -1);
	say("de");
	gets(0, "b c d e", "and on");
	fake_ended(local);
	fake_detach(t[0], NULL, -1);
	failed(IPC_E_NET, "refused; 5 of 5 messages undelivered",
	    "the first failure counts");
	is_str(f->noted.where, "1 of 2 targets that failed: tcp://target:1",
	    "who");
	end();

	begin(true, 2);
	up(0);
	up(1);
	say("abc");
	fake_take(t[1]);
	fake_detach(t[1], "reset", -1);
	say("d");
	fake_take_all(t[0]);
	fake_ended(local);
	fake_detach(t[0], NULL, -1);
	failed(IPC_E_DATA, "at least 3 of 4 messages undelivered: reset",
	    "broke");
	end();

	begin(true, 2);
	up(0);
	up(1);
	say("ab");
	fake_take_all(t[0]);
	fake_take_all(t[1]);
	fake_ended(local);
	fake_detach(t[1], "reset", -1);
	fake_detach(t[0], NULL, -1);
	failed(IPC_E_DATA, "the last of 2 messages may be lost: reset",
	    "broke at the end");
	end();

	begin(true, 2);
	up(0);
	up(1);
	say("a");
	fake_take_all(t[0]);
	fake_take_all(t[1]);
	fake_detach(t[1], NULL, -1);
	say("b");
	fake_take_all(t[0]);
	fake_ended(local);
	fake_detach(t[0], NULL, -1);
	failed(IPC_E_DATA, "at least 1 of 2 messages undelivered: the "
	    "peer ended",
	    "ended too early");
	end();

	begin(true, 2);
	fake_failed(f, IPC_ROLE_TARGET, 0, "refused");
	is_u64(f->dones, 0, "one is left");
	fake_failed(f, IPC_ROLE_TARGET, 1, "no route");
	failed(IPC_E_NET, "refused; no message was sent", "nobody");
	end();
}

static void
test_spread(void)
{
	begin(false, 3);
	say("a");
	up(1);
	gets(1, "a", "begins with the first that is there");
	up(0);
	up(2);
	say("bcdefg");
	is_u64(fake_queued(t[0]), 2, "in turn");
	is_u64(fake_queued(t[1]), 2, "in turn");
	gets(2, "b e", "in turn");
	say("hi");
	is_u64(fake_queued(t[2]), 2, "the shortest queue first");
	fake_put(t[1], "hello");
	is_str(fake_take_all(local), "hello", "what they say");
	fake_ended(local);
	ok(!t[0]->closed && !t[2]->closed, "not closed before all is sent");
	fake_take_all(t[0]);
	fake_take_all(t[1]);
	ok(!t[0]->closed, "one may still break");
	fake_take_all(t[2]);
	ok(t[0]->closed && t[1]->closed && t[2]->closed, "now");
	for (uint32_t i = 0; i < 3; i++)
		fake_detach(t[i], NULL, -1);
	fine("spread");
	is_u64(fake_stat(f, "sent"), 9, "each once");
	end();
}

static void
test_moved(void)
{
	begin(false, 2);
	up(0);
	up(1);
	say("abcdef");
	fake_take(t[0]);
	fake_detach(t[0], "reset", -1);
	gets(1, "b d f c e", "what was not written goes to the other");
	fake_ended(local);
	ok(t[1]->closed, "all is sent");
	fake_detach(t[1], NULL, -1);
	failed(IPC_E_DATA, "the last of 1 messages may be lost: reset",
	    "what was written is unknown");
	is_u64(fake_stat(f, "moved"), 2, "two were moved");
	end();

	begin(false, 2);
	up(0);
	up(1);
	say("ab");
	fake_ended(local);
	fake_detach(t[0], "reset", -1);
	gets(1, "b a", "after the end of the input, too");
	fake_detach(t[1], "reset", -1);
	is_u64(f->dones, 1, "both broke");
	end();

	begin(false, 2);
	up(0);
	say("abc");
	fake_detach(t[0], "reset", -1);
	fake_ended(local);
	is_u64(f->dones, 0, "the other may still come");
	up(1);
	gets(1, "a b c", "and gets all");
	fake_detach(t[1], NULL, -1);
	is_u64((uint64_t)-f->noted.code, (uint64_t)-IPC_E_DATA, "3");
	end();

	begin(false, 2);
	up(0);
	up(1);
	say("abcd");
	fake_detach(t[0], "reset", -1);
	fake_take(t[1]);
	fake_detach(t[1], "no route", -1);
	failed(IPC_E_DATA, "at least 3 of 4 messages undelivered, no "
	    "target is left: reset", "nobody is left");
	end();
}

static void
test_spread_ends(void)
{
	begin(false, 2);
	fake_failed(f, IPC_ROLE_TARGET, 0, "refused");
	up(1);
	say("ab");
	gets(1, "a b", "all to the one that is there");
	fake_ended(local);
	fake_detach(t[1], NULL, -1);
	fine("one was never there, nothing is missing");
	end();

	begin(false, 2);
	say("a");
	fake_failed(f, IPC_ROLE_TARGET, 0, "refused");
	fake_failed(f, IPC_ROLE_TARGET, 1, "refused");
	failed(IPC_E_NET, "refused", "nobody was there");
	end();

	begin(false, 1);
	up(0);
	fake_detach(t[0], NULL, -1);
	fine("the peer ended, nothing was to be sent");
	end();

	begin(false, 2);
	up(0);
	say("a");
	fake_take_all(t[0]);
	fake_ended(local);
	ok(t[0]->closed, "no wait for one that is not needed");
	fake_detach(t[0], NULL, -1);
	fine("one was enough");
	end();
}

static void
test_bounds(void)
{
	uint32_t i;

	begin(false, 2);
	up(0);
	up(1);
	for (i = 0; i < 2 * IPC_PORT_MSGS + 5; i++)
		fake_put(local, "x");
	is_u64(fake_stat(f, "messages"), 2 * IPC_PORT_MSGS, "both are full");
	for (i = 0; i < IPC_PORT_MSGS / 2; i++)
		fake_take(t[0]);
	is_u64(fake_stat(f, "messages"), 2 * IPC_PORT_MSGS + 5,
	    "one has room: on it goes");
	end();

	begin(true, 2);
	f->set.max_n = 2;
	up(0);
	up(1);
	say("abc");
	gets(0, "a b", "-n 2");
	gets(1, "a b", "-n 2");
	ok(t[0]->closed && local->paused, "and no more");
	fake_detach(t[0], NULL, -1);
	fake_detach(t[1], NULL, -1);
	fine("-n");
	end();

	begin(true, 1);
	up(0);
	for (i = 0; i < IPC_PORT_MSGS; i++)
		fake_put(t[0], "y");
	is_u64(fake_put(t[0], "y"), 1, "stdout is full: it waits");
	fake_take_all(local);
	is_u64(fake_stat(f, "replies"), IPC_PORT_MSGS + 1, "until there is "
	    "room");
	fake_detach(local, "stdout broke", -1);
	is_u64((uint64_t)-f->noted.code, (uint64_t)-IPC_E_NET, "no stdout");
	end();

	begin(true, 1);
	up(0);
	say("a");
	fake_drain(f);
	is_u64(f->dones, 0, "drain: stdin will end");
	fake_ended(local);
	gets(0, "a", "what was taken is sent");
	fake_detach(t[0], NULL, -1);
	fine("drained");
	end();
}

int
main(void)
{
	ipc_log_setup("test", IPC_LOG_NONE, false);
	test_all();
	test_slowest();
	test_all_broken();
	test_spread();
	test_moved();
	test_spread_ends();
	test_bounds();
	return done();
}
