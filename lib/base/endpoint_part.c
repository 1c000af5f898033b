/*
 * Endpoints: the parts.  Bytes go into the store, decoded and checked; which
 * part comes where is decided in endpoint.c.
 */
#include "base/endpoint_part.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/error.h"

int
ipc_ep_usage(struct ipc_ep_parse *p, const char *hint, const char *what)
{
	return ipc_fail(p->err, IPC_E_USAGE, 0, hint, "%s", what);
}

/* Copy len bytes and a NUL into the store. */
char *
ipc_ep_keep(struct ipc_ep_parse *p, const char *s, size_t len)
{
	char *dst = p->next;

	memcpy(dst, s, len);
	dst[len] = '\0';
	p->next += len + 1;
	return dst;
}

char *
ipc_ep_keep_lower(struct ipc_ep_parse *p, const char *s, size_t len)
{
	char *dst = ipc_ep_keep(p, s, len), *c;

	for (c = dst; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return dst;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Copy with %XX decoded. */
static int
keep_decoded(struct ipc_ep_parse *p, const char *s, size_t len,
    const char **out)
{
	char *dst = p->next;
	size_t i;
	int hi, lo;

	*out = dst;
	for (i = 0; i < len; i++) {
		if (s[i] != '%') {
			*dst++ = s[i];
			continue;
		}
		hi = len - i > 2 ? hex_digit(s[i + 1]) : -1;
		lo = hi >= 0 ? hex_digit(s[i + 2]) : -1;
		if (lo < 0)
			return ipc_ep_usage(p, "write %25 for a percent sign",
			    "% is not followed by two hex digits");
		if (hi == 0 && lo == 0)
			return ipc_ep_usage(p,
			    "no path or value can hold a NUL byte",
			    "%00 is refused");
		*dst++ = (char)(hi << 4 | lo);
		i += 2;
	}
	*dst++ = '\0';
	p->next = dst;
	return 0;
}

size_t
ipc_ep_span(const char *s, size_t len, const char *extra)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)s[i]) &&
		    (s[i] == '\0' || strchr(extra, s[i]) == NULL))
			break;
	return i;
}

bool
ipc_ep_all_digits(const char *s, size_t len)
{
	return len > 0 && strspn(s, "0123456789") >= len;
}

/* Digits, or a service name: a letter, then letters, digits, dashes. */
bool
ipc_ep_is_port(const char *s, size_t len)
{
	if (ipc_ep_all_digits(s, len))
		return len <= 10;
	return len > 0 && isalpha((unsigned char)s[0]) &&
	    ipc_ep_span(s, len, "-") == len;
}

/* One "key=value" or "key". */
static int
read_key(struct ipc_ep_parse *p, const char *s, size_t len)
{
	struct ipc_endpoint *ep = p->ep;
	const char *eq = memchr(s, '=', len);
	size_t klen = eq != NULL ? (size_t)(eq - s) : len;
	struct ipc_ep_key *key;

	if (klen == 0 || ipc_ep_span(s, klen, "-_.") != klen)
		return ipc_ep_usage(p,
		    "write ?key=value&key=value; in a path write "
		    "%3F for ? and %26 for &", "a key name is malformed");
	if (ep->nkeys == IPC_EP_KEYS)
		return ipc_ep_usage(p,
		    "at most 64 keys are taken", "too many keys");
	key = &ep->keys[ep->nkeys++];
	key->key = ipc_ep_keep(p, s, klen);
	key->value = NULL;
	if (eq == NULL)
		return 0;
	return keep_decoded(p, eq + 1, len - klen - 1, &key->value);
}

/* What follows the '?'; nothing at all is fine. */
int
ipc_ep_keys(struct ipc_ep_parse *p, const char *s, size_t len)
{
	const char *end = s + len, *amp;
	int rc;

	if (len == 0)
		return 0;
	p->ep->keys = calloc(IPC_EP_KEYS, sizeof(*p->ep->keys));
	if (p->ep->keys == NULL)
		return ipc_fail(p->err, IPC_E_NET, 0, NULL, "no memory");
	for (;;) {
		amp = memchr(s, '&', (size_t)(end - s));
		rc = read_key(p, s, (size_t)((amp != NULL ? amp : end) - s));
		if (rc != 0 || amp == NULL)
			return rc;
		s = amp + 1;
	}
}

/* A path up to '?', then keys. */
int
ipc_ep_path(struct ipc_ep_parse *p, const char *s)
{
	size_t len = strcspn(s, "?");
	int rc;

	rc = keep_decoded(p, s, len, &p->ep->path);
	if (rc == 0 && s[len] == '?')
		rc = ipc_ep_keys(p, s + len + 1, strlen(s + len + 1));
	return rc;
}

/* [v6] or [v6%scope]; *after is set behind the bracket. */
static int
read_bracket(struct ipc_ep_parse *p, const char *s, size_t len,
    const char **after)
{
	const char *close = memchr(s, ']', len), *scope;
	char text[INET6_ADDRSTRLEN];
	struct in6_addr a;
	size_t n, alen;

	if (close == NULL)
		return ipc_ep_usage(p, "write [::1]:9000", "the ] is missing");
	n = (size_t)(close - s) - 1;
	scope = memchr(s + 1, '%', n);
	alen = scope != NULL ? (size_t)(scope - s) - 1 : n;
	if (alen >= sizeof(text))
		goto bad;
	memcpy(text, s + 1, alen);
	text[alen] = '\0';
	if (inet_pton(AF_INET6, text, &a) != 1)
		goto bad;
	if (scope != NULL && (alen + 1 == n ||
	    ipc_ep_span(scope + 1, n - alen - 1, ".-_@:") != n - alen - 1))
		goto bad;
	p->ep->host = ipc_ep_keep(p, s + 1, n);
	*after = close + 1;
	return 0;
bad:
	return ipc_ep_usage(p, "write [::1]:9000 or [fe80::1%eth0]:9000",
	    "what is in [ ] is not an IPv6 address");
}

/* Letters, digits, '.', '-', '_'; UTF-8 is left to the resolver. */
static bool
is_host(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x80 &&
		    ipc_ep_span(s + i, 1, ".-_") == 0)
			return false;
	return len <= 255;
}

static int
bad_host(struct ipc_ep_parse *p, const char *s, size_t len)
{
	if (len == 1 && s[0] == '*')
		return ipc_ep_usage(p,
		    "for every address leave the host empty: "
		    "tcp://:9000", "* is not a host name");
	if (memchr(s, '@', len) != NULL)
		return ipc_ep_usage(p,
		    "leave out what is before the @: passwords do "
		    "not belong on a command line",
		    "user names are not taken in an endpoint");
	return ipc_ep_usage(p, "write host:port, with %XX only after the port",
	    "the host name is malformed");
}

/* A name or IPv4 address before the first ':'; s[0..len) is the authority. */
static int
read_name(struct ipc_ep_parse *p, const char *s, size_t len, const char **after)
{
	const char *colon = memchr(s, ':', len);
	size_t n = colon != NULL ? (size_t)(colon - s) : len;

	if (colon != NULL && memchr(colon + 1, ':', len - n - 1) != NULL)
		return ipc_ep_usage(p,
		    "put IPv6 addresses in brackets: [::1]:9000",
		    "more than one : in host:port");
	if (!is_host(s, n))
		return bad_host(p, s, n);
	if (colon == NULL && ipc_ep_all_digits(s, n)) {
		ipc_fail(p->err, IPC_E_USAGE, 0, "",
		    "a port alone is ambiguous here");
		ipc_error_hint(p->err, "write %s://:%.*s", p->ep->scheme,
		    (int)(n > 10 ? 10 : n), s);
		return IPC_E_USAGE;
	}
	p->ep->host = ipc_ep_keep(p, s, n);
	*after = s + n;
	return 0;
}

/* host[:port][/path][?keys] */
int
ipc_ep_authority(struct ipc_ep_parse *p, const char *s)
{
	size_t len = strcspn(s, "/?"), n;
	const char *after = s + len;
	int rc;

	if (s[0] == '[')
		rc = read_bracket(p, s, len, &after);
	else
		rc = read_name(p, s, len, &after);
	if (rc != 0)
		return rc;
	n = len - (size_t)(after - s);
	if (n > 0) {
		if (after[0] != ':' || !ipc_ep_is_port(after + 1, n - 1))
			return ipc_ep_usage(p, "write host:port, such as "
			    "localhost:9000 or [::1]:http",
			    "the port is malformed");
		p->ep->port = ipc_ep_keep(p, after + 1, n - 1);
	}
	return ipc_ep_path(p, s + len);
}
