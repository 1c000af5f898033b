/* Addresses, identities, rules. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <linux/vm_sockets.h>
#include <net/if.h>

#include "base/error.h"
#include "check.h"

static struct ipc_ident
ip_ident(const char *ip, uint16_t port, uint32_t scope)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct ipc_ident id;

	if (inet_pton(AF_INET, ip, &in.sin_addr) == 1) {
		in.sin_port = htons(port);
		ipc_ident_from(&id, (struct sockaddr *)&in, sizeof(in));
	} else {
		inet_pton(AF_INET6, ip, &in6.sin6_addr);
		in6.sin6_port = htons(port);
		in6.sin6_scope_id = scope;
		ipc_ident_from(&id, (struct sockaddr *)&in6, sizeof(in6));
	}
	return id;
}

static struct ipc_ident
unix_ident(uid_t uid, gid_t gid)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct ipc_ident id;

	ipc_ident_from(&id, (struct sockaddr *)&un, sizeof(sa_family_t));
	id.has_cred = true;
	id.pid = 7;
	id.uid = uid;
	id.gid = gid;
	return id;
}

static void
texts(void)
{
	static const struct {
		const char *ip;
		uint32_t scope;
		const char *text, *host;
	} rows[] = {
		{ "192.0.2.1", 0, "192.0.2.1:80", "192.0.2.1" },
		{ "0.0.0.0", 0, "0.0.0.0:80", "0.0.0.0" },
		{ "::1", 0, "[::1]:80", "::1" },
		{ "::", 0, "[::]:80", "::" },
		{ "fe80::1", 2, "[fe80::1%2]:80", "fe80::1%2" },
		{ "::ffff:192.0.2.1", 0, "192.0.2.1:80", "192.0.2.1" },
		{ "::192.0.2.1", 0, "192.0.2.1:80", "192.0.2.1" },
		{ "::ffff:0.0.0.0", 0, "0.0.0.0:80", "0.0.0.0" },
		{ "::ffff:0:1.2.3.4", 0, "[::ffff:0:102:304]:80",
		    "::ffff:0:102:304" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 4294967295U,
		    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:80",
		    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295" },
	};
	struct sockaddr_vm vm = { .svm_family = AF_VSOCK, .svm_cid = 3,
	    .svm_port = 123456 };
	struct ipc_ident id;
	char buf[IPC_IDENT_TEXT];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		id = ip_ident(rows[i].ip, 80, rows[i].scope);
		is_str(ipc_ident_text(buf, &id), rows[i].text, "text of %s",
		    rows[i].ip);
		is_str(ipc_ident_host(buf, &id), rows[i].host, "host of %s",
		    rows[i].ip);
	}
	id = unix_ident(5, 6);
	is_str(ipc_ident_text(buf, &id), "unix pid=7 uid=5", "unix");
	is_str(ipc_ident_host(buf, &id), "uid=5", "unix host");
	id.has_cred = false;
	is_str(ipc_ident_text(buf, &id), "unix", "unix, not known");
	is_str(ipc_ident_host(buf, &id), "unix", "unix host, not known");
	ipc_ident_from(&id, (struct sockaddr *)&vm, sizeof(vm));
	is_str(ipc_ident_text(buf, &id), "vsock 3:123456", "vsock");
	is_str(ipc_ident_host(buf, &id), "3", "vsock host");
	ipc_ident_from(&id, NULL, 0);
	is_str(ipc_ident_text(buf, &id), "-", "none");
	is_str(ipc_ident_host(buf, &id), "-", "none, host");
}

/* A short or unknown address is no identity. */
static void
short_addresses(void)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr odd = { .sa_family = 77 };
	struct ipc_ident id;
	socklen_t len;

	for (len = 0; len < sizeof(in6); len++) {
		ipc_ident_from(&id, (struct sockaddr *)&in6, len);
		ok(id.family == 0, "IPv6 with %u bytes", (unsigned int)len);
	}
	for (len = 0; len < sizeof(in); len++) {
		ipc_ident_from(&id, (struct sockaddr *)&in, len);
		ok(id.family == 0, "IPv4 with %u bytes", (unsigned int)len);
	}
	ipc_ident_from(&id, &odd, sizeof(odd));
	ok(id.family == 0, "an unknown family");
}

static void
same_host(void)
{
	struct ipc_ident a, b;

	a = ip_ident("192.0.2.1", 1, 0);
	b = ip_ident("::ffff:192.0.2.1", 2, 0);
	ok(ipc_ident_same_host(&a, &b), "mapped is the same, ports ignored");
	b = ip_ident("192.0.2.2", 1, 0);
	ok(!ipc_ident_same_host(&a, &b), "another address");
	a = ip_ident("fe80::1", 1, 2);
	b = ip_ident("fe80::1", 1, 3);
	ok(!ipc_ident_same_host(&a, &b), "another link");
	a = unix_ident(1, 2);
	b = unix_ident(1, 3);
	ok(ipc_ident_same_host(&a, &b), "equal uid");
	b.uid = 2;
	ok(!ipc_ident_same_host(&a, &b), "another uid");
	b.has_cred = false;
	ok(!ipc_ident_same_host(&a, &b), "one unknown");
	a.has_cred = false;
	ok(ipc_ident_same_host(&a, &b), "both unknown");
	b = ip_ident("192.0.2.2", 1, 0);
	ok(!ipc_ident_same_host(&a, &b), "another family");
}

static void
unix_addresses(void)
{
	struct ipc_error err;
	struct ipc_addr a;
	char path[300];
	size_t base = offsetof(struct sockaddr_un, sun_path);

	ok(ipc_addr_unix(&a, "/run/x", &err) == 0, "a path");
	ok(a.un.sun_family == AF_UNIX && a.len == base + 7, "its length");
	is_str(a.un.sun_path, "/run/x", "its bytes");
	ok(ipc_addr_unix(&a, "@name", &err) == 0 && a.len == base + 5 &&
	    memcmp(a.un.sun_path, "\0name", 5) == 0, "an abstract name");
	ok(ipc_addr_unix(&a, "", &err) == IPC_E_USAGE, "empty");
	ok(ipc_addr_unix(&a, "@", &err) == IPC_E_USAGE, "empty abstract");
	memset(path, 'p', sizeof(path));
	path[107] = '\0';
	ok(ipc_addr_unix(&a, path, &err) == 0 && a.len == 110, "107 bytes");
	path[0] = '@';
	ok(ipc_addr_unix(&a, path, &err) == 0 && a.len == base + 107,
	    "107 bytes abstract");
	path[107] = 'p';
	path[108] = '\0';
	ok(ipc_addr_unix(&a, path, &err) == IPC_E_USAGE &&
	    strstr(err.what, "107") != NULL && err.hint[0] != '\0',
	    "108 bytes, and the limit is named");
	path[0] = 'p';
	ok(ipc_addr_unix(&a, path, &err) == IPC_E_USAGE, "108 bytes abstract");
}

/* rule, identity, scope of it, does it match? */
static const struct {
	const char *rule, *ip;
	uint32_t scope;
	bool	 match;
} matches[] = {
	{ "all", "192.0.2.1", 0, true },
	{ "all", "::1", 0, true },
	{ "unix", "192.0.2.1", 0, false },
	{ "uid=0", "192.0.2.1", 0, false },
	{ "192.0.2.1", "192.0.2.1", 0, true },
	{ "192.0.2.1", "192.0.2.2", 0, false },
	{ "192.0.2.1", "::ffff:192.0.2.1", 0, true },
	{ "192.0.2.1", "::192.0.2.1", 0, true },
	{ "::ffff:192.0.2.1", "192.0.2.1", 0, true },
	{ "::192.0.2.1", "192.0.2.1", 0, true },
	{ "::ffff:192.0.2.0/120", "192.0.2.77", 0, true },
	{ "::ffff:192.0.2.0/120", "192.0.3.77", 0, false },
	{ "::ffff:0.0.0.0/96", "203.0.113.9", 0, true },
	{ "10.0.0.0/8", "10.255.255.255", 0, true },
	{ "10.0.0.0/8", "11.0.0.0", 0, false },
	{ "10.1.2.3/8", "10.9.9.9", 0, true },
	{ "192.0.2.128/25", "192.0.2.127", 0, false },
	{ "192.0.2.128/25", "192.0.2.200", 0, true },
	{ "192.0.2.2/31", "192.0.2.3", 0, true },
	{ "192.0.2.2/31", "192.0.2.4", 0, false },
	{ "0.0.0.0/0", "203.0.113.9", 0, true },
	{ "0.0.0.0/0", "::ffff:203.0.113.9", 0, true },
	{ "0.0.0.0/0", "2001:db8::1", 0, false },
	{ "::/0", "2001:db8::1", 0, true },
	{ "::/0", "203.0.113.9", 0, false },
	{ "2001:db8::/32", "2001:db8:ffff::1", 0, true },
	{ "2001:db8::/32", "2001:db9::1", 0, false },
	{ "2001:db8::/33", "2001:db8:8000::1", 0, false },
	{ "2001:db8::1/127", "2001:db8::", 0, true },
	{ "fe80::/10", "febf::1", 9, true },
	{ "fe80::1", "fe80::1", 9, true },
	{ "fe80::1%9", "fe80::1", 9, true },
	{ "fe80::1%9", "fe80::1", 8, false },
	{ "fe80::%9/10", "fe80::5", 9, true },
	{ "fe80::%9/10", "fe80::5", 0, false },
	{ "127.0.0.0/8", "0.0.0.0", 0, true },
	{ "127.0.0.1", "::ffff:0.0.0.0", 0, true },
	{ "127.0.0.1", "::ffff:127.0.0.1", 0, true },
	{ "127.0.0.1", "::127.0.0.1", 0, true },
	{ "127.0.0.2", "0.0.0.0", 0, false },
	{ "0.0.0.0", "0.0.0.0", 0, true },
	{ "0.0.0.0", "127.0.0.1", 0, false },
	{ "::1", "::", 0, true },
	{ "::1", "::1", 0, true },
	{ "::1", "127.0.0.1", 0, false },
	{ "::", "::1", 0, false },
};

static void
rules(void)
{
	struct ipc_error err;
	struct ipc_ident id;
	struct ipc_rule r;
	size_t i;

	for (i = 0; i < sizeof(matches) / sizeof(matches[0]); i++) {
		id = ip_ident(matches[i].ip, 1, matches[i].scope);
		if (!ok(ipc_rule_parse(&r, matches[i].rule, &err) == 0,
		    "rule %s", matches[i].rule))
			printf("# %s\n", err.what);
		ok(ipc_rule_match(&r, &id) == matches[i].match,
		    "rule %s %s %s%%%u", matches[i].rule,
		    matches[i].match ? "matches" : "does not match",
		    matches[i].ip, (unsigned int)matches[i].scope);
	}
	ok(ipc_rule_parse(&r, "fe80::1%lo", &err) == 0 &&
	    r.id == if_nametoindex("lo"), "an interface by name");
}

static void
bad_rules(void)
{
	static const char *const bad[] = { "", " ", "All", "any", "unix ",
	    "192.0.2", "192.0.2.1 ", " 192.0.2.1", "192.0.2.256", "010.0.0.1x",
	    "192.0.2.1/", "192.0.2.1/33", "192.0.2.1/-1", "192.0.2.1/+1",
	    "192.0.2.1/8/8", "192.0.2.1/ 8", "192.0.2.1/0x8", "127.1",
	    "192.0.2.1/99999999999999999999999", "::1/129", "[::1]", "::1%",
	    "::1%nonesuch0", "::1%0", "::1%4294967296", "192.0.2.1%lo", "1:2",
	    "fe80::1%/10", "localhost", "example.com/8", "uid=", "gid=",
	    "uid=-1", "uid=4294967295", "uid=4294967296", "uid=no such user",
	    "gid=no such group", "uid", "::ffff:1.2.3.4/95", "/8", "%lo",
	    "all/0", ":::", "12345::", NULL };
	struct ipc_error err;
	struct ipc_ident id;
	struct ipc_rule r;
	char big[5000];
	const char *const *s;

	id = ip_ident("192.0.2.1", 1, 0);
	for (s = bad; *s != NULL; s++) {
		memset(&r, 1, sizeof(r));
		ok(ipc_rule_parse(&r, *s, &err) == IPC_E_USAGE &&
		    err.hint[0] != '\0', "\"%s\" is refused", *s);
		ok(!ipc_rule_match(&r, &id), "and matches nobody");
	}
	memset(big, '1', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	ok(ipc_rule_parse(&r, big, NULL) == IPC_E_USAGE, "a huge word");
	memcpy(big, "uid=", 4);
	ok(ipc_rule_parse(&r, big, NULL) == IPC_E_USAGE, "a huge uid");
	memcpy(big, "::1%", 4);
	ok(ipc_rule_parse(&r, big, NULL) == IPC_E_USAGE, "a huge scope");
}

static void
credentials(void)
{
	struct ipc_ident a = unix_ident(0, 5), b = unix_ident(1, 0), c;
	struct ipc_error err;
	struct ipc_rule r;

	c = unix_ident(0, 0);
	c.has_cred = false;
	ok(ipc_rule_parse(&r, "unix", &err) == 0 && ipc_rule_match(&r, &a) &&
	    ipc_rule_match(&r, &c), "unix");
	ok(ipc_rule_parse(&r, "uid=0", &err) == 0 && ipc_rule_match(&r, &a) &&
	    !ipc_rule_match(&r, &b) && !ipc_rule_match(&r, &c), "uid=0");
	ok(ipc_rule_parse(&r, "uid=root", &err) == 0 &&
	    ipc_rule_match(&r, &a), "uid=root");
	ok(ipc_rule_parse(&r, "gid=5", &err) == 0 && ipc_rule_match(&r, &a) &&
	    !ipc_rule_match(&r, &b) && !ipc_rule_match(&r, &c), "gid=5");
	ok(ipc_rule_parse(&r, "gid=root", &err) == 0 &&
	    ipc_rule_match(&r, &b), "gid=root");
	ok(ipc_rule_parse(&r, "0.0.0.0/0", &err) == 0 &&
	    !ipc_rule_match(&r, &a), "an address is not a unix peer");
}

static void
admission(void)
{
	struct ipc_ident in = ip_ident("10.1.1.1", 1, 0);
	struct ipc_ident bad = ip_ident("10.6.6.6", 1, 0);
	struct ipc_ident out = ip_ident("192.0.2.1", 1, 0);
	struct ipc_ident mapped = ip_ident("::ffff:10.6.6.6", 1, 0);
	struct ipc_ident none = { 0 };
	struct ipc_rule allow[2], deny[1];

	ipc_rule_parse(&allow[0], "uid=0", NULL);
	ipc_rule_parse(&allow[1], "10.0.0.0/8", NULL);
	ipc_rule_parse(&deny[0], "10.6.0.0/16", NULL);
	ok(ipc_rules_admit(NULL, 0, NULL, 0, &out), "no rules: all");
	ok(ipc_rules_admit(NULL, 0, NULL, 0, &none), "no rules: unknown too");
	ok(ipc_rules_admit(allow, 2, NULL, 0, &in), "allowed");
	ok(!ipc_rules_admit(allow, 2, NULL, 0, &out), "not allowed");
	ok(!ipc_rules_admit(allow, 2, NULL, 0, &none), "unknown: not allowed");
	ok(!ipc_rules_admit(allow, 2, deny, 1, &bad), "deny wins");
	ok(!ipc_rules_admit(allow, 2, deny, 1, &mapped), "mapped too");
	ok(ipc_rules_admit(NULL, 0, deny, 1, &out), "not denied");
	ok(!ipc_rules_admit(NULL, 0, deny, 1, &bad), "denied");
}

int
main(void)
{
	texts();
	short_addresses();
	same_host();
	unix_addresses();
	rules();
	bad_rules();
	credentials();
	admission();
	return done();
}
