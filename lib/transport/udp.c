/*
 * udp://HOST:PORT: datagrams over IPv4 and IPv6, unicast, multicast and
 * broadcast.
 *
 * The side that binds has one unconnected socket for all senders and answers
 * each by its tag (dgram.h); the side that dials is connected, so that a
 * refusal comes back as an error.  A group or a broadcast address is sent to
 * without connecting, because answers come from other addresses.
 *
 * Nothing is repeated and nothing is acknowledged: what the network or a full
 * buffer drops is gone.  What this kernel drops is counted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/dgram.h"
#include "transport/fdio.h"
#include "transport/resolve.h"
#include "transport/sockopt.h"
#include "transport/transport.h"

struct udp_cfg {
	bool	broadcast, reuseaddr, loop;
	uint64_t ttl, sndbuf, rcvbuf;
	struct ipc_addr group, source, local; /* len 0: none */
	const char *iface;
};

#define AT(member) offsetof(struct udp_cfg, member)

static const struct ipc_opt udp_opts[] = {
	{ .name = "group", .type = IPC_OPT_CUSTOM, .argname = "ADDR",
	    .offset = AT(group), .parse = ipc_resolve_source,
	    .help = "join this multicast group" },
	{ .name = "iface", .type = IPC_OPT_STRING, .argname = "NAME",
	    .offset = AT(iface),
	    .help = "interface of the group: to join on, to send from" },
	{ .name = "source", .type = IPC_OPT_CUSTOM, .argname = "ADDR",
	    .offset = AT(source), .parse = ipc_resolve_source,
	    .help = "receive the group from this sender only" },
	{ .name = "local", .type = IPC_OPT_CUSTOM, .argname = "ADDR[:PORT]",
	    .offset = AT(local), .parse = ipc_resolve_source,
	    .help = "send from this address" },
	{ .name = "ttl", .type = IPC_OPT_INT, .argname = "N",
	    .offset = AT(ttl), .max = "255",
	    .help = "time to live; 0: the system's, and 1 for a group" },
	{ .name = "loop", .type = IPC_OPT_FLAG, .offset = AT(loop),
	    .dflt = "yes", .help = "this machine gets its own multicast" },
	{ .name = "broadcast", .type = IPC_OPT_FLAG, .offset = AT(broadcast),
	    .help = "may send to a broadcast address" },
	{ .name = "reuseaddr", .type = IPC_OPT_FLAG, .offset = AT(reuseaddr),
	    .help = "share the port; always for a group" },
	{ .name = "sndbuf", .type = IPC_OPT_SIZE, .argname = "SIZE",
	    .offset = AT(sndbuf), .max = "1G",
	    .help = "send buffer; 0: the system's default" },
	{ .name = "rcvbuf", .type = IPC_OPT_SIZE, .argname = "SIZE",
	    .offset = AT(rcvbuf), .max = "1G",
	    .help = "receive buffer; 0: the system's default" },
	{ .type = IPC_OPT_END },
};

static const char *const bind_only[] = { "group", "source", "reuseaddr",
	NULL };
static const char *const dial_only[] = { "local", "broadcast", "loop", NULL };

static const struct ipc_so_row udp_rows[] = {
	{ "broadcast", IPC_SO_FLAG, IPC_SO_DIAL, SOL_SOCKET, SO_BROADCAST,
	    AT(broadcast) },
	{ "sndbuf", IPC_SO_INT, IPC_SO_DIAL | IPC_SO_LISTEN, SOL_SOCKET,
	    SO_SNDBUF, AT(sndbuf) },
	{ "rcvbuf", IPC_SO_INT, IPC_SO_DIAL | IPC_SO_LISTEN, SOL_SOCKET,
	    SO_RCVBUF, AT(rcvbuf) },
	{ .kind = IPC_SO_END },
};

/* 65,535 with the headers; the slot holds the most a datagram can carry. */
static const struct ipc_dgram_kind kinds[] = {
	{ .slot = 65536, .slots = 64 },
	{ .slot = 65536, .slots = 64, .senders = true },
};

static bool
is_group(const struct ipc_addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return IN_MULTICAST(ntohl(a->in.sin_addr.s_addr));
	return a->sa.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_MULTICAST(&a->in6.sin6_addr);
}

static int
udp_check(const struct ipc_endpoint *ep, bool binds, struct ipc_error *err)
{
	const struct udp_cfg *cfg = ep->cfg;
	uint16_t port;
	int rc;

	if (ep->port == NULL || ep->port[0] == '\0')
		return ipc_fail(err, IPC_E_USAGE, 0, "write udp://HOST:PORT",
		    "no port in \"%s\"", ep->text);
	if (ep->path[0] != '\0' && strcmp(ep->path, "/") != 0)
		return ipc_fail(err, IPC_E_USAGE, 0, "write udp://HOST:PORT",
		    "\"%s\" after the port means nothing to udp", ep->path);
	rc = ipc_resolve_port(ep->port, &port, err);
	if (rc < 0)
		return rc;
	if (rc == 0 && port == 0 && !binds)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "port 0 is for listening; name the port of the peer",
		    "cannot send to port 0");
	if (cfg->group.len > 0 && !is_group(&cfg->group))
		return ipc_fail(err, IPC_E_USAGE, 0, "such as group=239.1.2.3",
		    "group= is no multicast address");
	if (cfg->iface != NULL && if_nametoindex(cfg->iface) == 0)
		return ipc_fail(err, IPC_E_USAGE, errno,
		    "see the names with: ip -br link",
		    "no interface \"%s\"", cfg->iface);
	return ipc_sock_role_keys(ep, binds, bind_only, dial_only, err);
}

static int
udp_resolve(const struct ipc_endpoint *ep, unsigned flags,
    struct ipc_addrs *out, struct ipc_error *err)
{
	return ipc_resolve(ep->host == NULL ? "" : ep->host,
	    ep->port == NULL ? "" : ep->port, flags, out, err);
}

static int
failed(struct ipc_error *err, const char *what, const char *hint)
{
	return ipc_fail(err, IPC_E_NET, errno, hint, "%s", what);
}

static int
set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* Membership of the group, on one interface and from one sender if asked. */
static int
join(int fd, const struct udp_cfg *cfg, const struct ipc_addr *group,
    struct ipc_error *err)
{
	int level = group->sa.sa_family == AF_INET6 ? IPPROTO_IPV6 :
	    IPPROTO_IP, rc;
	uint32_t index = cfg->iface == NULL ? 0 : if_nametoindex(cfg->iface);

	if (cfg->source.len > 0) {
		struct group_source_req r = { .gsr_interface = index };

		memcpy(&r.gsr_group, &group->ss, sizeof(r.gsr_group));
		memcpy(&r.gsr_source, &cfg->source.ss, sizeof(r.gsr_source));
		rc = setsockopt(fd, level, MCAST_JOIN_SOURCE_GROUP, &r,
		    sizeof(r));
	} else {
		struct group_req r = { .gr_interface = index };

		memcpy(&r.gr_group, &group->ss, sizeof(r.gr_group));
		rc = setsockopt(fd, level, MCAST_JOIN_GROUP, &r, sizeof(r));
	}
	return rc == 0 ? 0 : failed(err, "cannot join the group",
	    errno == ENODEV ? "no route to the group: name an interface with "
	    "iface=" : NULL);
}

/* An empty host is every address, of the family at hand. */
static void
any_address(struct ipc_addr *a)
{
	if (a->sa.sa_family == AF_INET)
		a->in.sin_addr.s_addr = htonl(INADDR_ANY);
	else
		a->in6.sin6_addr = in6addr_any;
}

static int
cannot_bind(const struct ipc_addr *a, struct ipc_error *err)
{
	char text[160];
	int sys = errno;

	ipc_addr_endpoint(a, text, sizeof(text));
	return ipc_fail(err, IPC_E_NET, sys, sys == EADDRINUSE ?
	    "something has that port (see: ss -lnup); choose another, or 0 "
	    "for a free one" : sys == EADDRNOTAVAIL ?
	    "no interface has this address; see: ip -br addr" : NULL,
	    "cannot bind udp%s", text + strlen("tcp"));
}

static int
set_ttl(int fd, int family, const struct udp_cfg *cfg)
{
	bool v6 = family == AF_INET6;

	return set_int(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
	    v6 ? IPV6_UNICAST_HOPS : IP_TTL, (int)cfg->ttl);
}

/* Bound to every address: have each datagram say which one it was sent to,
 * and take no group that only others on this machine have joined. */
static void
tell_more(int fd, const struct ipc_addr *at)
{
	bool v6 = at->sa.sa_family == AF_INET6;

	if (v6 ? !IN6_IS_ADDR_UNSPECIFIED(&at->in6.sin6_addr) :
	    at->in.sin_addr.s_addr != htonl(INADDR_ANY))
		return;
	set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
	set_int(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
	if (v6) {
		set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
		set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
	}
}

static int
udp_bind(struct ipc_conn *c, const struct ipc_addr *addr,
    struct ipc_error *err)
{
	const struct udp_cfg *cfg = c->ep->cfg;
	const struct ipc_addr *group = cfg->group.len > 0 ? &cfg->group :
	    is_group(addr) ? addr : NULL;
	struct ipc_addr at = *addr;
	int fd = c->rfd;

	if (c->ep->host == NULL || c->ep->host[0] == '\0')
		any_address(&at);
	if (at.sa.sa_family == AF_INET6)
		set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if ((cfg->reuseaddr || group != NULL) &&
	    set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) != 0)
		return failed(err, "cannot share the port", NULL);
	if (ipc_sock_options(fd, udp_rows, cfg, IPC_SO_LISTEN, err) < 0)
		return err->code;
	if (cfg->ttl > 0 && set_ttl(fd, at.sa.sa_family, cfg) != 0)
		return failed(err, "cannot set ttl=", NULL);
	tell_more(fd, &at);
	if (bind(fd, &at.sa, at.len) != 0)
		return cannot_bind(&at, err);
	if (group != NULL && join(fd, cfg, group, err) < 0)
		return err->code;
	return ipc_dgram_open(c, &kinds[1], err);
}

/* How multicast leaves: interface, reach, and whether we hear it ourselves. */
static int
group_options(int fd, const struct udp_cfg *cfg, int family)
{
	bool v6 = family == AF_INET6;
	int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
	int ttl = cfg->ttl == 0 ? 1 : (int)cfg->ttl;
	int index = cfg->iface == NULL ? 0 : (int)if_nametoindex(cfg->iface);
	struct ip_mreqn m = { .imr_ifindex = index };

	if (set_int(fd, level, v6 ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL,
	    ttl) != 0 || set_int(fd, level, v6 ? IPV6_MULTICAST_LOOP :
	    IP_MULTICAST_LOOP, cfg->loop) != 0)
		return -1;
	if (index == 0)
		return 0;
	return v6 ? set_int(fd, level, IPV6_MULTICAST_IF, index) :
	    setsockopt(fd, level, IP_MULTICAST_IF, &m, sizeof(m));
}

static int
dial_options(int fd, const struct udp_cfg *cfg, const struct ipc_addr *addr,
    struct ipc_error *err)
{
	if (ipc_sock_options(fd, udp_rows, cfg, IPC_SO_DIAL, err) < 0)
		return err->code;
	if (is_group(addr) && group_options(fd, cfg, addr->sa.sa_family) != 0)
		return failed(err, "cannot set up the sending to a group",
		    NULL);
	if (cfg->ttl > 0 && set_ttl(fd, addr->sa.sa_family, cfg) != 0)
		return failed(err, "cannot set ttl=", NULL);
	if (cfg->local.len > 0 && bind(fd, &cfg->local.sa, cfg->local.len)
	    != 0)
		return failed(err, "cannot use the address of local=",
		    errno == EADDRNOTAVAIL ?
		    "no interface has this address; see: ip -br addr" : NULL);
	return 0;
}

static int
udp_connect(struct ipc_conn *c, const struct ipc_addr *addr,
    struct ipc_error *err)
{
	const struct udp_cfg *cfg = c->ep->cfg;
	bool many = is_group(addr) || cfg->broadcast;
	char text[IPC_IDENT_TEXT];

	ipc_ident_from(&c->peer, &addr->sa, addr->len);
	if (dial_options(c->rfd, cfg, addr, err) < 0)
		return err->code;
	if (ipc_dgram_open(c, &kinds[many ? 1 : 0], err) < 0)
		return err->code;
	if (many) {
		ipc_dgram_to(c, addr);
		return 0;
	}
	if (connect(c->rfd, &addr->sa, addr->len) == 0)
		return 0;
	return ipc_fail(err, IPC_E_NET, errno, errno == EACCES ?
	    "this is a broadcast address: add ?broadcast" : NULL,
	    "cannot send to %s", ipc_ident_text(text, &c->peer));
}

static int
udp_dial(struct ipc_conn *c, const struct ipc_addr *addr,
    const struct ipc_conn *other, struct ipc_error *err)
{
	int fd = socket(addr->sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);

	(void)other;
	if (fd < 0)
		return failed(err, "cannot make a socket", NULL);
	ipc_sock_take(c, fd, false);
	/* What the kernel drops for us, counted with each datagram. */
	set_int(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	return (c->flags & IPC_CONN_BIND) != 0 ? udp_bind(c, addr, err) :
	    udp_connect(c, addr, err);
}

static char *
udp_created_text(const struct ipc_conn *c, char *buf, size_t size)
{
	struct ipc_addr a = { .len = sizeof(a.ss) };
	char text[160];

	if ((c->flags & IPC_CONN_BIND) == 0 ||
	    getsockname(c->rfd, &a.sa, &a.len) != 0)
		return NULL;
	ipc_addr_endpoint(&a, text, sizeof(text));
	snprintf(buf, size, "udp%s", text + strlen("tcp"));
	return buf;
}

extern const struct ipc_transport ipc_transport_udp;
const struct ipc_transport ipc_transport_udp = {
	.scheme = "udp",
	.syntax = "udp://HOST:PORT",
	.summary = "datagrams over IPv4 and IPv6; multicast, broadcast",
	.shape = IPC_EP_HOSTPORT,
	.caps = IPC_CAP_DIAL | IPC_CAP_CREATE | IPC_CAP_MSG | IPC_CAP_ENDLESS,
	.opts = udp_opts,
	.cfg_size = sizeof(struct udp_cfg),
	.check = udp_check,
	.resolve = udp_resolve,
	.dial = udp_dial,
	.created_text = udp_created_text,
	.recvm = ipc_dgram_recv,
	.sendm = ipc_dgram_send,
	.lost = ipc_dgram_lost,
	.screen = ipc_dgram_screen,
	.peer_of = ipc_dgram_peer_of,
	.shut_write = ipc_dgram_shut_write,
	.unsent = ipc_dgram_unsent,
	.close = ipc_dgram_close,
};
