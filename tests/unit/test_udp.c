/*
 * udp: keys and roles, unicast and answers, who is admitted, what was
 * dropped, refusals, multicast, the size limit.
 */
#include <netinet/in.h>

#include "check.h"
#include "dgrams.h"
#include "transport/dgram.h"

#define BOTH (IPC_CONN_READ | IPC_CONN_WRITE)

extern const struct ipc_transport ipc_transport_udp;

static const struct ipc_transport *const udp = &ipc_transport_udp;
static struct ipc_error err;

struct side {
	struct ipc_endpoint ep;
	struct ipc_conn c;
};

/* An endpoint opened in its role. */
static int
side_open(struct side *s, const char *text, bool binds)
{
	struct ipc_addrs a = { 0 };
	int rc;

	conn_init(&s->c, NULL, 0);
	rc = conn_endpoint(&s->ep, udp, text, binds, &err);
	if (rc == 0)
		rc = udp->resolve(&s->ep, IPC_RESOLVE_NUMERIC, &a, &err);
	if (rc == 0)
		rc = conn_dial(&s->c, &s->ep, &a.a[0], BOTH |
		    (binds ? IPC_CONN_BIND : 0), &err);
	return rc;
}

static void
side_close(struct side *s)
{
	udp->close(&s->c);
	udp->close(&s->c);	/* twice does no harm */
	ipc_endpoint_free(&s->ep);
}

static unsigned
port_of(struct side *s)
{
	char text[160];

	if (udp->created_text(&s->c, text, sizeof(text)) == NULL)
		return 0;
	return (unsigned)strtoul(strrchr(text, ':') + 1, NULL, 10);
}

/* A peer of a bound side on this host, with keys. */
static int
peer_open(struct side *s, struct side *of, const char *host, const char *keys)
{
	char text[200];

	snprintf(text, sizeof(text), "udp://%s:%u%s", host, port_of(of), keys);
	return side_open(s, text, false);
}

static void
test_keys(void)
{
	static const struct {
		const char *text;
		bool binds, good;
	} t[] = {
		{ "udp://127.0.0.1:0", true, true },
		{ "udp://127.0.0.1:0", false, false },
		{ "udp://127.0.0.1", true, false },
		{ "udp://127.0.0.1:9/x", true, false },
		{ "udp://127.0.0.1:9/", true, true },
		{ "udp://:9?group=127.0.0.1", true, false },
		{ "udp://:9?group=239.1.2.3", true, true },
		{ "udp://:9?group=239.1.2.3", false, false },
		{ "udp://:9?iface=no-such-iface", true, false },
		{ "udp://h:9?broadcast", false, true },
		{ "udp://h:9?broadcast", true, false },
		{ "udp://h:9?loop=no", true, false },
		{ "udp://h:9?ttl=255", true, true },
		{ "udp://h:9?ttl=256", true, false },
		{ "udp://h:9?reuseaddr", false, false },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct ipc_endpoint ep;
		int rc = conn_endpoint(&ep, udp, t[i].text, t[i].binds, &err);

		ok(rc == (t[i].good ? 0 : IPC_E_USAGE), "%s %s: %s",
		    t[i].text, t[i].binds ? "bound" : "dialed", err.what);
		ipc_endpoint_free(&ep);
	}
}

static void
test_unicast(const char *host)
{
	struct side s, a, b;
	struct ipc_dgram d;
	struct ipc_ident id;
	uint64_t ta = 0, tb = 0, again = 0;
	char text[100];

	snprintf(text, sizeof(text), "udp://%s:0", host);
	if (side_open(&s, text, true) != 0) {
		ok(true, "%s # SKIP %s", host, err.what);
		side_close(&s);
		return;
	}
	ok(!dgram_say(&s.c, "x", 0) && errno == ENOENT,
	    "nobody has written yet: nobody to answer");
	ok(peer_open(&a, &s, host, "") == 0 && peer_open(&b, &s, host, "") ==
	    0, "two peers of %s", host);
	ok(dgram_say(&a.c, "from a", 0) && dgram_hears(&s.c, "from a", &ta) &&
	    dgram_say(&b.c, "from b", 0) && dgram_hears(&s.c, "from b", &tb) &&
	    ta != tb && ta != 0 && tb != 0, "each has a tag");
	ok(dgram_say(&s.c, "to a", ta) && dgram_hears(&a.c, "to a", NULL),
	    "an answer by its tag");
	ok(dgram_say(&s.c, "newest", 0) && dgram_hears(&b.c, "newest", NULL),
	    "without one: the newest");
	ok(dgram_say(&a.c, "a again", 0) && dgram_hears(&s.c, "a again",
	    &again) && again == ta, "the same sender, the same tag");
	ok(udp->peer_of(&s.c, ta, &id) && id.port != 0 &&
	    id.family == (strchr(host, '[') ? AF_INET6 : AF_INET),
	    "who a tag is");
	ok(!udp->peer_of(&s.c, 77, &id) && !dgram_say(&s.c, "x", 77) &&
	    errno == ENOENT, "a tag that is nobody");
	ok(dgram_put(&a.c, "", 0, 0) == 1 && dgram_get(&s.c, &d) == 1 &&
	    d.iov[0].iov_len == 0 && !d.cut, "an empty message");
	ok(udp->recvm(&s.c, &d, 1) == -1 && errno == EAGAIN,
	    "and then there is none");
	side_close(&a);
	side_close(&b);
	side_close(&s);
}

static void
test_sizes(void)
{
	static char big[65508];
	struct side s, a;
	struct ipc_dgram d;

	memset(big, 'x', sizeof(big));
	ok(side_open(&s, "udp://127.0.0.1:0", true) == 0 &&
	    peer_open(&a, &s, "127.0.0.1", "?sndbuf=1M") == 0, "open");
	ok(dgram_put(&a.c, big, 65507, 0) == 1 && dgram_get(&s.c, &d) == 1 &&
	    dgram_is(&d, big, 65507) && !d.cut, "65507 bytes go");
	ok(dgram_put(&a.c, big, 65508, 0) == -1 && errno == EMSGSIZE,
	    "65508 do not");
	side_close(&a);
	side_close(&s);
}

/* A wildcard server answers from the address that was asked. */
static void
test_wildcard(void)
{
	struct side s, a;
	uint64_t tag = 0;

	ok(side_open(&s, "udp://0.0.0.0:0", true) == 0, "every address");
	ok(peer_open(&a, &s, "127.0.0.2", "") == 0 &&
	    dgram_say(&a.c, "ask", 0) && dgram_hears(&s.c, "ask", &tag) &&
	    dgram_say(&s.c, "answer", tag) &&
	    dgram_hears(&a.c, "answer", NULL), "127.0.0.2 is answered");
	side_close(&a);
	side_close(&s);
}

static bool
admit_loopback_2(void *arg, const struct ipc_ident *id)
{
	unsigned *asked = arg;

	(*asked)++;
	return id->family == AF_INET && id->ip[3] == 2;
}

static void
test_screen(void)
{
	struct side s, a, b;
	struct ipc_dgram d;
	unsigned asked = 0;
	uint64_t tag = 0;

	ok(side_open(&s, "udp://127.0.0.1:0", true) == 0 &&
	    peer_open(&a, &s, "127.0.0.1", "?local=127.0.0.1") == 0 &&
	    peer_open(&b, &s, "127.0.0.1", "?local=127.0.0.2") == 0, "open");
	udp->screen(&s.c, admit_loopback_2, &asked);
	ok(dgram_say(&a.c, "no", 0) && dgram_get(&s.c, &d) == -1 &&
	    errno == EAGAIN && asked == 1, "refused: as if it had not come");
	ok(!dgram_say(&s.c, "x", 0) && errno == ENOENT,
	    "who was refused is not answered");
	ok(dgram_say(&a.c, "no", 0) && dgram_say(&b.c, "yes", 0), "both send");
	while (dgram_get(&s.c, &d) == -1 && errno == EAGAIN)
		;
	tag = d.tag;
	ok(dgram_is(&d, "yes", 3) && asked == 3, "only one is heard");
	ok(dgram_say(&s.c, "you", tag) && dgram_hears(&b.c, "you", NULL),
	    "and answered");
	side_close(&a);
	side_close(&b);
	side_close(&s);
}

static void
test_lost(void)
{
	struct side s, a;
	struct ipc_dgram d[64];
	uint64_t got = 0, lost;
	char body[1000] = { 0 };
	int n;

	ok(side_open(&s, "udp://127.0.0.1:0?rcvbuf=4k", true) == 0 &&
	    peer_open(&a, &s, "127.0.0.1", "") == 0, "a small buffer");
	is_u64(udp->lost(&s.c, true), 0, "nothing is lost yet");
	for (int i = 0; i < 200; i++)
		if (dgram_put(&a.c, body, sizeof(body), 0) != 1)
			break;
	while ((n = udp->recvm(&s.c, d, 64)) > 0)
		got += (unsigned)n;
	ok(got > 0 && got < 200, "some are there");
	lost = udp->lost(&s.c, true);
	is_u64(got + lost, 200, "the others are counted, the last ones too");
	is_u64(udp->lost(&s.c, true), 0, "once");
	/* What the next message tells is known already. */
	ok(dgram_say(&a.c, "x", 0) && dgram_hears(&s.c, "x", NULL), "go on");
	is_u64(udp->lost(&s.c, false), 0, "and not again by a message");
	for (int i = 0; i < 50; i++)
		dgram_put(&a.c, body, sizeof(body), 0);
	got = 0;
	while ((n = udp->recvm(&s.c, d, 64)) > 0)
		got += (unsigned)n;
	ok(dgram_say(&a.c, "y", 0) && dgram_hears(&s.c, "y", NULL), "one more");
	is_u64(got + udp->lost(&s.c, false), 50, "a message tells it");
	side_close(&a);
	side_close(&s);
}

static void
test_refused(void)
{
	struct side s, a;

	ok(side_open(&s, "udp://127.0.0.1:0", true) == 0 &&
	    peer_open(&a, &s, "127.0.0.1", "") == 0, "open");
	side_close(&s);
	ok(dgram_say(&a.c, "x", 0) && conn_wait(a.c.rfd, POLLERR) &&
	    udp->unsent(&a.c) == -1 && errno == ECONNREFUSED,
	    "nobody there: the refusal is known");
	side_close(&a);
	ok(side_open(&s, "udp://127.0.0.1:0", true) == 0, "bind");
	ok(peer_open(&a, &s, "127.0.0.1", "") == 0 &&
	    udp->shut_write(&a.c) == 0 && udp->unsent(&a.c) == 0,
	    "somebody there: nothing is known against it");
	side_close(&a);
	side_close(&s);
}

static void
test_multicast(void)
{
	struct side s, a;
	char text[100];
	int port;

	if (side_open(&s, "udp://239.255.77.7:0?iface=lo", true) != 0) {
		ok(true, "multicast # SKIP %s", err.what);
		side_close(&s);
		return;
	}
	port = (int)port_of(&s);
	snprintf(text, sizeof(text), "udp://239.255.77.7:%d?iface=lo&ttl=3",
	    port);
	ok(side_open(&a, text, false) == 0, "send to a group");
	is_u64((uint64_t)conn_option(a.c.rfd, IPPROTO_IP, IP_MULTICAST_TTL), 3,
	    "ttl=");
	ok(dgram_say(&a.c, "all", 0) && dgram_hears(&s.c, "all", NULL),
	    "the group hears");
	ok(dgram_say(&s.c, "me", 0) && dgram_hears(&a.c, "me", NULL),
	    "and answers from elsewhere arrive");
	side_close(&a);
	snprintf(text, sizeof(text), "udp://239.255.77.7:%d?iface=lo&loop=no",
	    port);
	ok(side_open(&a, text, false) == 0 &&
	    conn_option(a.c.rfd, IPPROTO_IP, IP_MULTICAST_LOOP) == 0 &&
	    conn_option(a.c.rfd, IPPROTO_IP, IP_MULTICAST_TTL) == 1,
	    "loop=no, and one hop");
	side_close(&a);
	side_close(&s);
}

static void
test_errors(void)
{
	struct side s, t;
	char text[100];

	ok(side_open(&s, "udp://192.0.2.1:0", true) == IPC_E_NET &&
	    err.sys == EADDRNOTAVAIL && err.hint[0] != '\0', "%s", err.what);
	side_close(&s);
	ok(side_open(&s, "udp://127.0.0.1:0", true) == 0, "a port");
	snprintf(text, sizeof(text), "udp://127.0.0.1:%u", port_of(&s));
	ok(side_open(&t, text, true) == IPC_E_NET && err.sys == EADDRINUSE,
	    "%s", err.what);
	side_close(&t);
	ok(side_open(&t, "udp://127.255.255.255:9", false) == IPC_E_NET &&
	    strstr(err.hint, "broadcast") != NULL, "%s: %s", err.what,
	    err.hint);
	side_close(&t);
	ok(udp->created_text(&t.c, text, sizeof(text)) == NULL,
	    "a closed one has no name");
	side_close(&s);
}

int
main(void)
{
	unsigned before = conn_open_fds();

	test_keys();
	test_unicast("127.0.0.1");
	test_unicast("[::1]");
	test_sizes();
	test_wildcard();
	test_screen();
	test_lost();
	test_refused();
	test_multicast();
	test_errors();
	is_u64(conn_open_fds(), before, "no descriptor is left open");
	return done();
}
