/*
 * tcp://HOST:PORT: streams over IPv4 and IPv6.
 *
 * A connection is `connecting` (dialfd set) or `up`.  Options go onto the
 * listener, where accepted sockets inherit them, or onto a socket before it
 * connects; loopback connections get no keep-alive and no user timeout, they
 * cannot lose their peer silently.  Which address is tried when is up to the
 * caller; TLS is another layer.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "transport/fdio.h"
#include "transport/resolve.h"
#include "transport/sockopt.h"
#include "transport/transport.h"

struct tcp_cfg {
	bool	nodelay, keepalive, reuseaddr, reuseport, v6only, mptcp;
	uint64_t keepidle, keepintvl, user_timeout; /* ns */
	uint64_t keepcnt, sndbuf, rcvbuf, backlog, tos, ttl, mark;
	const char *interface;
	const char *congestion;
	struct ipc_addr source;	/* len 0: any */
};

#define AT(member) offsetof(struct tcp_cfg, member)

static const struct ipc_opt tcp_opts[] = {
	{ .name = "nodelay", .type = IPC_OPT_FLAG, .offset = AT(nodelay),
	    .dflt = "yes", .help = "send small writes at once" },
	{ .name = "keepalive", .type = IPC_OPT_FLAG, .offset = AT(keepalive),
	    .dflt = "yes", .help = "probe an idle peer on another machine" },
	{ .name = "keepidle", .type = IPC_OPT_DURATION, .argname = "DUR",
	    .offset = AT(keepidle), .min = "1s", .max = "32767s",
	    .dflt = "60s", .help = "idle time before the first probe" },
	{ .name = "keepintvl", .type = IPC_OPT_DURATION, .argname = "DUR",
	    .offset = AT(keepintvl), .min = "1s", .max = "32767s",
	    .dflt = "10s", .help = "time between probes" },
	{ .name = "keepcnt", .type = IPC_OPT_INT, .argname = "N",
	    .offset = AT(keepcnt), .min = "1", .max = "127", .dflt = "6",
	    .help = "unanswered probes before the peer counts as lost" },
	{ .name = "user-timeout", .type = IPC_OPT_DURATION, .argname = "DUR",
	    .offset = AT(user_timeout), .max = "24d", .dflt = "2m",
	    .help = "give up when sent data stays unacknowledged; 0: never" },
	{ .name = "sndbuf", .type = IPC_OPT_SIZE, .argname = "SIZE",
	    .offset = AT(sndbuf), .max = "1G",
	    .help = "send buffer; 0: the kernel tunes it" },
	{ .name = "rcvbuf", .type = IPC_OPT_SIZE, .argname = "SIZE",
	    .offset = AT(rcvbuf), .max = "1G",
	    .help = "receive buffer; 0: the kernel tunes it" },
	{ .name = "source", .type = IPC_OPT_CUSTOM, .argname = "ADDR[:PORT]",
	    .offset = AT(source), .parse = ipc_resolve_source,
	    .help = "connect from this address" },
	{ .name = "interface", .type = IPC_OPT_STRING, .argname = "NAME",
	    .offset = AT(interface), .help = "use this interface only" },
	{ .name = "backlog", .type = IPC_OPT_INT, .argname = "N",
	    .offset = AT(backlog), .min = "1", .max = "65535",
	    .dflt = "1024", .help = "connections that wait to be accepted" },
	{ .name = "reuseaddr", .type = IPC_OPT_FLAG,
	    .offset = AT(reuseaddr), .dflt = "yes",
	    .help = "take a port whose old connections linger" },
	{ .name = "reuseport", .type = IPC_OPT_FLAG,
	    .offset = AT(reuseport),
	    .help = "share the port with other processes that ask for it" },
	{ .name = "v6only", .type = IPC_OPT_FLAG, .offset = AT(v6only),
	    .help = "an IPv6 listener serves no IPv4" },
	{ .name = "tos", .type = IPC_OPT_INT, .argname = "N",
	    .offset = AT(tos), .max = "255",
	    .help = "type of service byte: four times the DSCP" },
	{ .name = "ttl", .type = IPC_OPT_INT, .argname = "N",
	    .offset = AT(ttl), .max = "255",
	    .help = "time to live, hop limit; 0: the system's" },
	{ .name = "congestion", .type = IPC_OPT_STRING, .argname = "NAME",
	    .offset = AT(congestion), .help = "congestion control: bbr" },
	{ .name = "mark", .type = IPC_OPT_INT, .argname = "N",
	    .offset = AT(mark), .max = "2147483647",
	    .help = "firewall and routing mark" },
	{ .name = "mptcp", .type = IPC_OPT_FLAG, .offset = AT(mptcp),
	    .help = "multipath TCP, plain TCP when the peer has none" },
	{ .type = IPC_OPT_END },
};

static const char *const listen_only[] = {
	"backlog", "reuseport", "v6only", NULL,
};
static const char *const dial_only[] = { "source", NULL };

#define BOTH (IPC_SO_LISTEN | IPC_SO_DIAL)
/* Defaults of ours that a kernel may not have for multipath TCP. */
#define SOFT (BOTH | IPC_SO_FAR | IPC_SO_SOFT)

static const struct ipc_so_row tcp_rows[] = {
	{ "reuseaddr", IPC_SO_FLAG, IPC_SO_LISTEN, SOL_SOCKET, SO_REUSEADDR,
	    AT(reuseaddr) },
	{ "interface", IPC_SO_NAME, BOTH, SOL_SOCKET, SO_BINDTODEVICE,
	    AT(interface) },
	{ "mark", IPC_SO_INT, BOTH, SOL_SOCKET, SO_MARK, AT(mark) },
	{ "sndbuf", IPC_SO_INT, BOTH, SOL_SOCKET, SO_SNDBUF, AT(sndbuf) },
	{ "rcvbuf", IPC_SO_INT, BOTH, SOL_SOCKET, SO_RCVBUF, AT(rcvbuf) },
	{ "congestion", IPC_SO_NAME, BOTH, IPPROTO_TCP, TCP_CONGESTION,
	    AT(congestion) },
	{ "tos", IPC_SO_INT, BOTH, IPPROTO_IP, IP_TOS, AT(tos) },
	{ "tos", IPC_SO_INT, BOTH | IPC_SO_V6, IPPROTO_IPV6, IPV6_TCLASS,
	    AT(tos) },
	{ "ttl", IPC_SO_INT, BOTH, IPPROTO_IP, IP_TTL, AT(ttl) },
	{ "ttl", IPC_SO_INT, BOTH | IPC_SO_V6, IPPROTO_IPV6,
	    IPV6_UNICAST_HOPS, AT(ttl) },
	{ "nodelay", IPC_SO_FLAG, BOTH, IPPROTO_TCP, TCP_NODELAY,
	    AT(nodelay) },
	{ "user-timeout", IPC_SO_MSEC, SOFT, IPPROTO_TCP,
	    TCP_USER_TIMEOUT, AT(user_timeout) },
	{ "keepidle", IPC_SO_SEC, SOFT | IPC_SO_ALIVE, IPPROTO_TCP,
	    TCP_KEEPIDLE, AT(keepidle) },
	{ "keepintvl", IPC_SO_SEC, SOFT | IPC_SO_ALIVE, IPPROTO_TCP,
	    TCP_KEEPINTVL, AT(keepintvl) },
	{ "keepcnt", IPC_SO_INT, SOFT | IPC_SO_ALIVE, IPPROTO_TCP,
	    TCP_KEEPCNT, AT(keepcnt) },
	{ "keepalive", IPC_SO_FLAG, BOTH | IPC_SO_FAR, SOL_SOCKET,
	    SO_KEEPALIVE, AT(keepalive) },
	{ .kind = IPC_SO_END },
};

static int
tcp_check(const struct ipc_endpoint *ep, bool binds, struct ipc_error *err)
{
	uint16_t port;
	int rc;

	if (ep->port == NULL || ep->port[0] == '\0')
		return ipc_fail(err, IPC_E_USAGE, 0, "write tcp://HOST:PORT",
		    "no port in \"%s\"", ep->text);
	if (ep->path[0] != '\0' && strcmp(ep->path, "/") != 0)
		return ipc_fail(err, IPC_E_USAGE, 0, "write tcp://HOST:PORT",
		    "\"%s\" after the port means nothing to tcp", ep->path);
	rc = ipc_resolve_port(ep->port, &port, err);
	if (rc < 0)
		return rc;
	if (rc == 0 && port == 0 && !binds)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "port 0 is for listening; name the port of the peer",
		    "cannot connect to port 0");
	return ipc_sock_role_keys(ep, binds, listen_only, dial_only, err);
}

static int
tcp_resolve(const struct ipc_endpoint *ep, unsigned flags,
    struct ipc_addrs *out, struct ipc_error *err)
{
	const struct tcp_cfg *cfg = ep->cfg;
	unsigned all = IPC_RESOLVE_V4 | IPC_RESOLVE_V6;
	unsigned own = cfg->source.sa.sa_family == AF_INET ? IPC_RESOLVE_V4 :
	    IPC_RESOLVE_V6;

	/* With a source address only its family can work. */
	if (cfg->source.len != 0) {
		if ((flags & all) != 0 && (flags & own) == 0)
			return ipc_fail(err, IPC_E_USAGE, 0,
			    "leave out -4, -6 or source=",
			    "the source address is of the other family");
		flags = (flags & ~all) | own;
	}
	return ipc_resolve(ep->host == NULL ? "" : ep->host,
	    ep->port == NULL ? "" : ep->port, flags, out, err);
}

static int
tcp_socket(const struct tcp_cfg *cfg, int family)
{
	return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    cfg->mptcp ? IPPROTO_MPTCP : IPPROTO_TCP);
}

static int
no_socket(const struct tcp_cfg *cfg, struct ipc_error *err)
{
	return ipc_fail(err, IPC_E_NET, errno, cfg->mptcp ?
	    "this kernel may have no multipath TCP: leave out \"mptcp\", or "
	    "sysctl net.mptcp.enabled=1" : NULL, "cannot make a socket");
}

static unsigned
conditions(const struct tcp_cfg *cfg, const struct ipc_addr *addr, bool near)
{
	return (near ? 0 : IPC_SO_FAR) |
	    (cfg->keepalive ? IPC_SO_ALIVE : 0) |
	    (addr->sa.sa_family == AF_INET6 ? IPC_SO_V6 : 0);
}

static int
bind_source(int fd, const struct tcp_cfg *cfg, struct ipc_error *err)
{
	const struct ipc_addr *src = &cfg->source;
	in_port_t port = src->sa.sa_family == AF_INET6 ? src->in6.sin6_port :
	    src->in.sin_port;
	int on = 1;

	if (port == 0)
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
		    sizeof(on));
	else if (cfg->reuseaddr)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &src->sa, src->len) == 0)
		return 0;
	return ipc_fail(err, IPC_E_NET, errno, errno == EADDRNOTAVAIL ?
	    "no interface has this address; see: ip -br addr" : NULL,
	    "cannot use the source address");
}

static int
cannot_connect(const struct ipc_conn *c, struct ipc_error *err)
{
	char text[IPC_IDENT_TEXT];
	int sys = errno;

	return ipc_fail(err, IPC_E_NET, sys, NULL, "cannot connect to %s",
	    ipc_ident_text(text, &c->peer));
}

/*
 * Zero linger from the start: a process that is killed in mid-stream must
 * not look to its peer like one that ended, and the kernel sends FIN for a
 * dead process unless told otherwise.  tcp_close() takes it back.  Accepted
 * sockets inherit it from the listener.
 */
static void
linger_zero(int fd, bool on)
{
	const struct linger l = { .l_onoff = on, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}

static void
tcp_close(struct ipc_conn *c)
{
	int fd = c->rfd >= 0 ? c->rfd : c->wfd >= 0 ? c->wfd : c->dialfd;

	if (fd >= 0 && (c->flags & IPC_CONN_CUT) == 0)
		linger_zero(fd, false);
	ipc_conn_close_fds(c);
}

static int
tcp_dial(struct ipc_conn *c, const struct ipc_addr *addr,
    const struct ipc_conn *other, struct ipc_error *err)
{
	const struct tcp_cfg *cfg = c->ep->cfg;
	bool near = ipc_addr_is_near(addr);
	int fd, rc;

	(void)other;
	ipc_ident_from(&c->peer, &addr->sa, addr->len);
	if ((fd = tcp_socket(cfg, addr->sa.sa_family)) < 0)
		return no_socket(cfg, err);
	ipc_sock_take(c, fd, true);
	linger_zero(fd, true);
	rc = ipc_sock_options(fd, tcp_rows, cfg,
	    IPC_SO_DIAL | conditions(cfg, addr, near), err);
	if (rc == 0 && cfg->source.len != 0)
		rc = bind_source(fd, cfg, err);
	if (rc != 0)
		return rc;
	rc = ipc_sock_connect(fd, addr, near);
	if (rc == 0)
		c->dialfd = -1;
	return rc < 0 ? cannot_connect(c, err) : rc;
}

static int
tcp_dialed(struct ipc_conn *c, struct ipc_error *err)
{
	int rc = ipc_sock_dialed(c->dialfd);

	if (rc == 0)
		c->dialfd = -1;
	return rc < 0 ? cannot_connect(c, err) : rc;
}

static int
cannot_listen(const struct ipc_addr *addr, struct ipc_error *err)
{
	char text[128];
	const char *hint = NULL;
	int sys = errno;

	if (sys == EADDRINUSE)
		hint = "something listens there (see: ss -ltnp); choose "
		    "another port, or 0 for a free one";
	else if (sys == EACCES)
		hint = "ports below 1024 need CAP_NET_BIND_SERVICE; choose "
		    "a higher one";
	else if (sys == EADDRNOTAVAIL)
		hint = "no interface has this address; see: ip -br addr";
	return ipc_fail(err, IPC_E_NET, sys, hint, "cannot listen on %s",
	    ipc_addr_endpoint(addr, text, sizeof(text)));
}

static int
listen_options(int fd, const struct tcp_cfg *cfg, const struct ipc_addr *addr,
    bool reuseport, struct ipc_error *err)
{
	int on = 1, v6only = cfg->v6only || ipc_addr_only_v6(addr);
	bool near = ipc_addr_is_near(addr);

	if ((reuseport || cfg->reuseport) && setsockopt(fd, SOL_SOCKET,
	    SO_REUSEPORT, &on, sizeof(on)) != 0)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot share the port");
	/* Both ways: net.ipv6.bindv6only may have changed the default. */
	if (addr->sa.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6,
	    IPV6_V6ONLY, &v6only, sizeof(v6only)) != 0)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot set \"v6only\"");
	return ipc_sock_options(fd, tcp_rows, cfg,
	    IPC_SO_LISTEN | conditions(cfg, addr, near), err);
}

static int
tcp_listen(struct ipc_listener *l, const struct ipc_addr *addr,
    bool reuseport, struct ipc_error *err)
{
	const struct tcp_cfg *cfg = l->ep->cfg;
	int rc;

	l->lockfd = -1;
	if ((l->fd = tcp_socket(cfg, addr->sa.sa_family)) < 0)
		return no_socket(cfg, err);
	linger_zero(l->fd, true);
	rc = listen_options(l->fd, cfg, addr, reuseport, err);
	if (rc != 0)
		return rc;
	l->bound.len = sizeof(l->bound.ss);
	if (bind(l->fd, &addr->sa, addr->len) != 0 ||
	    listen(l->fd, (int)cfg->backlog) != 0 ||
	    getsockname(l->fd, &l->bound.sa, &l->bound.len) != 0)
		return cannot_listen(addr, err);
	/* The kernel dropped the mark; the next worker binds to this. */
	if (ipc_addr_only_v6(addr))
		l->bound.in6.sin6_flowinfo = addr->in6.sin6_flowinfo;
	return 0;
}

static void
tcp_unlisten(struct ipc_listener *l)
{
	ipc_fd_close(&l->fd);
}

static char *
tcp_bound_text(const struct ipc_listener *l, char *buf, size_t size)
{
	return ipc_addr_endpoint(&l->bound, buf, size);
}

const struct ipc_transport ipc_transport_tcp = {
	.scheme = "tcp",
	.syntax = "tcp://HOST:PORT",
	.summary = "TCP over IPv4 and IPv6",
	.shape = IPC_EP_HOSTPORT,
	.caps = IPC_CAP_DIAL | IPC_CAP_LISTEN | IPC_CAP_SPLICE |
	    IPC_CAP_REUSEPORT |
	    IPC_CAP_HALFCLOSE,
	.opts = tcp_opts,
	.cfg_size = sizeof(struct tcp_cfg),
	.check = tcp_check,
	.resolve = tcp_resolve,
	.dial = tcp_dial,
	.dialed = tcp_dialed,
	.listen = tcp_listen,
	.accept = ipc_sock_accept,
	.unlisten = tcp_unlisten,
	.bound_text = tcp_bound_text,
	.shut_write = ipc_sock_shut_write,
	.unsent = ipc_sock_unsent,
	.close = tcp_close,
};
