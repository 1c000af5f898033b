/*
 * Between endpoint.c and endpoint_part.c only: a parse in progress and the
 * readers of single parts.  Not for use outside of lib/base.
 *
 * All parts of an endpoint lie in one allocation, ep->store, filled by a bump
 * pointer.  Readers take NUL-terminated or counted text, store into *p->ep and
 * return 0 or a negative code with p->err filled.
 */
#ifndef IPC_BASE_ENDPOINT_PART_H
#define IPC_BASE_ENDPOINT_PART_H

#include <stdbool.h>
#include <stddef.h>

struct ipc_endpoint;
struct ipc_error;

struct ipc_ep_parse {
	struct ipc_endpoint *ep;
	int	(*shape_of)(const char *scheme);
	char	*next;		/* bump pointer into ep->store */
	struct ipc_error *err;
};

/* Fail with IPC_E_USAGE. */
int ipc_ep_usage(struct ipc_ep_parse *p, const char *hint, const char *what);

/* Copy len bytes and a NUL into the store, as they are or in lower case. */
char *ipc_ep_keep(struct ipc_ep_parse *p, const char *s, size_t len);
char *ipc_ep_keep_lower(struct ipc_ep_parse *p, const char *s, size_t len);

/* How many bytes from s on are letters, digits or one of `extra`. */
size_t ipc_ep_span(const char *s, size_t len, const char *extra);
bool ipc_ep_all_digits(const char *s, size_t len);
/* Digits or a service name. */
bool ipc_ep_is_port(const char *s, size_t len);

/* What follows the '?'. */
int ipc_ep_keys(struct ipc_ep_parse *p, const char *s, size_t len);
/* path[?keys] */
int ipc_ep_path(struct ipc_ep_parse *p, const char *s);
/* host[:port][/path][?keys] */
int ipc_ep_authority(struct ipc_ep_parse *p, const char *s);

#endif
