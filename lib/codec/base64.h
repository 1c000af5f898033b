/*
 * Bytes as text for formats that have none: base64 (RFC 4648 section 4),
 * base64url without padding (section 5), base16 in capitals (section 8).
 */
#ifndef IPC_CODEC_BASE64_H
#define IPC_CODEC_BASE64_H

#include <stddef.h>
#include <stdint.h>

enum ipc_base { IPC_BASE64URL, IPC_BASE64, IPC_BASE16 };

/* How long the text for n bytes is at most. */
size_t ipc_base_room(enum ipc_base how, size_t n);

/* Write it, return its length.  No NUL. */
size_t ipc_base_encode(enum ipc_base how, uint8_t *to, const uint8_t *p,
    size_t n);

#endif
