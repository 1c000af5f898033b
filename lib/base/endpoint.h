/*
 * Endpoints as people write them, split into parts.  Pure: touches no file,
 * resolves no name, knows no scheme.
 *
 *	[layer+]*scheme:[//]rest[?key=value&key=value]
 *
 * Short forms: `-` stdio:  `:9000` `host:9000` `[::1]:9000` tcp:
 * `/path` `./path` `../path` `dir/file` path: (the plan asks the file system)
 * `@name` unix: (abstract).  For `exec` and `sh` everything after the first
 * colon is the command and is taken verbatim; keys come before that colon:
 * `exec?cwd=/tmp:cat -n`.  Elsewhere %XX is decoded in path and values.
 *
 * "name:word" with an unknown name is host:port if word is digits or looks
 * like a service.  Refused here: a bare word or number, tcp:9000 (write
 * tcp://:9000), IPv6 without brackets, user@host, host:port/path without a
 * scheme, bad hex, %00, empty key names.  Not checked here: the range of a
 * port, whether a scheme takes a path, a host or a port.
 */
#ifndef IPC_BASE_ENDPOINT_H
#define IPC_BASE_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ipc_error;

#define IPC_EP_MAX 8192		/* bytes of text accepted */
#define IPC_EP_KEYS 64		/* ?key=value pairs accepted */
#define IPC_EP_LAYERS 4

struct ipc_ep_key {
	const char *key;	/* borrowed from ep->store */
	const char *value;	/* NULL when "?key" had no "=" */
};

struct ipc_endpoint {
	const char *text;	/* as typed, for messages; in store */
	const char *scheme;	/* "tcp", lower case; in store */
	const char *layers[IPC_EP_LAYERS]; /* outermost first: "tls" */
	uint32_t nlayers;
	const char *host;	/* without brackets; "" when empty; NULL if no
				 * authority was parsed */
	const char *port;	/* digits or service name; NULL if none */
	const char *path;	/* the rest, decoded; "" when empty.  For
				 * host:port schemes: what follows the port,
				 * with its slash.  Otherwise everything */
	const char *const *argv; /* exec from -e: borrowed; else NULL */
	struct ipc_ep_key *keys; /* owned */
	uint32_t nkeys;
	char	*store;		/* owned */
	/* Filled by the plan: */
	const struct ipc_transport *tr;
	void	*cfg;		/* owned; tr->cfg_size bytes */
};

/* Which schemes carry host:port; asked by the parser for each scheme. */
enum ipc_ep_shape {
	IPC_EP_OPAQUE,		/* path only: unix, fifo, file, fd, null … */
	IPC_EP_HOSTPORT,	/* host:port[/path] */
	IPC_EP_COMMAND,		/* verbatim: exec, sh */
};

/*
 * Split `text` into *ep (zeroed by this call).  shape_of says how a scheme's
 * rest is written; it returns -1 for an unknown scheme, which is still split
 * as OPAQUE (the plan reports it with the nearest known one).  Returns 0 or
 * IPC_E_USAGE; *ep accepts ipc_endpoint_free() either way.
 */
int ipc_endpoint_parse(struct ipc_endpoint *ep, const char *text,
    int (*shape_of)(const char *scheme), struct ipc_error *err);

/* An endpoint of words that no text is parsed for (-m TEXT…): at least one.
 * argv is borrowed and NULL-terminated. */
int ipc_endpoint_words(struct ipc_endpoint *ep, const char *scheme,
    const char *const *argv, struct ipc_error *err);

/* An exec endpoint from words: -e PROG ARG…  argv is borrowed and
 * NULL-terminated. */
int ipc_endpoint_exec(struct ipc_endpoint *ep, const char *const *argv,
    struct ipc_error *err);

/* Frees store, keys and cfg (cfg as plain memory). */
void ipc_endpoint_free(struct ipc_endpoint *ep);

#endif
