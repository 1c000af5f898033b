/*
 * getaddrinfo(3) for stream sockets, and addresses as endpoints.  No state,
 * no cache; blocks only where resolve.h says so.
 */
#include "transport/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Needs struct sockaddr. */
#include <linux/vm_sockets.h>

#include "base/units.h"
#include "transport/fdio.h"
#include "transport/transport.h"

#define FAMILIES (IPC_RESOLVE_V4 | IPC_RESOLVE_V6)
#define HOST_MAX 255		/* a DNS name is shorter */

/* sin6_flowinfo of an address that ipc_resolve() made for V6 alone; bind(2)
 * ignores it and no resolver sets it. */
#define ONLY_V6 0x0fffffU

static int
forced_family(unsigned flags)
{
	switch (flags & FAMILIES) {
	case IPC_RESOLVE_V4:
		return AF_INET;
	case IPC_RESOLVE_V6:
		return AF_INET6;
	default:
		return AF_UNSPEC;
	}
}

static void
set_port(struct ipc_addr *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET6)
		a->in6.sin6_port = htons(port);
	else
		a->in.sin_port = htons(port);
}

/* Append unless it is there already; NULL when full. */
static struct ipc_addr *
add(struct ipc_addrs *out, const struct ipc_addr *a)
{
	for (uint32_t i = 0; i < out->n; i++)
		if (out->a[i].len == a->len &&
		    memcmp(&out->a[i].ss, &a->ss, a->len) == 0)
			return &out->a[i];
	if (out->n == IPC_ADDRS)
		return NULL;
	out->a[out->n] = *a;
	return &out->a[out->n++];
}

static struct ipc_addr *
add_v4(struct ipc_addrs *out, in_addr_t host, uint16_t port)
{
	struct ipc_addr a = { .len = sizeof(a.in) };

	a.in.sin_family = AF_INET;
	a.in.sin_port = htons(port);
	a.in.sin_addr.s_addr = htonl(host);
	return add(out, &a);
}

static struct ipc_addr *
add_v6(struct ipc_addrs *out, const struct in6_addr *host, uint16_t port)
{
	struct ipc_addr a = { .len = sizeof(a.in6) };

	a.in6.sin6_family = AF_INET6;
	a.in6.sin6_port = htons(port);
	a.in6.sin6_addr = *host;
	return add(out, &a);
}

/* One answer of getaddrinfo(3); port < 0 keeps the one it has. */
static void
add_info(struct ipc_addrs *out, const struct addrinfo *ai, int port)
{
	struct ipc_addr a = { .len = ai->ai_addrlen };

	if (a.len > sizeof(a.ss))
		return;
	memcpy(&a.ss, ai->ai_addr, a.len);
	if (port >= 0)
		set_port(&a, (uint16_t)port);
	add(out, &a);
}

static bool
have_v6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0;

	ipc_fd_close(&fd);
	return yes;
}

static void
no_host(unsigned flags, uint16_t port, struct ipc_addrs *out)
{
	int family = forced_family(flags);
	struct ipc_addr *a;

	if ((flags & IPC_RESOLVE_PASSIVE) == 0) {
		if (family != AF_INET)
			add_v6(out, &in6addr_loopback, port);
		if (family != AF_INET6)
			add_v4(out, INADDR_LOOPBACK, port);
		return;
	}
	if (family == AF_INET || (family == AF_UNSPEC && !have_v6())) {
		add_v4(out, INADDR_ANY, port);
		return;
	}
	a = add_v6(out, &in6addr_any, port);
	if (a != NULL && family == AF_INET6)
		a->in6.sin6_flowinfo = htonl(ONLY_V6);
}

bool
ipc_addr_only_v6(const struct ipc_addr *a)
{
	return a->sa.sa_family == AF_INET6 &&
	    a->in6.sin6_flowinfo == htonl(ONLY_V6);
}

int
ipc_resolve_port(const char *text, uint16_t *port, struct ipc_error *err)
{
	uint64_t v;

	*port = 0;
	if (text[0] != '\0' && text[strspn(text, "0123456789")] != '\0')
		return 1;
	if (ipc_parse_u64(text, &v, NULL) != 0 || v > UINT16_MAX)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "a port is a number from 0 to 65535, or a service name",
		    "bad port \"%s\"", text);
	*port = (uint16_t)v;
	return 0;
}

static int
gai_fail(int gai, int sys, const char *host, const char *port, unsigned flags,
    struct ipc_error *err)
{
	const char *why = gai_strerror(gai);

	switch (gai) {
	case EAI_SYSTEM:
		return ipc_fail(err, IPC_E_NET, sys, NULL,
		    "cannot resolve \"%s\"", host);
	case EAI_SERVICE:
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "give the port as a number",
		    "unknown service name \"%s\"", port);
	case EAI_AGAIN:
		return ipc_fail(err, IPC_E_NET, 0,
		    "the name server did not answer: try again, or give the "
		    "address itself", "cannot resolve \"%s\": %s", host, why);
	default:
		return ipc_fail(err, IPC_E_NET, 0,
		    forced_family(flags) == AF_UNSPEC ?
		    "check the spelling, or give the address itself" :
		    "it may only have addresses of the other family: leave "
		    "out -4, -6 or source=", "cannot resolve \"%s\": %s", host,
		    why);
	}
}

static int
lookup(const char *host, const char *service, unsigned flags, uint16_t port,
    struct ipc_addrs *out, struct ipc_error *err)
{
	struct addrinfo hints = { .ai_family = forced_family(flags),
	    .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL, *ai;
	int gai;

	if ((flags & IPC_RESOLVE_NUMERIC) != 0)
		hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
	if ((flags & IPC_RESOLVE_PASSIVE) != 0)
		hints.ai_flags |= AI_PASSIVE;
	gai = getaddrinfo(host[0] == '\0' ? NULL : host, service, &hints,
	    &list);
	if (gai == EAI_NONAME && (flags & IPC_RESOLVE_NUMERIC) != 0)
		return 1;
	if (gai != 0)
		return gai_fail(gai, errno, host, service == NULL ? "" :
		    service, flags, err);
	for (ai = list; ai != NULL; ai = ai->ai_next)
		add_info(out, ai, service == NULL ? port : -1);
	freeaddrinfo(list);
	return out->n > 0 ? 0 :
	    gai_fail(EAI_NONAME, 0, host, "", flags, err);
}

/* A service name to its number, by way of an address list. */
static int
service_port(const char *service, uint16_t *port, struct ipc_error *err)
{
	struct ipc_addrs tmp = { .n = 0 };
	int rc = lookup("", service, IPC_RESOLVE_V4, 0, &tmp, err);

	if (rc == 0)
		*port = ntohs(tmp.a[0].in.sin_port);
	return rc;
}

int
ipc_resolve(const char *host, const char *port, unsigned flags,
    struct ipc_addrs *out, struct ipc_error *err)
{
	uint16_t number;
	int rc;

	out->n = 0;
	if (strlen(host) > HOST_MAX)
		return ipc_fail(err, IPC_E_USAGE, 0, NULL,
		    "host name is longer than %d bytes", HOST_MAX);
	rc = ipc_resolve_port(port, &number, err);
	if (rc == 1 && (flags & IPC_RESOLVE_NUMERIC) != 0)
		return 1;
	if (rc == 1)
		rc = service_port(port, &number, err);
	if (rc != 0)
		return rc;
	if (host[0] != '\0')
		return lookup(host, NULL, flags, number, out, err);
	no_host(flags, number, out);
	return 0;
}

/* Cut "ADDR", "ADDR:PORT", "[ADDR]", "[ADDR]:PORT"; port may stay NULL. */
static bool
split_source(char *text, char **host, char **port)
{
	char *end, *colon = strchr(text, ':');

	*host = text;
	*port = NULL;
	if (text[0] == '[') {
		end = strchr(text, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return false;
		*host = text + 1;
		*port = end[1] == ':' ? end + 2 : NULL;
		*end = '\0';
	} else if (colon != NULL && strchr(colon + 1, ':') == NULL) {
		*colon = '\0';
		*port = colon + 1;
	}
	return true;
}

int
ipc_resolve_source(void *field, const char *text, struct ipc_error *err)
{
	struct ipc_addrs found = { .n = 0 };
	char copy[128], *host, *port;
	uint16_t number = 0;
	size_t len = strlen(text);

	if (len >= sizeof(copy))
		goto bad;
	memcpy(copy, text, len + 1);
	if (!split_source(copy, &host, &port) || host[0] == '\0')
		goto bad;
	if (port != NULL && ipc_resolve_port(port, &number, NULL) != 0)
		goto bad;
	if (lookup(host, NULL, IPC_RESOLVE_NUMERIC, number, &found, NULL) != 0)
		goto bad;
	*(struct ipc_addr *)field = found.a[0];
	return 0;
bad:
	return ipc_fail(err, IPC_E_USAGE, 0,
	    "write ADDRESS or ADDRESS:PORT, with [] around IPv6 and a port",
	    "bad source address \"%s\"", text);
}

bool
ipc_addr_is_near(const struct ipc_addr *a)
{
	const struct in6_addr *ip6 = &a->in6.sin6_addr;

	switch (a->sa.sa_family) {
	case AF_INET:
		return ntohl(a->in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(ip6) ||
		    (IN6_IS_ADDR_V4MAPPED(ip6) &&
		    ip6->s6_addr[12] == IN_LOOPBACKNET);
	default:
		return false;
	}
}

static void
text_v6(const struct sockaddr_in6 *in6, char *buf, size_t size)
{
	char ip[INET6_ADDRSTRLEN] = "", zone[IF_NAMESIZE + 1] = "";

	inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof(ip));
	if (in6->sin6_scope_id != 0) {
		zone[0] = '%';
		if (if_indextoname(in6->sin6_scope_id, zone + 1) == NULL)
			snprintf(zone, sizeof(zone), "%%%u",
			    (unsigned)in6->sin6_scope_id);
	}
	snprintf(buf, size, "tcp://[%s%s]:%u", ip, zone,
	    (unsigned)ntohs(in6->sin6_port));
}

/* Append to buf what the endpoint parser would read back as s: one line of
 * printable ASCII, whatever the path (H50). */
static void
put_path(char *buf, size_t size, const char *s, size_t len)
{
	size_t at = strlen(buf);

	for (; len > 0 && *s != '\0' && at + 4 <= size; len--, s++) {
		unsigned char b = (unsigned char)*s;

		if (b == '%' || b == '?' || b < 0x20 || b >= 0x7f)
			at += (size_t)sprintf(buf + at, "%%%02X", b);
		else
			buf[at++] = *s;
	}
	buf[at] = '\0';
}

static void
text_unix(const struct ipc_addr *a, char *buf, size_t size)
{
	const char *path = a->un.sun_path;
	size_t off = offsetof(struct sockaddr_un, sun_path);
	size_t len = a->len > off ? a->len - off : 0;
	char cwd[PATH_MAX];

	if (len > 0 && path[0] == '\0') {
		snprintf(buf, size, "unix:@");
		put_path(buf, size, path + 1, len - 1);
		return;
	}
	snprintf(buf, size, "unix://");
	if (len > 0 && path[0] != '/' && getcwd(cwd, sizeof(cwd)) != NULL) {
		put_path(buf, size, cwd, strlen(cwd));
		put_path(buf, size, "/", 1);
	}
	put_path(buf, size, path, len);
}

char *
ipc_addr_endpoint(const struct ipc_addr *a, char *buf, size_t size)
{
	char ip[INET_ADDRSTRLEN] = "";
	struct sockaddr_vm vm;

	switch (a->sa.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &a->in.sin_addr, ip, sizeof(ip));
		snprintf(buf, size, "tcp://%s:%u", ip,
		    (unsigned)ntohs(a->in.sin_port));
		break;
	case AF_INET6:
		text_v6(&a->in6, buf, size);
		break;
	case AF_UNIX:
		text_unix(a, buf, size);
		break;
	case AF_VSOCK:
		memcpy(&vm, &a->ss, sizeof(vm));
		if (vm.svm_cid == VMADDR_CID_ANY)
			snprintf(buf, size, "vsock://any:%u", vm.svm_port);
		else
			snprintf(buf, size, "vsock://%u:%u", vm.svm_cid,
			    vm.svm_port);
		break;
	default:
		snprintf(buf, size, "-");
		break;
	}
	return buf;
}
