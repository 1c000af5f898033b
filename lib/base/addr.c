/*
 * Addresses, identities of peers, and rules about them.
 *
 * An identity is canonical from the start: IPv4 in IPv6 clothing is IPv4, so
 * that a rule is written once and cannot be passed by another spelling.
 * Resolves no host name and does no I/O, apart from user, group and interface
 * names in rules.
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <grp.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/units.h"

enum rule_kind {
	RULE_NONE,		/* zeroed: matches nobody */
	RULE_ALL,
	RULE_IP,		/* family, ip, bits; id: scope or 0 for any */
	RULE_UNIX,
	RULE_UID,
	RULE_GID,
};

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0xFF, 0xFF };

/* ::ffff:a.b.c.d and ::a.b.c.d, but neither :: nor ::1. */
static bool
is_v4_inside(const uint8_t ip[16])
{
	static const uint8_t zero[15];

	if (memcmp(ip, mapped_prefix, 12) == 0)
		return true;
	return memcmp(ip, zero, 12) == 0 &&
	    !(memcmp(ip, zero, 15) == 0 && ip[15] <= 1);
}

static void
from_in6(struct ipc_ident *id, const struct sockaddr_in6 *in6)
{
	const uint8_t *ip = in6->sin6_addr.s6_addr;

	id->port = ntohs(in6->sin6_port);
	if (is_v4_inside(ip)) {
		id->family = AF_INET;
		memcpy(id->ip, ip + 12, 4);
		return;
	}
	id->family = AF_INET6;
	id->scope = in6->sin6_scope_id;
	memcpy(id->ip, ip, 16);
}

void
ipc_ident_from(struct ipc_ident *id, const struct sockaddr *sa, socklen_t len)
{
	union {
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_vm vm;
	} u;
	sa_family_t family;

	memset(id, 0, sizeof(*id));
	if (sa == NULL || len < sizeof(sa->sa_family))
		return;
	memcpy(&family, &sa->sa_family, sizeof(family));
	/* Copied out: the caller's bytes need not be aligned. */
	if (family == AF_INET && len >= sizeof(u.in)) {
		memcpy(&u.in, sa, sizeof(u.in));
		id->family = AF_INET;
		id->port = ntohs(u.in.sin_port);
		memcpy(id->ip, &u.in.sin_addr, 4);
	} else if (family == AF_INET6 && len >= sizeof(u.in6)) {
		memcpy(&u.in6, sa, sizeof(u.in6));
		from_in6(id, &u.in6);
	} else if (family == AF_VSOCK && len >= sizeof(u.vm)) {
		memcpy(&u.vm, sa, sizeof(u.vm));
		id->family = AF_VSOCK;
		id->scope = u.vm.svm_cid;
		memcpy(id->ip, &u.vm.svm_port, sizeof(u.vm.svm_port));
		id->port = (uint16_t)u.vm.svm_port;
	} else if (family == AF_UNIX) {
		id->family = AF_UNIX;
	}
}

static void
ip_text(char buf[IPC_IDENT_TEXT], const struct ipc_ident *id)
{
	size_t n;

	buf[0] = '\0';
	inet_ntop(id->family, id->ip, buf, INET6_ADDRSTRLEN);
	if (id->family == AF_INET6 && id->scope != 0) {
		n = strlen(buf);
		snprintf(buf + n, IPC_IDENT_TEXT - n, "%%%u",
		    (unsigned int)id->scope);
	}
}

char *
ipc_ident_text(char buf[IPC_IDENT_TEXT], const struct ipc_ident *id)
{
	char host[IPC_IDENT_TEXT];
	uint32_t port;

	switch (id->family) {
	case AF_INET:
		ip_text(host, id);
		snprintf(buf, IPC_IDENT_TEXT, "%.62s:%u", host, id->port);
		break;
	case AF_INET6:
		ip_text(host, id);
		snprintf(buf, IPC_IDENT_TEXT, "[%.62s]:%u", host, id->port);
		break;
	case AF_UNIX:
		if (id->has_cred)
			snprintf(buf, IPC_IDENT_TEXT, "unix pid=%d uid=%u",
			    (int)id->pid, (unsigned int)id->uid);
		else
			snprintf(buf, IPC_IDENT_TEXT, "unix");
		break;
	case AF_VSOCK:
		memcpy(&port, id->ip, sizeof(port));
		snprintf(buf, IPC_IDENT_TEXT, "vsock %u:%u",
		    (unsigned int)id->scope, (unsigned int)port);
		break;
	default:
		snprintf(buf, IPC_IDENT_TEXT, "-");
	}
	return buf;
}

char *
ipc_ident_host(char buf[IPC_IDENT_TEXT], const struct ipc_ident *id)
{
	switch (id->family) {
	case AF_INET:
	case AF_INET6:
		ip_text(buf, id);
		break;
	case AF_UNIX:
		if (id->has_cred)
			snprintf(buf, IPC_IDENT_TEXT, "uid=%u",
			    (unsigned int)id->uid);
		else
			snprintf(buf, IPC_IDENT_TEXT, "unix");
		break;
	case AF_VSOCK:
		snprintf(buf, IPC_IDENT_TEXT, "%u", (unsigned int)id->scope);
		break;
	default:
		snprintf(buf, IPC_IDENT_TEXT, "-");
	}
	return buf;
}

bool
ipc_ident_same_host(const struct ipc_ident *a, const struct ipc_ident *b)
{
	if (a->family != b->family)
		return false;
	switch (a->family) {
	case AF_INET:
		return memcmp(a->ip, b->ip, 4) == 0;
	case AF_INET6:
		return memcmp(a->ip, b->ip, 16) == 0 && a->scope == b->scope;
	case AF_UNIX:
		return a->has_cred == b->has_cred &&
		    (!a->has_cred || a->uid == b->uid);
	case AF_VSOCK:
		return a->scope == b->scope;
	default:
		return true;
	}
}

int
ipc_addr_unix(struct ipc_addr *a, const char *path, struct ipc_error *err)
{
	bool abstract = path[0] == '@';
	size_t len = strlen(path);

	if (len == (abstract ? 1 : 0))
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "write unix:///run/name.sock, unix:./name or @name",
		    "the socket path is empty");
	if (len >= sizeof(a->un.sun_path)) {
		ipc_fail(err, IPC_E_USAGE, 0, "", "the socket path is too "
		    "long: %zu bytes, the limit is %zu", len,
		    sizeof(a->un.sun_path) - 1);
		ipc_error_hint(err, "cd to the directory and use "
		    "unix:./NAME, or choose a shorter path");
		return IPC_E_USAGE;
	}
	memset(a, 0, sizeof(*a));
	a->un.sun_family = AF_UNIX;
	memcpy(a->un.sun_path, path, len);
	a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	/* Abstract names are counted, paths end with a NUL. */
	if (abstract)
		a->un.sun_path[0] = '\0';
	else
		a->len++;
	return 0;
}

/* Clear the bits behind the prefix, so that 10.0.0.5/8 is 10.0.0.0/8. */
static void
mask_ip(uint8_t ip[16], unsigned int bits)
{
	unsigned int i;

	for (i = 0; i < 16; i++) {
		if (bits >= 8) {
			bits -= 8;
			continue;
		}
		ip[i] = (uint8_t)(ip[i] & ~(0xFFU >> bits));
		bits = 0;
	}
}

/* The prefix length after '/', or the full width. */
static int
parse_bits(const char *slash, unsigned int width, unsigned int *bits,
    struct ipc_error *err)
{
	uint64_t n = width;

	if (slash != NULL && (ipc_parse_u64(slash + 1, &n, NULL) != 0 ||
	    n > width)) {
		ipc_fail(err, IPC_E_USAGE, 0, "", "\"%.60s\" is not a prefix "
		    "length", slash + 1);
		ipc_error_hint(err, "write a number from 0 to %u", width);
		return IPC_E_USAGE;
	}
	*bits = (unsigned int)n;
	return 0;
}

/* "%eth0" or "%2" of a rule; ends where the '/' is. */
static int
parse_scope(const char *s, size_t len, uint32_t *scope, struct ipc_error *err)
{
	char name[IF_NAMESIZE];
	uint64_t n = 0;

	if (len == 0 || len >= sizeof(name))
		goto bad;
	memcpy(name, s, len);
	name[len] = '\0';
	*scope = if_nametoindex(name);
	if (*scope != 0)
		return 0;
	if (ipc_parse_u64(name, &n, NULL) != 0 || n == 0 || n > UINT32_MAX)
		goto bad;
	*scope = (uint32_t)n;
	return 0;
bad:
	return ipc_fail(err, IPC_E_USAGE, 0, "ip link lists the interfaces",
	    "no such interface: \"%.*s\"", (int)(len > 40 ? 40 : len), s);
}

static int
not_an_address(const char *text, struct ipc_error *err)
{
	return ipc_fail(err, IPC_E_USAGE, 0, "write an address (192.0.2.1, "
	    "10.0.0.0/8, fe80::/10), uid=NAME, gid=NAME, unix or all; host "
	    "names are not looked up", "\"%.60s\" is not a rule", text);
}

/* IPv6 that holds IPv4 becomes the IPv4 rule; less than 96 bits cannot. */
static int
canonical(struct ipc_rule *r, unsigned int *bits, struct ipc_error *err)
{
	if (r->family != AF_INET6 || !is_v4_inside(r->ip))
		return 0;
	if (*bits < 96)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "write the IPv4 network itself, such as 10.0.0.0/8",
		    "a prefix below /96 cuts the IPv4 address inside");
	memcpy(r->ip, r->ip + 12, 4);
	memset(r->ip + 4, 0, 12);
	r->family = AF_INET;
	r->id = 0;
	*bits -= 96;
	return 0;
}

static int
parse_ip(struct ipc_rule *r, const char *text, struct ipc_error *err)
{
	const char *slash = strchr(text, '/'), *pct;
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	size_t alen = len;
	char ip[INET6_ADDRSTRLEN];
	unsigned int bits = 0;
	int rc;

	pct = memchr(text, '%', len);
	if (pct != NULL)
		alen = (size_t)(pct - text);
	if (alen >= sizeof(ip))
		return not_an_address(text, err);
	memcpy(ip, text, alen);
	ip[alen] = '\0';
	if (inet_pton(AF_INET, ip, r->ip) == 1 && pct == NULL)
		r->family = AF_INET;
	else if (inet_pton(AF_INET6, ip, r->ip) == 1)
		r->family = AF_INET6;
	else
		return not_an_address(text, err);
	rc = parse_bits(slash, r->family == AF_INET ? 32 : 128, &bits, err);
	if (rc == 0 && pct != NULL)
		rc = parse_scope(pct + 1, len - alen - 1, &r->id, err);
	if (rc == 0)
		rc = canonical(r, &bits, err);
	if (rc != 0)
		return rc;
	mask_ip(r->ip, bits);
	r->bits = (uint8_t)bits;
	r->kind = RULE_IP;
	return 0;
}

/* A number, or a name of the system's database. */
static int
parse_id(struct ipc_rule *r, const char *name, bool group,
    struct ipc_error *err)
{
	const struct passwd *pw = NULL;
	const struct group *gr = NULL;
	uint64_t n = 0;

	/* (uid_t)-1 means "no change" to the kernel and is nobody's id. */
	if (ipc_parse_u64(name, &n, NULL) == 0 && n < UINT32_MAX)
		r->id = (uint32_t)n;
	else if (!group && name[0] != '\0' && (pw = getpwnam(name)) != NULL)
		r->id = pw->pw_uid;
	else if (group && name[0] != '\0' && (gr = getgrnam(name)) != NULL)
		r->id = gr->gr_gid;
	else
		return ipc_fail(err, IPC_E_USAGE, 0, group ?
		    "write a number, or a name of: getent group" :
		    "write a number, or a name of: getent passwd",
		    "no such %s: \"%.60s\"", group ? "group" : "user", name);
	r->kind = group ? RULE_GID : RULE_UID;
	r->family = AF_UNIX;
	return 0;
}

int
ipc_rule_parse(struct ipc_rule *r, const char *text, struct ipc_error *err)
{
	struct ipc_rule made;
	int rc = 0;

	memset(r, 0, sizeof(*r));
	memset(&made, 0, sizeof(made));
	if (strcmp(text, "all") == 0)
		made.kind = RULE_ALL;
	else if (strcmp(text, "unix") == 0)
		made.kind = RULE_UNIX;
	else if (strncmp(text, "uid=", 4) == 0)
		rc = parse_id(&made, text + 4, false, err);
	else if (strncmp(text, "gid=", 4) == 0)
		rc = parse_id(&made, text + 4, true, err);
	else
		rc = parse_ip(&made, text, err);
	/* On failure *r stays RULE_NONE, which matches nobody. */
	if (rc == 0)
		*r = made;
	return rc;
}

static bool
prefix_equal(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) & (0xFF00U >> rest) &
	    0xFFU) == 0;
}

/* 0.0.0.0 and :: reach this machine when connected to, so they count as
 * loopback too: a rule about 127.0.0.0/8 cannot be passed by them. */
static bool
match_ip(const struct ipc_rule *r, const struct ipc_ident *id)
{
	static const uint8_t zero[16];
	uint8_t loop[16] = { 0 };
	size_t width = id->family == AF_INET ? 4 : 16;

	if (id->family != r->family)
		return false;
	if (r->id != 0 && r->id != id->scope)
		return false;
	if (prefix_equal(r->ip, id->ip, r->bits))
		return true;
	if (memcmp(id->ip, zero, width) != 0)
		return false;
	if (id->family == AF_INET)
		loop[0] = 127;
	loop[width - 1] = 1;
	return prefix_equal(r->ip, loop, r->bits);
}

bool
ipc_rule_match(const struct ipc_rule *r, const struct ipc_ident *id)
{
	switch (r->kind) {
	case RULE_ALL:
		return true;
	case RULE_IP:
		return match_ip(r, id);
	case RULE_UNIX:
		return id->family == AF_UNIX;
	case RULE_UID:
		return id->family == AF_UNIX && id->has_cred &&
		    id->uid == r->id;
	case RULE_GID:
		return id->family == AF_UNIX && id->has_cred &&
		    id->gid == r->id;
	default:
		return false;
	}
}

static bool
any_match(const struct ipc_rule *r, uint32_t n, const struct ipc_ident *id)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (ipc_rule_match(&r[i], id))
			return true;
	return false;
}

bool
ipc_rules_admit(const struct ipc_rule *allow, uint32_t nallow,
    const struct ipc_rule *deny, uint32_t ndeny, const struct ipc_ident *id)
{
	if (any_match(deny, ndeny, id))
		return false;
	return nallow == 0 || any_match(allow, nallow, id);
}
