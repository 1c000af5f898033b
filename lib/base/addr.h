/*
 * Socket addresses: compact storage, text forms, canonical comparision, and
 * allow/deny rules.  No name resolution, no I/O.
 */
#ifndef IPC_BASE_ADDR_H
#define IPC_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

struct ipc_error;

/* Any address we connect to or bind. */
struct ipc_addr {
	socklen_t len;		/* bytes used of sa */
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
		struct sockaddr_storage ss;
	};
};

/* Who a peer is, small enough to keep per connection. */
struct ipc_ident {
	uint8_t	family;		/* AF_INET AF_INET6 AF_UNIX AF_VSOCK, 0: none */
	bool	has_cred;	/* pid, uid, gid are valid (SO_PEERCRED) */
	uint16_t port;		/* host order */
	uint32_t scope;		/* IPv6 scope id; vsock: cid */
	union {
		uint8_t	ip[16];	/* IPv4 in the first four; vsock: the whole
				 * 32-bit port in host order */
		struct {
			pid_t	pid;
			uid_t	uid;
			gid_t	gid;
		};
	};
};

/* v4-mapped and v4-compatible IPv6 become IPv4 (H-list: CVE-2026-70367). */
void ipc_ident_from(struct ipc_ident *id, const struct sockaddr *sa,
    socklen_t len);

/* "192.0.2.1:80", "[fe80::1%2]:80", "unix pid=7 uid=0", "-".  Returns buf. */
#define IPC_IDENT_TEXT 80
char *ipc_ident_text(char buf[IPC_IDENT_TEXT], const struct ipc_ident *id);

/* Only the address, no port, no brackets: for IPCAT_* and per-address caps.
 * "192.0.2.1", "fe80::1%2", "uid=0" (unix), "2" (vsock cid), "-". */
char *ipc_ident_host(char buf[IPC_IDENT_TEXT], const struct ipc_ident *id);

/* Equal addresses, ports ignored; unix: equal uid. */
bool ipc_ident_same_host(const struct ipc_ident *a, const struct ipc_ident *b);

/* Build an AF_UNIX address.  path[0] == '@' is abstract.  IPC_E_USAGE when it
 * is empty or longer than 107 bytes (H10). */
int ipc_addr_unix(struct ipc_addr *a, const char *path, struct ipc_error *err);

/*
 * One rule of --allow or --deny: ADDRESS, ADDRESS/BITS, uid=N|NAME,
 * gid=N|NAME, `unix`, `all`.  Parsing may look up user and group names
 * (blocking: do it at plan time).
 *
 * Host bits behind BITS are ignored; an IPv6 spelling of an IPv4 network
 * becomes the IPv4 one; %SCOPE restricts to one interface, without it any
 * matches.  0.0.0.0 and :: as an identity count as loopback too.  uid= and
 * gid= match only unix peers whose credentials are known (gid: the primary
 * group).  A zeroed rule matches nobody, and so does one that failed to parse.
 */
struct ipc_rule {
	uint8_t	kind;		/* internal */
	uint8_t	family;
	uint8_t	bits;		/* prefix length in the family's own width */
	uint8_t	ip[16];
	uint32_t id;
};
int ipc_rule_parse(struct ipc_rule *r, const char *text, struct ipc_error *err);
bool ipc_rule_match(const struct ipc_rule *r, const struct ipc_ident *id);

/* Deny rules first, then: no allow rule at all means allowed, otherwise one
 * must match. */
bool ipc_rules_admit(const struct ipc_rule *allow, uint32_t nallow,
    const struct ipc_rule *deny, uint32_t ndeny, const struct ipc_ident *id);

#endif
