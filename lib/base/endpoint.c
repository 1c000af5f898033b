/*
 * Endpoints: splitting the text a person typed.
 *
 * The text is classified by its first characters (classify), then one of four
 * readers takes the rest: bare path, authority (host:port), opaque path,
 * command.  The parts themselves are read in endpoint_part.c.
 * Touches no file, resolves no name.
 */
#include "base/endpoint.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/endpoint_part.h"
#include "base/error.h"
#include "base/text.h"

#define SCHEME_MAX 31		/* bytes of one scheme or layer name */
#define STORE_SLACK 64		/* scheme words and NULs that are not typed */
#define EXEC_TEXT_MAX 512	/* bytes of a command shown in messages */

/* [a-z][a-z0-9]*, any case. */
static bool
is_scheme(const char *s, size_t len)
{
	return len > 0 && len <= SCHEME_MAX && isalpha((unsigned char)s[0]) &&
	    ipc_ep_span(s, len, "") == len;
}

/* scheme, or layer+layer+scheme. */
static bool
is_chain(const char *s, size_t len)
{
	const char *plus;

	while ((plus = memchr(s, '+', len)) != NULL) {
		if (!is_scheme(s, (size_t)(plus - s)))
			return false;
		len -= (size_t)(plus - s) + 1;
		s = plus + 1;
	}
	return is_scheme(s, len);
}

/* The command is everything after the colon, as it is. */
static int
read_command(struct ipc_ep_parse *p, const char *s)
{
	if (s[strspn(s, " \t")] == '\0')
		return ipc_ep_usage(p,
		    "write exec:PROGRAM ARG... or sh:'COMMAND'",
		    "the command is missing");
	p->ep->path = ipc_ep_keep(p, s, strlen(s));
	return 0;
}

/* Split "layer+layer+scheme", which is_chain() found well-formed. */
static int
read_chain(struct ipc_ep_parse *p, const char *s, size_t len)
{
	struct ipc_endpoint *ep = p->ep;
	const char *plus;
	size_t n;

	while ((plus = memchr(s, '+', len)) != NULL) {
		n = (size_t)(plus - s);
		if (ep->nlayers == IPC_EP_LAYERS)
			return ipc_ep_usage(p, "at most 4 layers are taken",
			    "too many layers");
		ep->layers[ep->nlayers++] = ipc_ep_keep_lower(p, s, n);
		s = plus + 1;
		len -= n + 1;
	}
	ep->scheme = ipc_ep_keep_lower(p, s, len);
	return 0;
}

/* The shape of a chain's last word, without storing it. */
static int
chain_shape(struct ipc_ep_parse *p, const char *s, size_t len)
{
	const char *plus;
	char *name, *mark = p->next;
	int shape;

	while ((plus = memchr(s, '+', len)) != NULL) {
		len -= (size_t)(plus - s) + 1;
		s = plus + 1;
	}
	name = ipc_ep_keep_lower(p, s, len);
	shape = p->shape_of(name);
	p->next = mark;
	return shape;
}

/* After "scheme:" of a known or unknown scheme. */
static int
read_rest(struct ipc_ep_parse *p, const char *rest, int shape)
{
	if (shape == IPC_EP_COMMAND)
		return read_command(p, rest);
	if (rest[0] == '/' && rest[1] == '/')
		rest += 2;
	else if (rest[0] == '/' && shape == IPC_EP_HOSTPORT)
		return ipc_ep_usage(p, "write SCHEME://HOST:PORT",
		    "one / after the scheme is not enough");
	if (shape == IPC_EP_HOSTPORT)
		return ipc_ep_authority(p, rest);
	return ipc_ep_path(p, rest);
}

static int
short_form(struct ipc_ep_parse *p, const char *scheme)
{
	p->ep->scheme = ipc_ep_keep(p, scheme, strlen(scheme));
	return 0;
}

/* host:port without a scheme is tcp, which has no path. */
static int
short_tcp(struct ipc_ep_parse *p, const char *s)
{
	int rc;

	if (s[strcspn(s, "/?")] == '/') {
		ipc_fail(p->err, IPC_E_USAGE, 0, "",
		    "host:port/path needs a scheme");
		ipc_error_hint(p->err, "did you mean http://%.80s or "
		    "ws://%.80s?", s, s);
		return IPC_E_USAGE;
	}
	short_form(p, "tcp");
	rc = ipc_ep_authority(p, s);
	if (rc == 0 && p->ep->port == NULL)
		rc = ipc_ep_usage(p,
		    "add it: [::1]:9000", "the port is missing");
	return rc;
}

/* exec?key=value:command */
static int
command_with_keys(struct ipc_ep_parse *p, const char *s, size_t n)
{
	const char *colon = strchr(s + n, ':');
	int rc;

	if (colon == NULL)
		return ipc_ep_usage(p,
		    "write exec?key=value:COMMAND; a : in a value "
		    "is %3A", "the : before the command is missing");
	rc = read_chain(p, s, n);
	if (rc == 0)
		rc = ipc_ep_keys(p, s + n + 1, (size_t)(colon - s) - n - 1);
	if (rc == 0)
		rc = read_command(p, colon + 1);
	return rc;
}

/* No ':' and no '/': a guess at what was meant. */
static int
bare_word(struct ipc_ep_parse *p, const char *s, size_t n)
{
	ipc_fail(p->err, IPC_E_USAGE, 0, "", "this is not an endpoint");
	if (ipc_ep_all_digits(s, n))
		ipc_error_hint(p->err, "for a port of this machine write "
		    ":%.*s", (int)(n > 10 ? 10 : n), s);
	else if (is_chain(s, n) && chain_shape(p, s, n) == IPC_EP_HOSTPORT)
		ipc_error_hint(p->err, "did you mean %.*s://host:port?",
		    (int)n, s);
	else if (is_chain(s, n) && chain_shape(p, s, n) >= 0)
		ipc_error_hint(p->err, "did you mean %.*s: or ./%.*s?",
		    (int)n, s, (int)n, s);
	else
		ipc_error_hint(p->err, "did you mean %.*s:PORT or ./%.*s?",
		    (int)(n > 60 ? 60 : n), s, (int)(n > 60 ? 60 : n), s);
	return IPC_E_USAGE;
}

/* "head:rest" where head is no known scheme and rest does not begin with
 * "//": host:port if it looks like one, else the plan reports the scheme. */
static int
host_or_unknown(struct ipc_ep_parse *p, const char *s, size_t n)
{
	const char *rest = s + n + 1;
	size_t len = strcspn(rest, "?");
	size_t digits = strspn(rest, "0123456789");
	bool chain = is_chain(s, n);

	if (memchr(s, '+', n) == NULL &&
	    (ipc_ep_is_port(rest, len) || (digits > 0 && rest[digits] == '/')))
		return short_tcp(p, s);
	if (memchr(rest, ':', len) != NULL &&
	    strspn(s, "0123456789abcdefABCDEF:.") >= n + 1 + len)
		return ipc_ep_usage(p,
		    "put IPv6 addresses in brackets: [::1]:9000",
		    "this looks like an IPv6 address");
	if (!chain)
		return ipc_ep_usage(p,
		    "write scheme://host:port, host:port or a "
		    "path with ./ before it",
		    "neither a scheme nor a host and port");
	if (read_chain(p, s, n) != 0)
		return IPC_E_USAGE;
	return ipc_ep_path(p, rest);
}

/* "head:rest" */
static int
with_colon(struct ipc_ep_parse *p, const char *s, size_t n)
{
	const char *rest = s + n + 1;
	bool slashes = rest[0] == '/' && rest[1] == '/';
	int shape = -1, rc;

	if (is_chain(s, n))
		shape = chain_shape(p, s, n);
	else if (slashes)
		return ipc_ep_usage(p,
		    "a scheme is letters and digits: tcp://, "
		    "unix://, tls+tcp://", "the scheme is malformed");
	if (shape < 0 && !slashes)
		return host_or_unknown(p, s, n);
	rc = read_chain(p, s, n);
	return rc != 0 ? rc : read_rest(p, rest, shape);
}

static bool
is_path(const char *s)
{
	if (s[0] == '/')
		return true;
	if (s[0] != '.')
		return false;
	s += s[1] == '.' ? 2 : 1;
	return *s == '\0' || *s == '/' || *s == '?';
}

static int
classify(struct ipc_ep_parse *p, const char *s)
{
	size_t n;

	if (s[0] == '-' && (s[1] == '\0' || s[1] == '?')) {
		short_form(p, "stdio");
		return ipc_ep_path(p, s + 1);
	}
	if (s[0] == '@') {
		short_form(p, "unix");
		return ipc_ep_path(p, s);
	}
	if (s[0] == '[' || (s[0] == ':' && s[1] != '\0' && s[1] != '/'))
		return short_tcp(p, s);
	n = strcspn(s, ":?/");
	if (is_path(s) || s[n] == '/') {
		short_form(p, "path");
		return ipc_ep_path(p, s);
	}
	if (s[n] == ':')
		return with_colon(p, s, n);
	if (s[n] == '?' && is_chain(s, n) &&
	    chain_shape(p, s, n) == IPC_EP_COMMAND)
		return command_with_keys(p, s, n);
	return bare_word(p, s, n);
}

int
ipc_endpoint_parse(struct ipc_endpoint *ep, const char *text,
    int (*shape_of)(const char *scheme), struct ipc_error *err)
{
	struct ipc_ep_parse p = { ep, shape_of, NULL, err };
	size_t len = strnlen(text, IPC_EP_MAX + 1);
	int rc;

	memset(ep, 0, sizeof(*ep));
	if (len == 0)
		return ipc_ep_usage(&p, "write host:port, a path, or -",
		    "the endpoint is empty");
	if (len > IPC_EP_MAX)
		return ipc_ep_usage(&p, "at most 8192 bytes are taken",
		    "the endpoint is too long");
	/* The text, then its parts: each part but a few pays for its NUL
	 * with the delimiter before it. */
	ep->store = malloc(2 * (len + 1) + STORE_SLACK);
	if (ep->store == NULL)
		return ipc_fail(err, IPC_E_NET, 0, NULL, "no memory");
	p.next = ep->store;
	ep->text = ipc_ep_keep(&p, text, len);
	rc = classify(&p, ep->text);
	if (rc != 0)
		ipc_error_where(err, "%s", text);
	else if (ep->path == NULL)
		ep->path = ipc_ep_keep(&p, "", 0);
	return rc;
}

int
ipc_endpoint_words(struct ipc_endpoint *ep, const char *scheme,
    const char *const *argv, struct ipc_error *err)
{
	struct ipc_text t = { 0 };
	size_t i, n = strlen(scheme) + 1;

	memset(ep, 0, sizeof(*ep));
	ipc_text_put(&t, scheme, n);
	ipc_text_put(&t, "", 1);
	ipc_text_add(&t, "%s:%.*s", scheme, EXEC_TEXT_MAX, argv[0]);
	for (i = 1; argv[i] != NULL && t.len < EXEC_TEXT_MAX; i++)
		ipc_text_add(&t, " %.*s", EXEC_TEXT_MAX, argv[i]);
	if (argv[i] != NULL)
		ipc_text_add(&t, " ...");
	if (t.failed) {
		ipc_text_free(&t);
		return ipc_fail(err, IPC_E_NET, 0, NULL, "no memory");
	}
	/* Layout: "exec\0" "\0" text. */
	ep->store = t.s;
	ep->scheme = t.s;
	ep->path = t.s + n;
	ep->text = t.s + n + 1;
	ep->argv = argv;
	return 0;
}

int
ipc_endpoint_exec(struct ipc_endpoint *ep, const char *const *argv,
    struct ipc_error *err)
{
	memset(ep, 0, sizeof(*ep));
	if (argv == NULL || argv[0] == NULL || argv[0][0] == '\0')
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "write -e PROGRAM ARG...", "the program is missing");
	return ipc_endpoint_words(ep, "exec", argv, err);
}

void
ipc_endpoint_free(struct ipc_endpoint *ep)
{
	free(ep->cfg);
	free(ep->keys);
	free(ep->store);
	memset(ep, 0, sizeof(*ep));
}
