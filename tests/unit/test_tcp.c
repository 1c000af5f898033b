/*
 * tcp and vsock: keys, resolution, inherited options, half-close, errors.
 * Loopback only.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"
#include "conn.h"
#include "transport/resolve.h"

extern const struct ipc_transport ipc_transport_tcp;
extern const struct ipc_transport ipc_transport_vsock;

static const struct ipc_transport *const tcp = &ipc_transport_tcp;
static struct ipc_error err;

static int
open_endpoint(struct ipc_endpoint *ep, const char *text, bool binds)
{
	return conn_endpoint(ep, tcp, text, binds, &err);
}

static void
refuses(const char *text, bool binds)
{
	struct ipc_endpoint ep;
	int rc = open_endpoint(&ep, text, binds);

	ok(rc == IPC_E_USAGE && err.what[0] != '\0', "%s %s: %s", text,
	    binds ? "listening" : "connecting", err.what);
	ipc_endpoint_free(&ep);
}

static void
test_check(void)
{
	refuses("tcp://127.0.0.1", false);
	refuses("tcp://127.0.0.1:0", false);
	refuses("tcp://127.0.0.1:65536", false);
	refuses("tcp://127.0.0.1:80/path", false);
	refuses("tcp://127.0.0.1:80?backlog=5", false);
	refuses("tcp://127.0.0.1:80?v6only", false);
	refuses("tcp://127.0.0.1:80?source=127.0.0.1", true);
	refuses("tcp://127.0.0.1:80?source=localhost", false);
	refuses("tcp://127.0.0.1:80?source=127.0.0.1:70000", false);
	refuses("tcp://127.0.0.1:80?keepcnt=0", false);
	refuses("tcp://127.0.0.1:80?keepidle=10h", false);
	refuses("tcp://127.0.0.1:80?tos=256", false);
	refuses("tcp://127.0.0.1:80?nodelya", false);
}

static void
shows(const char *host, const char *port, unsigned flags, const char *want)
{
	struct ipc_addrs found;
	char text[512] = "";
	size_t at;
	int rc = ipc_resolve(host, port, flags, &found, &err);

	for (uint32_t i = 0; rc == 0 && i < found.n; i++) {
		at = strlen(text);
		if (i > 0)
			text[at++] = ' ';
		ipc_addr_endpoint(&found.a[i], text + at, sizeof(text) - at);
	}
	is_str(rc == 0 ? text : rc == 1 ? "name" : "error", want,
	    "resolve '%s' '%s' 0x%x", host, port, flags);
}

static void
test_resolve(void)
{
	const unsigned num = IPC_RESOLVE_NUMERIC, pas = IPC_RESOLVE_PASSIVE;

	shows("127.0.0.1", "80", num, "tcp://127.0.0.1:80");
	shows("::1", "80", num, "tcp://[::1]:80");
	shows("fe80::1%lo", "80", num, "tcp://[fe80::1%lo]:80");
	shows("", "80", num, "tcp://[::1]:80 tcp://127.0.0.1:80");
	shows("", "80", num | IPC_RESOLVE_V4, "tcp://127.0.0.1:80");
	shows("", "80", num | IPC_RESOLVE_V6, "tcp://[::1]:80");
	shows("", "0", num | pas, "tcp://[::]:0");
	shows("", "0", num | pas | IPC_RESOLVE_V4, "tcp://0.0.0.0:0");
	shows("", "0", num | pas | IPC_RESOLVE_V6, "tcp://[::]:0");
	shows("localhost", "80", num, "name");
	shows("127.0.0.1", "http", num, "name");
	shows("127.0.0.1", "http", 0, "tcp://127.0.0.1:80");
	shows("", "http", pas, "tcp://[::]:80");
	shows("localhost", "80", IPC_RESOLVE_V4, "tcp://127.0.0.1:80");
	shows("127.0.0.1", "no-such-service", 0, "error");
	ok(err.code == IPC_E_USAGE, "unknown service is a usage error");
	shows("127.0.0.1", "65536", num, "error");
	shows("127.0.0.1", "", num, "error");
	shows("::1", "80", num | IPC_RESOLVE_V4, "error");
	shows("no..such", "80", 0, "error");
	ok(err.code == IPC_E_NET && err.hint[0] != '\0',
	    "unknown host: %s (%s)", err.what, err.hint);
}

static void
test_source(void)
{
	static const struct {
		const char *text, *want;
	} t[] = {
		{ "192.0.2.1", "tcp://192.0.2.1:0" },
		{ "192.0.2.1:99", "tcp://192.0.2.1:99" },
		{ "::1", "tcp://[::1]:0" },
		{ "[::1]", "tcp://[::1]:0" },
		{ "[::1]:99", "tcp://[::1]:99" },
		{ "", NULL }, { ":99", NULL }, { "[::1", NULL },
		{ "[::1]x", NULL }, { "1.2.3.4:", NULL },
		{ "1.2.3.4:http", NULL }, { "name", NULL },
	};
	struct ipc_addr a;
	char text[64];
	int rc;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		memset(&a, 0, sizeof(a));
		rc = ipc_resolve_source(&a, t[i].text, &err);
		is_str(rc == 0 ? ipc_addr_endpoint(&a, text, sizeof(text)) :
		    NULL, t[i].want, "source '%s'", t[i].text);
	}
}

/* A listener on text, a connection to it and the accepted side. */
struct pair {
	struct ipc_endpoint lep, dep;
	struct ipc_listener l;
	struct ipc_conn dialed, accepted;
};

static bool
pair_open(struct pair *p, const char *listen_text, unsigned listen_flags,
    const char *host, const char *dial_keys)
{
	struct ipc_addrs at;
	char text[160];
	uint16_t port;

	memset(p, 0, sizeof(*p));
	conn_init(&p->dialed, NULL, 0);
	conn_init(&p->accepted, NULL, 0);
	p->l.fd = -1;
	if (open_endpoint(&p->lep, listen_text, true) != 0 ||
	    tcp->resolve(&p->lep, IPC_RESOLVE_NUMERIC | IPC_RESOLVE_PASSIVE |
	    listen_flags, &at, &err) != 0 ||
	    conn_listen(&p->l, &p->lep, &at.a[0], &err) != 0)
		return false;
	port = ntohs(p->l.bound.sa.sa_family == AF_INET6 ?
	    p->l.bound.in6.sin6_port : p->l.bound.in.sin_port);
	snprintf(text, sizeof(text), "tcp://%s:%u%s", host, port, dial_keys);
	return open_endpoint(&p->dep, text, false) == 0 &&
	    tcp->resolve(&p->dep, IPC_RESOLVE_NUMERIC, &at, &err) == 0 &&
	    conn_dial(&p->dialed, &p->dep, &at.a[0], IPC_CONN_READ |
	    IPC_CONN_WRITE, &err) == 0 &&
	    conn_accept(&p->l, &p->accepted, &err) == 0;
}

static void
pair_close(struct pair *p)
{
	tcp->close(&p->dialed);
	tcp->close(&p->accepted);
	tcp->unlisten(&p->l);
	ipc_endpoint_free(&p->lep);
	ipc_endpoint_free(&p->dep);
}

static void
test_transfer(const char *listen_text, unsigned flags, const char *host,
    const char *want_host)
{
	struct pair p;
	char text[128], want[64], id[IPC_IDENT_TEXT];

	ok(pair_open(&p, listen_text, flags, host, ""), "%s accepts from %s",
	    listen_text, host);
	snprintf(want, sizeof(want), "%s:%u", want_host, ntohs(
	    p.l.bound.sa.sa_family == AF_INET6 ? p.l.bound.in6.sin6_port :
	    p.l.bound.in.sin_port));
	tcp->bound_text(&p.l, text, sizeof(text));
	is_str(text, want, "bound_text");
	ok(strchr(want, '0') == NULL || strcmp(strrchr(text, ':'), ":0") != 0,
	    "port 0 became a port");
	ipc_ident_text(id, &p.accepted.peer);
	ok(strncmp(id, host, strlen(host)) == 0, "peer is %s", id);
	ok(conn_carries(p.dialed.wfd, p.accepted.rfd, "ping") &&
	    conn_carries(p.accepted.wfd, p.dialed.rfd, "pong"), "both ways");
	ok(tcp->shut_write(&p.dialed) == 0 && p.dialed.wfd == -1 &&
	    conn_at_end(p.accepted.rfd), "half-close reaches the peer");
	ok(conn_carries(p.accepted.wfd, p.dialed.rfd, "late"),
	    "the other half still works");
	ok(tcp->shut_write(&p.dialed) == 0, "twice is harmless");
	ok(tcp->unsent(&p.dialed) == 0, "nothing unsent");
	ok(write(p.accepted.wfd, "x", 1) == 1, "reset");
	p.accepted.flags |= IPC_CONN_CUT;
	tcp->close(&p.accepted);
	ok(conn_wait(p.dialed.rfd, POLLIN) && tcp->unsent(&p.dialed) == -1 &&
	    errno == ECONNRESET, "unsent tells of the reset");
	tcp->close(&p.dialed);
	tcp->close(&p.dialed);
	ok(p.dialed.rfd == -1, "close is idempotent");
	pair_close(&p);
}

static void
test_inherited(void)
{
	struct pair p;
	int fd;

	ok(pair_open(&p, "tcp://0.0.0.0:0?keepidle=33s&keepintvl=7s&keepcnt=3"
	    "&user-timeout=1500ms&sndbuf=64k&rcvbuf=32k&tos=16&ttl=9", 0,
	    "127.0.0.1", ""), "listener with keys: %s", err.what);
	fd = p.accepted.rfd;
	is_u64((uint64_t)conn_option(fd, IPPROTO_TCP, TCP_NODELAY), 1,
	    "accepted: nodelay");
	is_u64((uint64_t)conn_option(fd, SOL_SOCKET, SO_KEEPALIVE), 1,
	    "accepted: keepalive");
	is_u64((uint64_t)conn_option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 33,
	    "accepted: keepidle");
	is_u64((uint64_t)conn_option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 7,
	    "accepted: keepintvl");
	is_u64((uint64_t)conn_option(fd, IPPROTO_TCP, TCP_KEEPCNT), 3,
	    "accepted: keepcnt");
	is_u64((uint64_t)conn_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 1500,
	    "accepted: user-timeout");
	is_u64((uint64_t)conn_option(fd, SOL_SOCKET, SO_SNDBUF), 131072,
	    "accepted: sndbuf");
	is_u64((uint64_t)conn_option(fd, SOL_SOCKET, SO_RCVBUF), 65536,
	    "accepted: rcvbuf");
	is_u64((uint64_t)conn_option(fd, IPPROTO_IP, IP_TOS), 16,
	    "accepted: tos");
	is_u64((uint64_t)conn_option(fd, IPPROTO_IP, IP_TTL), 9,
	    "accepted: ttl");
	ok((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 &&
	    (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "accepted: O_NONBLOCK, "
	    "O_CLOEXEC");
	fd = p.dialed.rfd;
	ok((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 &&
	    (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "dialed: O_NONBLOCK, "
	    "O_CLOEXEC");
	ok(conn_option(fd, IPPROTO_TCP, TCP_NODELAY) == 1,
	    "dialed: nodelay");
	ok(conn_option(fd, SOL_SOCKET, SO_KEEPALIVE) == 0 &&
	    conn_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) == 0,
	    "dialed: no keep-alive to a loopback address");
	pair_close(&p);
}

static void
test_switched_off(void)
{
	struct pair p;
	int fd;

	ok(pair_open(&p, "tcp://[::]:0?keepalive=no&nodelay=no&tos=8"
	    "&user-timeout=0", 0, "[::1]", ""), "listener without");
	fd = p.accepted.rfd;
	ok(conn_option(fd, IPPROTO_TCP, TCP_NODELAY) == 0 &&
	    conn_option(fd, SOL_SOCKET, SO_KEEPALIVE) == 0 &&
	    conn_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) == 0,
	    "accepted: switched off");
	is_u64((uint64_t)conn_option(fd, IPPROTO_IPV6, IPV6_TCLASS), 8,
	    "accepted: traffic class");
	pair_close(&p);
}

static void
test_v6only(void)
{
	struct pair p;

	ok(!pair_open(&p, "tcp://[::]:0?v6only", 0, "127.0.0.1", "") &&
	    err.sys == ECONNREFUSED, "v6only refuses IPv4");
	pair_close(&p);
	ok(!pair_open(&p, "tcp://:0", IPC_RESOLVE_V6, "127.0.0.1", "") &&
	    err.sys == ECONNREFUSED, "-6 refuses IPv4");
	ok(ipc_addr_only_v6(&p.l.bound), "and so will the next worker");
	pair_close(&p);
	ok(!pair_open(&p, "tcp://:0", IPC_RESOLVE_V4, "[::1]", "") &&
	    err.sys == ECONNREFUSED, "-4 refuses IPv6");
	pair_close(&p);
}

static void
test_sources(void)
{
	struct pair p;
	char id[IPC_IDENT_TEXT];

	ok(pair_open(&p, "tcp://127.0.0.1:0", 0, "127.0.0.1",
	    "?source=127.0.0.77"), "source: %s", err.what);
	is_str(ipc_ident_host(id, &p.accepted.peer), "127.0.0.77",
	    "peer sees the source address");
	pair_close(&p);
	ok(!pair_open(&p, "tcp://127.0.0.1:0", 0, "127.0.0.1",
	    "?source=192.0.2.199") && err.sys == EADDRNOTAVAIL,
	    "source that is not ours: %s", err.what);
	pair_close(&p);
	ok(!pair_open(&p, "tcp://127.0.0.1:0", 0, "127.0.0.1",
	    "?source=::1") && err.code == IPC_E_NET,
	    "source of the other family: %s", err.what);
	pair_close(&p);
	ok(!pair_open(&p, "tcp://127.0.0.1:0", 0, "127.0.0.1",
	    "?interface=nosuch0") && err.sys == ENODEV,
	    "unknown interface: %s", err.what);
	pair_close(&p);
	ok(!pair_open(&p, "tcp://127.0.0.1:0", 0, "127.0.0.1",
	    "?congestion=nosuch") && err.code == IPC_E_USAGE,
	    "unknown congestion control: %s", err.what);
	pair_close(&p);
}

static void
test_in_use(void)
{
	struct pair p;
	struct ipc_listener second;

	ok(pair_open(&p, "tcp://127.0.0.1:0", 0, "127.0.0.1", ""), "first");
	ok(conn_listen(&second, &p.lep, &p.l.bound, &err) == IPC_E_NET &&
	    err.sys == EADDRINUSE && err.hint[0] != '\0', "%s (%s)",
	    err.what, err.hint);
	tcp->unlisten(&second);
	pair_close(&p);
}

static void
test_refused(void)
{
	struct ipc_endpoint ep;
	struct ipc_conn c;
	struct ipc_addrs at;
	struct pair p;
	char text[64];

	/* A port that was free a moment ago. */
	ok(pair_open(&p, "tcp://127.0.0.1:0", 0, "127.0.0.1", ""), "port");
	snprintf(text, sizeof(text), "tcp://127.0.0.1:%u",
	    ntohs(p.l.bound.in.sin_port));
	pair_close(&p);
	ok(open_endpoint(&ep, text, false) == 0 &&
	    tcp->resolve(&ep, IPC_RESOLVE_NUMERIC, &at, &err) == 0, "parse");
	ok(conn_dial(&c, &ep, &at.a[0], IPC_CONN_READ, &err) == IPC_E_NET &&
	    err.sys == ECONNREFUSED, "refused: %s", err.what);
	tcp->close(&c);
	ipc_endpoint_free(&ep);
}

/* Make socket(AF_INET6) fail in this process, as ipv6.disable=1 does. */
static bool
forbid_v6(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = sizeof(code) / sizeof(code[0]),
	    .filter = code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

static void
test_without_v6(void)
{
	struct pair p;
	char text[64];
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		if (!forbid_v6())
			_exit(77);
		if (!pair_open(&p, "tcp://:0", 0, "127.0.0.1", ""))
			_exit(1);
		tcp->bound_text(&p.l, text, sizeof(text));
		pair_close(&p);
		_exit(strncmp(text, "tcp://0.0.0.0:", 14) == 0 ? 0 : 2);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		ok(true, "without IPv6 # SKIP no seccomp");
	else
		ok(status == 0, "without IPv6 the empty host is 0.0.0.0");
}

static void
vsock_code(const char *text, bool binds, int want)
{
	struct ipc_endpoint ep;
	int rc = conn_endpoint(&ep, &ipc_transport_vsock, text, binds, &err);

	ok(rc == want, "%s %s: %d %s", text, binds ? "listening" :
	    "connecting", rc, err.what);
	ipc_endpoint_free(&ep);
}

static void
test_vsock(void)
{
	struct ipc_endpoint ep;
	struct ipc_conn c;

	vsock_code("vsock://2:1234", false, 0);
	vsock_code("vsock://host:1234", false, 0);
	vsock_code("vsock://local:4294967294", false, 0);
	vsock_code("vsock://:1234", true, 0);
	vsock_code("vsock://any:0", true, 0);
	vsock_code("vsock://:1234?backlog=7", true, 0);
	vsock_code("vsock://:1234", false, IPC_E_USAGE);
	vsock_code("vsock://any:1234", false, IPC_E_USAGE);
	vsock_code("vsock://2:0", false, IPC_E_USAGE);
	vsock_code("vsock://2:4294967295", false, IPC_E_USAGE);
	vsock_code("vsock://2:x", false, IPC_E_USAGE);
	vsock_code("vsock://guest:1", false, IPC_E_USAGE);
	vsock_code("vsock://4294967295:1", false, IPC_E_USAGE);
	vsock_code("vsock://2:1/x", false, IPC_E_USAGE);
	vsock_code("vsock://2:1?backlog=7", false, IPC_E_USAGE);
	/* Nobody there, whatever this machine has. */
	ok(conn_endpoint(&ep, &ipc_transport_vsock, "vsock://local:1", false,
	    &err) == 0, "vsock endpoint");
	conn_init(&c, &ep, IPC_CONN_READ);
	ok(ipc_transport_vsock.dial(&c, NULL, NULL, &err) != 0,
	    "vsock dial fails or is in progress: %s", err.what);
	ipc_transport_vsock.close(&c);
	ipc_endpoint_free(&ep);
}

int
main(void)
{
	unsigned before;

	setvbuf(stdout, NULL, _IOLBF, 0);
	test_check();
	test_source();
	test_resolve();
	before = conn_open_fds();
	test_transfer("tcp://127.0.0.1:0", 0, "127.0.0.1", "tcp://127.0.0.1");
	test_transfer("tcp://[::1]:0", 0, "[::1]", "tcp://[::1]");
	test_transfer("tcp://:0", 0, "127.0.0.1", "tcp://[::]");
	test_transfer("tcp://:0", 0, "[::1]", "tcp://[::]");
	test_transfer("tcp://:0", IPC_RESOLVE_V4, "127.0.0.1",
	    "tcp://0.0.0.0");
	test_inherited();
	test_switched_off();
	test_v6only();
	test_sources();
	test_in_use();
	test_refused();
	test_without_v6();
	test_vsock();
	is_u64(conn_open_fds(), before, "no descriptor left behind (H21)");
	return done();
}
