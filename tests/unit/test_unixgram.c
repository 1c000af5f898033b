/*
 * unixgram: names and locks, answers, senders without a name, credentials
 * and who is admitted, a full receiver, one that has gone.
 */
#include <linux/limits.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "check.h"
#include "dgrams.h"

#define BOTH (IPC_CONN_READ | IPC_CONN_WRITE)

extern const struct ipc_transport ipc_transport_unixgram;

static const struct ipc_transport *const un = &ipc_transport_unixgram;
static struct ipc_error err;
static char dir[] = "/tmp/ipcat-test-gram-XXXXXX";

struct side {
	struct ipc_endpoint ep;
	struct ipc_conn c;
};

static int
side_open(struct side *s, const char *name, bool binds)
{
	char text[PATH_MAX];
	int rc;

	if (name[0] == '@')
		snprintf(text, sizeof(text), "unixgram:%s-%d", name,
		    (int)getpid());
	else
		snprintf(text, sizeof(text), "unixgram:%s/%s", dir, name);
	conn_init(&s->c, &s->ep, 0);
	rc = conn_endpoint(&s->ep, un, text, binds, &err);
	return rc != 0 ? rc : conn_dial(&s->c, &s->ep, NULL, BOTH |
	    (binds ? IPC_CONN_BIND : 0), &err);
}

static void
side_close(struct side *s)
{
	un->close(&s->c);
	ipc_endpoint_free(&s->ep);
}

static bool
exists(const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return lstat(path, &st) == 0;
}

static void
test_session(const char *name)
{
	struct side s, a, b;
	struct ipc_ident id;
	struct ipc_dgram d;
	uint64_t ta = 0, tb = 0;

	ok(side_open(&s, name, true) == 0, "bind %s", name);
	ok(side_open(&a, name, false) == 0 && side_open(&b, name, false) == 0,
	    "two dial");
	ok(dgram_say(&a.c, "a", 0) && dgram_hears(&s.c, "a", &ta) &&
	    dgram_say(&b.c, "b", 0) && dgram_hears(&s.c, "b", &tb) &&
	    ta != tb, "each has a tag");
	ok(dgram_say(&s.c, "to a", ta) && dgram_hears(&a.c, "to a", NULL) &&
	    dgram_say(&s.c, "newest", 0) &&
	    dgram_hears(&b.c, "newest", NULL), "answers");
	ok(un->peer_of(&s.c, ta, &id) && id.has_cred && id.pid == getpid() &&
	    id.uid == geteuid() && id.gid == getegid(), "who a tag is");
	ok(dgram_put(&a.c, "", 0, 0) == 1 && dgram_get(&s.c, &d) == 1 &&
	    d.iov[0].iov_len == 0, "an empty message");
	side_close(&a);
	ok(!dgram_say(&s.c, "x", ta) && errno == ECONNREFUSED,
	    "a sender that has gone");
	ok(dgram_say(&s.c, "still", tb) && dgram_hears(&b.c, "still", NULL),
	    "the other is there");
	side_close(&b);
	side_close(&s);
}

static void
test_path(void)
{
	struct side s, t;
	char text[PATH_MAX];

	ok(side_open(&s, "p", true) == 0 && exists("p") && exists("p.lock"),
	    "a path and its lock");
	ok(un->created_text(&s.c, text, sizeof(text)) != NULL &&
	    strncmp(text, "unixgram:", 9) == 0, "%s", text);
	ok(side_open(&t, "p", true) == IPC_E_NET && err.sys == EADDRINUSE,
	    "%s", err.what);
	side_close(&t);
	ok(exists("p"), "who failed removes nothing");
	side_close(&s);
	ok(!exists("p") && !exists("p.lock"), "both are gone at the end");
	ok(side_open(&t, "p", false) == IPC_E_NET && err.sys == ENOENT &&
	    err.hint[0] != '\0', "%s", err.what);
	side_close(&t);
}

static bool
admit_pid(void *arg, const struct ipc_ident *id)
{
	return id->has_cred && id->pid == *(const pid_t *)arg;
}

/* A socket that never got a name. */
static int
nameless(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/n", dir);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
		abort();
	return fd;
}

static void
test_nameless(void)
{
	struct side s, a;
	struct ipc_dgram d;
	struct ipc_ident id;
	uint64_t ta = 0, tn = 0;
	pid_t me = getpid(), other = 1;
	int fd;

	ok(side_open(&s, "n", true) == 0 && side_open(&a, "n", false) == 0,
	    "open");
	fd = nameless();
	ok(dgram_say(&a.c, "a", 0) && dgram_hears(&s.c, "a", &ta) &&
	    write(fd, "n", 1) == 1 && dgram_hears(&s.c, "n", &tn) &&
	    tn != 0 && tn != ta, "one has a name, one has none");
	ok(!dgram_say(&s.c, "x", tn) && errno == ENOENT &&
	    !un->peer_of(&s.c, tn, &id), "who has none cannot be answered");
	ok(dgram_say(&s.c, "y", 0) && dgram_hears(&a.c, "y", NULL),
	    "and is not the newest to answer");
	un->screen(&s.c, admit_pid, &other);
	ok(write(fd, "n", 1) == 1 && dgram_get(&s.c, &d) == -1 &&
	    errno == EAGAIN, "refused by its credentials");
	un->screen(&s.c, admit_pid, &me);
	ok(write(fd, "m", 1) == 1 && dgram_hears(&s.c, "m", NULL),
	    "admitted by them");
	close(fd);
	side_close(&a);
	side_close(&s);
}

static void
test_full(void)
{
	struct side s, a;
	struct ipc_dgram d;
	char body[100] = { 0 };
	unsigned sent = 0, got = 0;

	ok(side_open(&s, "f", true) == 0 && side_open(&a, "f", false) == 0,
	    "open");
	while (sent < 100000 && dgram_put(&a.c, body, sizeof(body), 0) == 1)
		sent++;
	ok(sent > 0 && sent < 100000 && errno == EAGAIN,
	    "a full receiver makes the sender wait");
	while (un->recvm(&s.c, &d, 1) == 1)
		got++;
	is_u64(got, sent, "nothing is lost");
	ok(conn_wait(a.c.wfd, POLLOUT) &&
	    dgram_put(&a.c, body, sizeof(body), 0) == 1, "and it goes on");
	side_close(&s);
	ok(dgram_put(&a.c, body, sizeof(body), 0) == -1 &&
	    errno == ECONNREFUSED, "a receiver that has gone");
	side_close(&a);
}

static void
test_sizes(void)
{
	static char big[(1 << 20) + 1];
	struct side s, a;
	struct ipc_dgram d;

	ok(side_open(&s, "z", true) == 0 &&
	    side_open(&a, "z?sndbuf=200k", false) == 0, "open");
	ok(dgram_put(&a.c, big, 100000, 0) == 1 && dgram_get(&s.c, &d) == 1 &&
	    dgram_is(&d, big, 100000) && !d.cut, "100000 bytes");
	ok(dgram_put(&a.c, big, sizeof(big), 0) == -1 && errno == EMSGSIZE,
	    "more than the send buffer");
	side_close(&a);
	side_close(&s);
}

int
main(void)
{
	unsigned before = conn_open_fds();

	if (mkdtemp(dir) == NULL)
		abort();
	test_session("s");
	test_session("@ipcat-test-gram");
	test_path();
	test_nameless();
	test_full();
	test_sizes();
	is_u64(conn_open_fds(), before, "no descriptor is left open");
	ok(rmdir(dir) == 0, "and no file");
	return done();
}
