/* Publish and subscribe as a pure router. */
#include "core/exchange.h"

#include <stdlib.h>

#include "check.h"
#include "tests/unit/fake_exchange.h"

static struct fake *
begin(void)
{
	struct fake *f = fake_new(&ipc_exchange_fanout);

	f->set.keep = false;
	f->set.fanout = true;
	return f;
}

static struct fake_port *
local(struct fake *f)
{
	return fake_attach(f, IPC_ROLE_LOCAL, 0);
}

static struct fake_port *
client(struct fake *f)
{
	return fake_attach(f, IPC_ROLE_CLIENT, 0);
}

static void
one_to_many(void)
{
	struct fake *f = begin();
	struct fake_port *l, *c[3];

	fake_start(f);
	l = local(f);
	for (int i = 0; i < 3; i++)
		c[i] = client(f);
	is_u64(fake_put(l, "one"), 0, "taken");
	fake_put(l, "");
	fake_put(l, "three");
	for (int i = 0; i < 3; i++) {
		is_str(fake_take(c[i]), "one", "client %d: first", i);
		is_str(fake_take(c[i]), "", "an empty one");
		is_str(fake_take(c[i]), "three", "third");
		ok(fake_take(c[i]) == NULL, "no more");
	}
	fake_put(c[1], "back");
	is_str(fake_take(l), "back", "what a client says goes to stdout");
	ok(fake_queued(c[0]) + fake_queued(c[2]) == 0, "and to nobody else");
	fake_put(l, "last");
	fake_ended(l);
	ok(c[0]->closed && c[2]->closed, "the end closes our half");
	is_str(fake_take(c[0]), "last", "after what is queued");
	is_u64(f->dones, 0, "they may still speak");
	fake_put(c[2], "bye");
	is_str(fake_take(l), "bye", "and are heard");
	for (int i = 0; i < 3; i++) {
		fake_take_all(c[i]);
		fake_detach(c[i], NULL, -1);
	}
	is_u64(f->dones, 1, "done when all have gone");
	is_u64(f->notes, 0, "without an error");
	is_u64(fake_stat(f, "published"), 4, "published");
	is_u64(fake_stat(f, "delivered"), 12, "delivered");
	is_u64(f->closed_wrong, 0, "nothing was sent to a closed port");
	fake_free(f);
}

/* One copy for all. */
static void
shared(void)
{
	struct fake *f = begin();
	struct fake_port *l, *a, *b;
	const struct ipc_qmsg *x, *y;

	f->set.history = 5;
	fake_start(f);
	l = local(f);
	a = client(f);
	b = client(f);
	fake_put(l, "bytes");
	x = ipc_mq_at(&a->port->out, 0);
	y = ipc_mq_at(&b->port->out, 0);
	ok(x->chunk == y->chunk && x->data == y->data, "the same bytes");
	fake_free(f);
}

static void
first_client(void)
{
	struct fake *f = begin();
	struct fake_port *l, *c;

	fake_start(f);
	l = local(f);
	is_u64(fake_put(l, "a"), 1, "nobody is there: stdin waits");
	is_u64(fake_put(l, "b"), 2, "and waits");
	c = client(f);
	is_str(fake_take_all(c), "a b", "the first client gets it all");
	fake_ended(l);
	ok(c->closed, "the end");
	fake_detach(c, NULL, -1);
	ok(f->dones == 1 && f->notes == 0, "nothing was lost");
	fake_free(f);

	f = begin();
	fake_start(f);
	l = local(f);
	fake_ended(l);
	is_u64(f->dones, 0, "an empty stdin waits for the first client");
	c = client(f);
	ok(c->closed, "which is closed at once");
	fake_detach(c, NULL, -1);
	is_u64(f->dones, 1, "done");
	fake_free(f);
}

static void
history(void)
{
	struct fake *f = begin();
	struct fake_port *l, *c, *d;

	f->set.history = 2;
	fake_start(f);
	l = local(f);
	fake_put(l, "a");
	is_u64(fake_put(l, "b"), 0, "the history takes what it can hold");
	is_u64(fake_put(l, "c"), 1, "but lets go of nothing unheard");
	c = client(f);
	is_str(fake_take_all(c), "a b c", "all, in order");
	d = client(f);
	is_str(fake_take_all(d), "b c", "a late one gets the last two");
	fake_put(l, "d");
	is_str(fake_take_all(c), "d", "once");
	is_str(fake_take_all(d), "d", "both");
	fake_ended(l);
	fake_detach(c, NULL, -1);
	c = client(f);
	is_str(fake_take_all(c), "c d", "even after the end, while it lasts");
	ok(c->closed, "but then is closed");
	fake_detach(d, NULL, -1);
	fake_detach(c, NULL, -1);
	is_u64(f->dones, 1, "done");
	fake_free(f);

	f = begin();
	f->set.history = 3;
	f->set.keep = true;
	fake_start(f);
	l = local(f);
	fake_put(l, "a");
	fake_ended(l);
	for (int i = 0; i < 3; i++) {
		c = client(f);
		is_str(fake_take_all(c), "a", "-k: it is kept");
		ok(!c->closed, "and the client stays");
		fake_detach(c, NULL, -1);
	}
	is_u64(f->dones, 0, "-k goes on");
	fake_drain(f);
	is_u64(f->dones, 1, "until a signal");
	fake_free(f);
}

static void
fill(struct fake_port *l, int from, int to)
{
	char text[16];

	for (; from <= to; from++) {
		snprintf(text, sizeof(text), "%d", from);
		fake_put(l, text);
	}
}

static void
blocking(void)
{
	struct fake *f = begin();
	struct fake_port *l, *fast, *slow;

	f->set.queue = 4;
	fake_start(f);
	l = local(f);
	fast = client(f);
	slow = client(f);
	fill(l, 1, 4);
	is_str(fake_take_all(fast), "1 2 3 4", "the fast one reads");
	is_u64(fake_put(l, "5"), 1, "a full queue blocks");
	is_u64(fake_queued(slow), 4, "the queue is as long as asked for");
	is_str(fake_take(slow), "1", "the slow one reads");
	is_u64(l->in.n, 1, "not enough yet");
	is_str(fake_take(slow), "2", "half of it");
	is_u64(l->in.n, 0, "it goes on");
	is_str(fake_take_all(fast), "5", "the fast one gets it");
	is_str(fake_take_all(slow), "3 4 5", "the slow one too");
	fill(l, 6, 12);
	is_u64(l->in.n, 3, "blocked again");
	fake_take_all(fast);
	fake_detach(slow, "reset", -1);
	is_u64(l->in.n, 0, "a slow client that goes frees the others");
	is_str(fake_take_all(fast), "10 11 12", "who get the rest");
	is_u64(fake_stat(f, "undelivered"), 4, "what it did not get");
	ok(f->noted.code == IPC_E_DATA, "is not forgotten: %s", f->noted.what);
	fake_ended(l);
	fake_detach(fast, NULL, -1);
	is_u64(f->dones, 1, "done");
	fake_free(f);
}

/* After its chance (one round of the loop) a full client is slow. */
static void
dropping(enum ipc_slow slow, const char *want, uint64_t dropped)
{
	struct fake *f = begin();
	struct fake_port *l, *a, *b;

	f->set.queue = 4;
	f->set.slow = slow;
	fake_start(f);
	l = local(f);
	a = client(f);
	b = client(f);
	fill(l, 1, 4);
	is_u64(l->in.n, 0, "the queue takes four");
	is_str(fake_take_all(a), "1 2 3 4", "a reads");
	is_u64(fake_put(l, "5"), 1, "b gets its chance");
	fake_time_advance(f, 0);
	is_u64(l->in.n, 0, "and no more");
	is_str(fake_take_all(a), "5", "a is not delayed");
	fill(l, 6, 8);
	is_u64(l->in.n, 0, "not at all");
	is_str(fake_take_all(a), "6 7 8", "a gets everything");
	is_u64(fake_stat(f, "dropped"), dropped, "dropped");
	if (slow != IPC_SLOW_DISCONNECT) {
		is_str(fake_take_all(b), want, "what b gets");
		fake_put(l, "9");
		is_str(fake_take_all(b), "9", "then it is all right again");
		fake_take_all(a);
		ok(!b->aborted, "b is still there");
		fake_ended(l);
		fake_detach(b, NULL, -1);
	} else {
		ok(b->aborted && b->why.code == IPC_E_DATA &&
		    fake_is_gone(b), "b is cut off: %s", b->why.what);
		is_u64(fake_stat(f, "disconnected"), 1, "counted");
		fake_ended(l);
	}
	fake_detach(a, NULL, -1);
	is_u64(f->dones, 1, "done");
	ok(f->noted.code == IPC_E_DATA && strstr(f->noted.what,
	    "dropped for slow clients") != NULL, "%s", f->noted.what);
	fake_free(f);
}

/* A client that could read is not slow, however long the burst. */
static void
chance(void)
{
	struct fake *f = begin();
	struct fake_port *l, *a;

	f->set.queue = 1;
	f->set.slow = IPC_SLOW_DROP_OLD;
	fake_start(f);
	l = local(f);
	a = client(f);
	fill(l, 1, 5);
	is_str(fake_take_all(a), "1 2 3 4 5", "nothing is dropped");
	fill(l, 6, 7);
	fake_time_advance(f, 0);
	is_u64(l->in.n, 0, "now it is slow");
	fill(l, 8, 9);
	is_str(fake_take_all(a), "6 9", "the one on its way and the latest");
	is_u64(fake_stat(f, "dropped"), 2, "two dropped");
	fake_free(f);
}

static void
hub(void)
{
	struct fake *f = begin();
	struct fake_port *l, *a, *b, *c;

	f->set.fanout = false;
	f->set.hub = true;
	f->set.history = 2;
	fake_start(f);
	l = local(f);
	a = client(f);
	b = client(f);
	fake_put(a, "hi");
	is_str(fake_take_all(b), "hi", "to the other");
	is_str(fake_take_all(l), "hi", "and to us");
	is_u64(fake_queued(a), 0, "not back");
	fake_put(l, "ho");
	is_str(fake_take_all(a), "ho", "we speak too");
	is_str(fake_take_all(b), "ho", "to all");
	is_u64(fake_queued(l), 0, "but not to us");
	c = client(f);
	is_str(fake_take_all(c), "hi ho", "a late joiner");
	fake_ended(l);
	fake_ended(a);
	fake_put(b, "still");
	is_str(fake_take_all(a), "still", "who ended still listens");
	is_str(fake_take_all(l), "still", "we too");
	fake_detach(a, NULL, -1);
	fake_detach(b, NULL, -1);
	is_u64(f->dones, 0, "one is left");
	fake_detach(c, "reset", -1);
	is_u64(f->dones, 1, "the last has gone");
	fake_free(f);

	f = begin();
	f->set.fanout = false;
	f->set.hub = true;
	fake_start(f);
	l = local(f);
	fake_ended(l);
	a = client(f);
	fake_ended(a);
	ok(!a->closed, "one that only listens may be the first");
	b = client(f);
	fake_put(b, "news");
	fake_ended(b);
	ok(a->closed && b->closed, "all have ended: it is over");
	is_str(fake_take_all(a), "news", "after what was said");
	fake_detach(a, NULL, -1);
	fake_detach(b, NULL, -1);
	is_u64(f->dones, 1, "done");
	fake_free(f);
}

static void
topics(void)
{
	struct fake *f = begin();
	struct fake_port *l, *a, *b, *p;

	f->set.topics = true;
	f->set.history = 10;
	fake_start(f);
	l = local(f);
	a = client(f);
	b = client(f);
	p = client(f);
	fake_put(a, "SUB news.*");
	fake_put(b, "SUB >");
	fake_put(p, "PUB news.uk rain");
	fake_put(p, "PUB news.uk.london fog");
	fake_put(p, "PUB bare");
	fake_put(p, "PUB news.fr ");
	is_str(fake_take_all(a), "MSG news.uk rain MSG news.fr ", "news.*");
	is_str(fake_take_all(b), "MSG news.uk rain MSG news.uk.london fog "
	    "MSG bare  MSG news.fr ", "everything");
	ok(fake_queued(p) == 0 && fake_queued(l) == 0, "without SUB nothing");
	fake_put(a, "UNSUB news.*");
	fake_put(a, "UNSUB never");
	fake_put(p, "PUB news.uk sun");
	is_u64(fake_queued(a), 0, "UNSUB");
	fake_put(p, "SUB news.uk");
	is_str(fake_take_all(p), "MSG news.uk rain MSG news.uk sun",
	    "history that matches");
	fake_put(p, "SUB news.>");
	is_str(fake_take_all(p), "MSG news.uk.london fog MSG news.fr ",
	    "what another pattern brought is not repeated");
	fake_put(p, "SUB news.>");
	is_u64(fake_queued(p), 0, "twice the same is once");
	fake_put(p, "PUB news.uk own");
	is_str(fake_take_all(p), "MSG news.uk own", "once, though two match");
	fake_put(l, "PUB x y");
	fake_take_all(b);
	fake_put(l, "SUB q");
	fake_ended(b);
	ok(!b->closed, "a subscriber that ended its half still listens");
	fake_put(client(f), "PUB r s");
	is_str(fake_take_all(b), "MSG r s", "and gets it");
	fake_ended(f->ports);
	ok(f->ports->closed, "a publisher that ended is done");
	fake_detach(f->ports, NULL, -1);
	fake_put(a, "PUB q 1");
	is_str(fake_take_all(l), "MSG q 1", "our stdin may subscribe");
	fake_put(a, "HELLO");
	ok(a->aborted && a->why.code == IPC_E_DATA && a->why.hint[0] != '\0',
	    "an error: %s", a->why.what);
	is_u64(fake_stat(f, "protocol_errors"), 1, "counted");
	fake_put(b, "MSG a b");
	ok(b->aborted, "MSG is not for clients");
	fake_put(p, "SUB a.>.b");
	ok(p->aborted, "a bad pattern");
	is_u64(f->dones, 0, "we publish: our end counts");
	fake_ended(l);
	is_u64(f->dones, 1, "the end");
	fake_free(f);
}

static void
topics_hostile(void)
{
	struct fake *f = begin();
	struct fake_port *a, *p;
	char text[64];

	f->set.topics = true;
	f->set.keep = true;
	f->set.history = 3;
	f->set.queue = 4;
	fake_start(f);
	fake_ended(local(f));
	p = client(f);
	for (int i = 0; i < 3; i++)
		fake_put(p, "PUB t x");
	is_u64(fake_stat(f, "unheard"), 3, "nobody heard");
	a = client(f);
	for (int i = 0; i < 100; i++) {
		fake_put(a, "SUB t");
		fake_put(a, "UNSUB t");
	}
	ok(fake_queued(a) < 8, "history asked for again and again: %u",
	    fake_queued(a));
	is_u64(a->in.n, 196, "it has to read first");
	for (int i = 0; i < 1000 && a->in.n > 0; i++)
		is_str(fake_take(a), "MSG t x", "as it reads");
	is_u64(a->in.n, 0, "it goes on");
	for (int i = 0; i < 256; i++) {
		snprintf(text, sizeof(text), "SUB u.%d", i);
		fake_put(p, text);
	}
	ok(!p->aborted, "as many patterns as allowed");
	fake_put(p, "SUB one.more");
	ok(p->aborted, "one more: %s", p->why.what);
	fake_free(f);
}

static void
topic_start(void)
{
	struct fake *f = begin();
	struct fake_port *l, *a;

	f->set.topics = true;
	f->set.topic = "t.u";
	fake_start(f);
	l = local(f);
	a = client(f);
	is_u64(fake_put(l, "x y"), 1, "nobody has subscribed yet");
	fake_put(a, "SUB t.*");
	is_str(fake_take_all(a), "MSG t.u x y", "--topic for our stdin");
	fake_ended(l);
	ok(a->closed, "the end");
	fake_free(f);

	f = begin();
	f->set.topics = true;
	fake_start(f);
	fake_ended(local(f));
	a = client(f);
	fake_put(a, "SUB x");
	ok(!a->closed, "a broker without input of its own serves");
	fake_detach(a, NULL, -1);
	is_u64(f->dones, 1, "until its last client has gone");
	fake_free(f);

	f = begin();
	f->set.topics = true;
	f->set.topic = "no good";
	ok(fake_start(f) == IPC_E_USAGE, "a bad --topic");
	fake_free(f);
}

static void
enough(void)
{
	struct fake *f = begin();
	struct fake_port *l, *a;

	f->set.max_n = 2;
	f->set.keep = true;
	fake_start(f);
	l = local(f);
	a = client(f);
	fill(l, 1, 5);
	is_u64(f->dones, 1, "-n ends it");
	is_str(fake_take_all(a), "1 2", "after so many");
	fake_free(f);

	f = begin();
	f->set.max_n = 2;
	f->set.history = 5;
	fake_start(f);
	l = local(f);
	fill(l, 1, 5);
	is_u64(f->dones, 0, "not before somebody came");
	a = client(f);
	is_str(fake_take_all(a), "1 2", "who gets them");
	is_u64(f->dones, 1, "done");
	fake_free(f);
}

static void
draining(void)
{
	struct fake *f = begin();
	struct fake_port *l, *a;

	f->set.queue = 2;
	fake_start(f);
	l = local(f);
	a = client(f);
	fill(l, 1, 3);
	is_u64(l->in.n, 1, "blocked");
	fake_drain(f);
	is_u64(f->dones, 0, "what was read is still to be published");
	is_str(fake_take_all(a), "1 2 3", "it is");
	fake_ended(l);
	is_u64(f->dones, 1, "done");
	fake_free(f);

	f = begin();
	fake_start(f);
	l = local(f);
	fake_put(l, "lost");
	fake_drain(f);
	fake_ended(l);
	is_u64(f->dones, 1, "nobody came: it ends all the same");
	ok(f->noted.code == IPC_E_DATA, "but says so: %s", f->noted.what);
	fake_free(f);

	f = begin();
	f->set.slow = IPC_SLOW_DROP_NEW;
	f->set.queue = 4;
	fake_start(f);
	l = local(f);
	a = client(f);
	fill(l, 1, 4);
	fake_drain(f);
	fake_ended(l);
	is_str(fake_take_all(a), "1 2 3 4", "what waits behind is sent too");
	is_u64(f->closed_wrong, 0, "nothing after the close");
	fake_free(f);
}

static void
stdout_full(void)
{
	struct fake *f = begin();
	struct fake_port *l, *a, *b;

	f->set.queue = 4;
	fake_start(f);
	l = local(f);
	a = client(f);
	b = client(f);
	fill(a, 1, 6);
	is_u64(a->in.n, 2, "a full stdout stops who speaks");
	fake_put(l, "out");
	is_str(fake_take_all(b), "out", "and nobody else");
	is_str(fake_take_all(l), "1 2 3 4 5 6", "nothing is lost");
	fake_free(f);
}

int
main(void)
{
	one_to_many();
	shared();
	first_client();
	history();
	blocking();
	dropping(IPC_SLOW_DROP_OLD, "1 2 7 8", 4);
	dropping(IPC_SLOW_DROP_NEW, "1 2 3 4", 4);
	dropping(IPC_SLOW_DISCONNECT, NULL, 5);
	chance();
	hub();
	topics();
	topics_hostile();
	topic_start();
	enough();
	draining();
	stdout_full();
	return done();
}
