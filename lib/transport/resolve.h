/*
 * Internet addresses: from host and port to addresses, and back to the text
 * of an endpoint.  The only place that asks the name service.
 */
#ifndef IPC_TRANSPORT_RESOLVE_H
#define IPC_TRANSPORT_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ipc_addr;
struct ipc_addrs;
struct ipc_error;

/*
 * The `resolve` of transport.h for host:port schemes.  `host` may be "": with
 * PASSIVE that is every address of this machine ([::], serving IPv4 too, or
 * 0.0.0.0 where there is no IPv6), else the loopback addresses.  V4 or V6
 * alone forces the family.  1: a name, and NUMERIC was given.
 */
int ipc_resolve(const char *host, const char *port, unsigned flags,
    struct ipc_addrs *out, struct ipc_error *err);

/* [::] that was asked for with V6 alone must not serve IPv4. */
bool ipc_addr_only_v6(const struct ipc_addr *a);

/* "9000" to a number: 0; a service name: 1; else IPC_E_USAGE. */
int ipc_resolve_port(const char *text, uint16_t *port, struct ipc_error *err);

/* ADDR, ADDR:PORT, [ADDR], [ADDR]:PORT, numeric, into a struct ipc_addr: an
 * IPC_OPT_CUSTOM parser. */
int ipc_resolve_source(void *field, const char *text, struct ipc_error *err);

/* Loopback addresses: the peer is this machine. */
bool ipc_addr_is_near(const struct ipc_addr *a);

/* "tcp://127.0.0.1:80", "tcp://[fe80::1%eth0]:80", "unix:///path",
 * "unix:@name", "vsock://3:80".  Relative paths are made absolute.
 * Truncates; returns buf. */
char *ipc_addr_endpoint(const struct ipc_addr *a, char *buf, size_t size);

#endif
