/*
 * Private to wire: words and hints that reading and writing frames share.
 */
#ifndef IPC_WIRE_FRAMING_TEXT_H
#define IPC_WIRE_FRAMING_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct ipc_framing;

#define IPC_FRAME_SIZE 32

/* "16 MiB", "70000 bytes": exact.  Returns buf. */
char *ipc_frame_size(char buf[IPC_FRAME_SIZE], uint64_t bytes);

/* Which --max-message would let `bytes` pass. */
void ipc_frame_hint_max(const struct ipc_framing *f, uint64_t bytes,
    char *hint, size_t size);

/* That both sides have to use the same framing. */
void ipc_frame_hint_same(const struct ipc_framing *f, char *hint,
    size_t size);

#endif
