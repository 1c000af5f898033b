/*
 * Where a stage puts the messages that it makes: small ones one behind the
 * other in a pooled chunk, large ones in a chunk of their own.
 *
 *	chunk  [ message | message | message | room ........ ]
 *
 * A chunk whose messages are all gone is used again from its beginning, so
 * that steady state allocates nothing.  Belongs to one stage and one way.
 */
#ifndef IPC_STAGE_PACK_H
#define IPC_STAGE_PACK_H

#include <stdint.h>

#include "stage/stage.h"

struct ipc_pack {
	struct ipc_chunk *chunk;	/* owned reference; NULL: none yet */
};

/*
 * n bytes to write a message to; ipc_pack_add() takes them into use.  NULL:
 * no memory, with *err filled (IPC_E_NET).
 */
uint8_t *ipc_pack_room(struct ipc_pack *p, struct ipc_pool *pool, uint32_t n,
    struct ipc_error *err);

/*
 * The first len bytes of that room become the answer to the first message of
 * io->in, which is dropped: number, time, tag and the open end go over.  There
 * is room in io->out.
 */
void ipc_pack_add(struct ipc_pack *p, struct ipc_pool *pool,
    struct ipc_io *io, uint32_t len);

/* Let go of the chunk, so that an idle pipeline holds none. */
void ipc_pack_release(struct ipc_pack *p);

#endif
