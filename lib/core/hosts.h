/*
 * Connections per peer address, for --max-per-host.  Shared by all workers;
 * the caller holds the run's lock.
 */
#ifndef IPC_CORE_HOSTS_H
#define IPC_CORE_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

struct ipc_hosts;
struct ipc_ident;

struct ipc_hosts *ipc_hosts_new(void);
void ipc_hosts_free(struct ipc_hosts *h);
/* Count one more; false (and not counted) when it has `max` already or there
 * is no memory. */
bool ipc_hosts_enter(struct ipc_hosts *h, const struct ipc_ident *id,
    uint64_t max);
void ipc_hosts_leave(struct ipc_hosts *h, const struct ipc_ident *id);

#endif
