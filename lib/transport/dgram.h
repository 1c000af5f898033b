/*
 * What message transports share: receiving many messages with one system
 * call into memory that is touched only as far as messages reach, and knowing
 * senders again so that they can be answered.  No scheme of its own.
 *
 * A tag is a slot of the sender table and its generation: when the table is
 * full the sender heard of longest ago is forgotten, and its tags are nobody.
 * So is the tag of a sender without a name (an unbound unix socket).
 */
#ifndef IPC_TRANSPORT_DGRAM_H
#define IPC_TRANSPORT_DGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "transport/transport.h"

struct ipc_dgrams;

#define IPC_DGRAM_SENDERS 4096	/* remembered by an unconnected socket */

/* How a socket receives. */
struct ipc_dgram_kind {
	uint32_t slot;		/* longest message, bytes */
	uint32_t slots;		/* of one system call; at most 64 */
	bool	senders;	/* unconnected: tell who sent, answer them */
	bool	records;	/* SOCK_SEQPACKET: an empty message is told
				 * from the end by its credentials */
};

/* Memory for c, in c->impl.  IPC_E_NET: no memory. */
int ipc_dgram_open(struct ipc_conn *c, const struct ipc_dgram_kind *kind,
    struct ipc_error *err);
void ipc_dgram_close(struct ipc_conn *c);

/* The recvm, sendm, lost, screen and peer_of of transport.h. */
int ipc_dgram_recv(struct ipc_conn *c, struct ipc_dgram *d, int n);
int ipc_dgram_send(struct ipc_conn *c, const struct ipc_dgram *d, int n);
uint64_t ipc_dgram_lost(struct ipc_conn *c, bool ask);
void ipc_dgram_screen(struct ipc_conn *c, ipc_admit_fn *admit, void *arg);
bool ipc_dgram_peer_of(const struct ipc_conn *c, uint64_t tag,
    struct ipc_ident *out);

/* The shut_write of sockets that have no half to close: nobody is told. */
int ipc_dgram_shut_write(struct ipc_conn *c);

/* An error that waits on a connected socket (refused): -1 with errno, else
 * 0.  The `unsent` of transport.h. */
ssize_t ipc_dgram_unsent(struct ipc_conn *c);

/* Unconnected: what has no tag goes there. */
void ipc_dgram_to(struct ipc_conn *c, const struct ipc_addr *addr);

/* Room for a transport's own data behind ours: NULL before open. */
void **ipc_dgram_own(struct ipc_conn *c);

#endif
