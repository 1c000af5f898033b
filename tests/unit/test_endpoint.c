/* Endpoints: splitting, short forms, keys, and everything refused. */
#include "base/endpoint.h"

#include <stdlib.h>

#include "base/error.h"
#include "check.h"

static int
shape_of(const char *scheme)
{
	static const struct {
		const char *scheme;
		int	 shape;
	} rows[] = {
		{ "tcp", IPC_EP_HOSTPORT }, { "udp", IPC_EP_HOSTPORT },
		{ "ws", IPC_EP_HOSTPORT }, { "http", IPC_EP_HOSTPORT },
		{ "vsock", IPC_EP_HOSTPORT }, { "exec", IPC_EP_COMMAND },
		{ "sh", IPC_EP_COMMAND }, { "unix", IPC_EP_OPAQUE },
		{ "fifo", IPC_EP_OPAQUE }, { "file", IPC_EP_OPAQUE },
		{ "fd", IPC_EP_OPAQUE }, { "null", IPC_EP_OPAQUE },
		{ "stdio", IPC_EP_OPAQUE },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].scheme, scheme) == 0)
			return rows[i].shape;
	return -1;
}

/* N: NULL.  keys: "a=1&b" as parsed, joined again. */
#define N NULL
static const struct {
	const char *text, *scheme, *host, *port, *path, *keys;
} good[] = {
	/* short forms */
	{ "-", "stdio", N, N, "", "" },
	{ "-?x=1", "stdio", N, N, "", "x=1" },
	{ ":9000", "tcp", "", "9000", "", "" },
	{ ":http", "tcp", "", "http", "", "" },
	{ ":9000?nodelay", "tcp", "", "9000", "", "nodelay" },
	{ "host:9000", "tcp", "host", "9000", "", "" },
	{ "localhost:http", "tcp", "localhost", "http", "", "" },
	{ "a.example.com:https", "tcp", "a.example.com", "https", "", "" },
	{ "my-host:9000", "tcp", "my-host", "9000", "", "" },
	{ "my_host:9000?a=/x:y", "tcp", "my_host", "9000", "", "a=/x:y" },
	{ "192.0.2.1:9000", "tcp", "192.0.2.1", "9000", "", "" },
	{ "1:2", "tcp", "1", "2", "", "" },
	{ "[::1]:9000", "tcp", "::1", "9000", "", "" },
	{ "[fe80::1%eth0]:9000", "tcp", "fe80::1%eth0", "9000", "", "" },
	{ "[fe80::1%2]:ssh", "tcp", "fe80::1%2", "ssh", "", "" },
	{ "[::ffff:192.0.2.1]:1", "tcp", "::ffff:192.0.2.1", "1", "", "" },
	{ "/tmp/x", "path", N, N, "/tmp/x", "" },
	{ "/", "path", N, N, "/", "" },
	{ "//x", "path", N, N, "//x", "" },
	{ "./x:y", "path", N, N, "./x:y", "" },
	{ "../x", "path", N, N, "../x", "" },
	{ ".", "path", N, N, ".", "" },
	{ "..", "path", N, N, "..", "" },
	{ "dir/file", "path", N, N, "dir/file", "" },
	{ "dir/file:1", "path", N, N, "dir/file:1", "" },
	{ "/a%20b?append&mode=0600", "path", N, N, "/a b",
	    "append&mode=0600" },
	{ "/100%25", "path", N, N, "/100%", "" },
	{ "@name", "unix", N, N, "@name", "" },
	{ "@a/b:c", "unix", N, N, "@a/b:c", "" },
	{ "@name?backlog=5", "unix", N, N, "@name", "backlog=5" },
	/* host and port */
	{ "tcp:host:9000", "tcp", "host", "9000", "", "" },
	{ "tcp://host:9000", "tcp", "host", "9000", "", "" },
	{ "TCP://Host:9000", "tcp", "Host", "9000", "", "" },
	{ "tcp://:9000", "tcp", "", "9000", "", "" },
	{ "tcp::9000", "tcp", "", "9000", "", "" },
	{ "tcp:", "tcp", "", N, "", "" },
	{ "tcp://", "tcp", "", N, "", "" },
	{ "tcp://host", "tcp", "host", N, "", "" },
	{ "tcp:host", "tcp", "host", N, "", "" },
	{ "tcp://[::1]:9000", "tcp", "::1", "9000", "", "" },
	{ "tcp:[::1]:9000", "tcp", "::1", "9000", "", "" },
	{ "tcp://[::1]", "tcp", "::1", N, "", "" },
	{ "tcp://host:9000/", "tcp", "host", "9000", "/", "" },
	{ "ws://host:80/a/b%3Fc?x=1", "ws", "host", "80", "/a/b?c", "x=1" },
	{ "ws://host/chat", "ws", "host", N, "/chat", "" },
	{ "ws://[::1]/chat", "ws", "::1", N, "/chat", "" },
	{ "http:///path", "http", "", N, "/path", "" },
	{ "http://:80/a:b@c", "http", "", "80", "/a:b@c", "" },
	{ "tcp://h:1?", "tcp", "h", "1", "", "" },
	{ "tcp://h:1?a&b=&c=%26%3d&d==&e=?", "tcp", "h", "1", "",
	    "a&b=&c=&=&d==&e=?" },
	{ "tcp://b\xC3\xBC" "cher:1", "tcp", "b\xC3\xBC" "cher", "1", "", "" },
	{ "vsock://2:4294967295", "vsock", "2", "4294967295", "", "" },
	{ "tcp:file:80", "tcp", "file", "80", "", "" },
	/* opaque */
	{ "unix:/p", "unix", N, N, "/p", "" },
	{ "unix:///p", "unix", N, N, "/p", "" },
	{ "unix://rel", "unix", N, N, "rel", "" },
	{ "unix:rel", "unix", N, N, "rel", "" },
	{ "unix:./rel", "unix", N, N, "./rel", "" },
	{ "unix:@abs", "unix", N, N, "@abs", "" },
	{ "unix://@abs", "unix", N, N, "@abs", "" },
	{ "unix:/a%2Fb%3F", "unix", N, N, "/a/b?", "" },
	{ "unix:/p?mode=0600&user=me", "unix", N, N, "/p",
	    "mode=0600&user=me" },
	{ "fd:3", "fd", N, N, "3", "" },
	{ "fd://3", "fd", N, N, "3", "" },
	{ "null:", "null", N, N, "", "" },
	{ "file:80", "file", N, N, "80", "" },
	{ "file:a:b", "file", N, N, "a:b", "" },
	/* unknown */
	{ "foo://x", "foo", N, N, "x", "" },
	{ "foo://host:9000/x", "foo", N, N, "host:9000/x", "" },
	{ "foo:/x", "foo", N, N, "/x", "" },
	{ "foo:", "foo", N, N, "", "" },
	{ "foo:bar/baz", "foo", N, N, "bar/baz", "" },
	{ "tpc://host:1?x=1", "tpc", N, N, "host:1", "x=1" },
	/* commands */
	{ "exec:cat -n", "exec", N, N, "cat -n", "" },
	{ "sh:echo 100% | cat?x=1&y", "sh", N, N, "echo 100% | cat?x=1&y",
	    "" },
	{ "exec?cwd=/tmp:cat -n", "exec", N, N, "cat -n", "cwd=/tmp" },
	{ "exec?cwd=/a%3Ab&x:cat:?", "exec", N, N, "cat:?", "cwd=/a:b&x" },
	{ "SH?:x", "sh", N, N, "x", "" },
	{ "sh: x", "sh", N, N, " x", "" },
};

static const char *
join_keys(const struct ipc_endpoint *ep)
{
	static char text[1024];
	size_t n = 0;
	uint32_t i;

	text[0] = '\0';
	for (i = 0; i < ep->nkeys; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s%s%s",
		    i > 0 ? "&" : "", ep->keys[i].key,
		    ep->keys[i].value != NULL ? "=" : "",
		    ep->keys[i].value != NULL ? ep->keys[i].value : "");
	return text;
}

static void
accepted(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	const char *text;
	char *copy;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		text = good[i].text;
		/* Freed at once: nothing may point into it. */
		copy = strdup(text);
		if (!ok(ipc_endpoint_parse(&ep, copy, shape_of, &err) == 0,
		    "%s", text))
			printf("# %s; %s\n", err.what, err.hint);
		free(copy);
		is_str(ep.text, text, "%s: text", text);
		is_str(ep.scheme, good[i].scheme, "%s: scheme", text);
		is_str(ep.host, good[i].host, "%s: host", text);
		is_str(ep.port, good[i].port, "%s: port", text);
		is_str(ep.path, good[i].path, "%s: path", text);
		is_str(join_keys(&ep), good[i].keys, "%s: keys", text);
		ok(ep.nlayers == 0 && ep.argv == NULL, "%s: no more", text);
		ipc_endpoint_free(&ep);
	}
}

/* text, words of `what`, words of the hint */
static const struct {
	const char *text, *what, *hint;
} bad[] = {
	{ "", "empty", "host:port" },
	{ "9000", "not an endpoint", "write :9000" },
	{ "word", "not an endpoint", "did you mean word:PORT or ./word?" },
	{ "..x", "not an endpoint", "./..x" },
	{ "null", "not an endpoint", "did you mean null: or ./null?" },
	{ "tcp", "not an endpoint", "did you mean tcp://host:port?" },
	{ "word?x=a:b", "not an endpoint", "word:PORT" },
	{ "user@host", "not an endpoint", "./user@host" },
	{ "?", "not an endpoint", "" },
	{ "?x:1", "not an endpoint", "" },
	{ "tcp:9000", "ambiguous", "write tcp://:9000" },
	{ "tcp://9000", "ambiguous", "write tcp://:9000" },
	{ "tcp:9000?nodelay", "ambiguous", "write tcp://:9000" },
	{ "vsock://5", "ambiguous", "write vsock://:5" },
	{ ":", "neither a scheme", "scheme://" },
	{ "::1", "more than one :", "[::1]:9000" },
	{ "::1:9000", "more than one :", "[::1]:9000" },
	{ "fe80::1:9000", "IPv6", "[::1]:9000" },
	{ "2001:db8::1", "IPv6", "[::1]:9000" },
	{ "tcp://::1:9000", "more than one :", "[::1]:9000" },
	{ "tcp:a:1:2", "more than one :", "[::1]:9000" },
	{ "[::1]", "port is missing", "[::1]:9000" },
	{ "[::1", "] is missing", "[::1]:9000" },
	{ "[::1:9000", "] is missing", "[::1]:9000" },
	{ "[]:1", "not an IPv6", "[::1]:9000" },
	{ "[host]:1", "not an IPv6", "[::1]:9000" },
	{ "[192.0.2.1]:1", "not an IPv6", "[::1]:9000" },
	{ "[::1%]:1", "not an IPv6", "%eth0" },
	{ "[::1%a b]:1", "not an IPv6", "%eth0" },
	{ "[1111:2222:3333:4444:5555:6666:7777:8888:9999:1111:2222]:1",
	    "not an IPv6", "[::1]" },
	{ "[::1]9000", "port is malformed", "host:port" },
	{ "[::1]:", "port is malformed", "host:port" },
	{ "[::1]:9 0", "port is malformed", "host:port" },
	{ "[::1]:80/x", "needs a scheme", "http://[::1]:80/x" },
	{ ":80/x", "needs a scheme", "http://:80/x" },
	{ "localhost:8080/ws", "needs a scheme", "ws://localhost:8080/ws" },
	{ "my-host:8080/ws", "needs a scheme", "ws://my-host:8080/ws" },
	{ ":-1", "port is malformed", "" },
	{ ":99999999999", "port is malformed", "" },
	{ ":9_0", "port is malformed", "" },
	{ "tcp://host:", "port is malformed", "host:port" },
	{ "tcp://host:80x", "port is malformed", "host:port" },
	{ "tcp://host:8%30", "port is malformed", "host:port" },
	{ "tcp://host: 80", "port is malformed", "host:port" },
	{ "tcp://ho st:80", "host name is malformed", "" },
	{ "tcp://ho%20st:80", "host name is malformed", "" },
	{ "tcp://ho\x1bst:80", "host name is malformed", "" },
	{ "tcp://user:pw@host:80", "more than one :", "" },
	{ "tcp://user@host:80", "user names", "before the @" },
	{ "user@host:22", "user names", "before the @" },
	{ "*:9000", "* is not", "tcp://:9000" },
	{ "tcp://*:9000", "* is not", "tcp://:9000" },
	{ "tcp:/host:9000", "one / ", "://" },
	{ "my-scheme://x", "scheme is malformed", "tcp://" },
	{ "1tcp://x", "scheme is malformed", "tcp://" },
	{ "://x", "scheme is malformed", "tcp://" },
	{ "tls+://x", "scheme is malformed", "tcp://" },
	{ "+tcp://x", "scheme is malformed", "tcp://" },
	{ "tls++tcp://x", "scheme is malformed", "tcp://" },
	{ "tcp+:9000", "neither a scheme", "" },
	{ "my-host:", "neither a scheme", "" },
	{ "a+b+c+d+e+tcp://x", "too many layers", "4" },
	{ "abcdefghijklmnopqrstuvwxyzabcdefghij://x", "scheme is malformed",
	    "" },
	{ "/a%", "%", "%25" },
	{ "/a%2", "%", "%25" },
	{ "/a%zz", "%", "%25" },
	{ "/a%2g", "%", "%25" },
	{ "/a%00", "%00", "NUL" },
	{ "unix:/a%00b", "%00", "NUL" },
	{ "/a?k=%", "%", "%25" },
	{ "/a?k=%00", "%00", "NUL" },
	{ "/a?k=%4&x", "%", "%25" },
	{ "/a?=x", "key name", "%3F" },
	{ "/a?&", "key name", "%3F" },
	{ "/a?x&", "key name", "%3F" },
	{ "/a?x&&y", "key name", "%3F" },
	{ "/a?x y", "key name", "%3F" },
	{ "/a?%41=1", "key name", "%3F" },
	{ "exec:", "command is missing", "exec:" },
	{ "sh: \t", "command is missing", "sh:" },
	{ "exec", "not an endpoint", "exec:" },
	{ "exec?cwd=/tmp", ": before the command", "%3A" },
	{ "exec?cwd=/tmp:", "command is missing", "exec:" },
	{ "exec?=:cat", "key name", "" },
};

static void
refused(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	const char *t;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		t = bad[i].text;
		memset(&err, 0, sizeof(err));
		ok(ipc_endpoint_parse(&ep, t, shape_of, &err) == IPC_E_USAGE,
		    "\"%s\" is refused", t);
		ipc_endpoint_free(&ep);
		ok(ipc_endpoint_parse(&ep, t, shape_of, NULL) == IPC_E_USAGE,
		    "\"%s\" without err", t);
		if (!ok(strstr(err.what, bad[i].what) != NULL &&
		    err.hint[0] != '\0' && strstr(err.hint, bad[i].hint),
		    "\"%s\" says why", t))
			printf("# %s; %s\n", err.what, err.hint);
		is_str(err.where, t, "\"%s\" is named", t);
		ipc_endpoint_free(&ep);
		ipc_endpoint_free(&ep);
	}
}

static void
layers(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;

	ok(ipc_endpoint_parse(&ep, "tls+tcp://h:1", shape_of, &err) == 0,
	    "one layer");
	ok(ep.nlayers == 1 && ep.layers[1] == NULL, "counted");
	is_str(ep.layers[0], "tls", "its name");
	is_str(ep.scheme, "tcp", "its scheme");
	is_str(ep.host, "h", "its host");
	ipc_endpoint_free(&ep);
	ok(ipc_endpoint_parse(&ep, "A+b+c+D+UNIX:/x", shape_of, &err) == 0 &&
	    ep.nlayers == 4, "four layers");
	is_str(ep.layers[0], "a", "outermost first, lower case");
	is_str(ep.layers[3], "d", "innermost last");
	is_str(ep.path, "/x", "the path");
	ipc_endpoint_free(&ep);
	ok(ipc_endpoint_parse(&ep, "tls+sh:x y", shape_of, &err) == 0,
	    "a layer on a command");
	is_str(ep.path, "x y", "the command");
	ipc_endpoint_free(&ep);
	ok(ipc_endpoint_parse(&ep, "tls+sh?a=1:x y", shape_of, &err) == 0 &&
	    ep.nlayers == 1 && ep.nkeys == 1, "with keys");
	ipc_endpoint_free(&ep);
	ok(ipc_endpoint_parse(&ep, "tls+foo:443", shape_of, &err) == 0,
	    "a layer on an unknown scheme");
	is_str(ep.scheme, "foo", "is not a host");
	ipc_endpoint_free(&ep);
}

static void
caps(void)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	char *text = malloc(IPC_EP_MAX + 2);
	size_t i;

	memset(text, 'x', IPC_EP_MAX + 1);
	text[0] = '/';
	text[IPC_EP_MAX] = '\0';
	ok(ipc_endpoint_parse(&ep, text, shape_of, &err) == 0 &&
	    strlen(ep.path) == IPC_EP_MAX, "8192 bytes");
	ipc_endpoint_free(&ep);
	text[IPC_EP_MAX] = 'x';
	text[IPC_EP_MAX + 1] = '\0';
	ok(ipc_endpoint_parse(&ep, text, shape_of, &err) == IPC_E_USAGE,
	    "8193 bytes");
	ipc_endpoint_free(&ep);

	strcpy(text, "/?a");
	for (i = 1; i < IPC_EP_KEYS; i++)
		strcat(text, "&a");
	ok(ipc_endpoint_parse(&ep, text, shape_of, &err) == 0 &&
	    ep.nkeys == IPC_EP_KEYS, "64 keys");
	ipc_endpoint_free(&ep);
	strcat(text, "&a");
	ok(ipc_endpoint_parse(&ep, text, shape_of, &err) == IPC_E_USAGE,
	    "65 keys");
	ipc_endpoint_free(&ep);

	memcpy(text, "tcp://", 6);
	memset(text + 6, 'h', 256);
	strcpy(text + 6 + 255, ":1");
	ok(ipc_endpoint_parse(&ep, text, shape_of, &err) == 0, "host of 255");
	ipc_endpoint_free(&ep);
	strcpy(text + 6 + 255, "h:1");
	ok(ipc_endpoint_parse(&ep, text, shape_of, &err) == IPC_E_USAGE,
	    "host of 256");
	ipc_endpoint_free(&ep);
	free(text);
}

static void
from_words(void)
{
	static const char *const words[] = { "cat", "-n", "a b", NULL };
	static const char *const none[] = { NULL };
	static const char *const blank[] = { "", NULL };
	const char *many[101];
	struct ipc_endpoint ep;
	struct ipc_error err;
	size_t i;

	ok(ipc_endpoint_exec(&ep, words, &err) == 0, "three words");
	is_str(ep.scheme, "exec", "scheme");
	is_str(ep.text, "exec:cat -n a b", "text");
	is_str(ep.path, "", "no path");
	ok(ep.argv == words && ep.host == NULL && ep.nkeys == 0, "borrowed");
	ipc_endpoint_free(&ep);
	ok(ipc_endpoint_exec(&ep, none, &err) == IPC_E_USAGE, "no word");
	ipc_endpoint_free(&ep);
	ok(ipc_endpoint_exec(&ep, NULL, &err) == IPC_E_USAGE, "no array");
	ok(ipc_endpoint_exec(&ep, blank, &err) == IPC_E_USAGE, "empty word");
	ipc_endpoint_free(&ep);
	for (i = 0; i < 100; i++)
		many[i] = "a-rather-long-word";
	many[100] = NULL;
	ok(ipc_endpoint_exec(&ep, many, &err) == 0 && strlen(ep.text) < 700 &&
	    strstr(ep.text, " ...") != NULL, "the text is cut");
	ipc_endpoint_free(&ep);
}

int
main(void)
{
	accepted();
	refused();
	layers();
	caps();
	from_words();
	return done();
}
