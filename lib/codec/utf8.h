/*
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing beyond
 * U+10FFFF.
 */
#ifndef IPC_CODEC_UTF8_H
#define IPC_CODEC_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* n if p[0..n) is UTF-8, else the offset of the first wrong sequence. */
size_t ipc_utf8_check(const uint8_t *p, size_t n);

/* Length of the one character at p (n >= 1 bytes are there); 0: wrong. */
size_t ipc_utf8_step(const uint8_t *p, size_t n);

/* Decode the valid character at p; *len gets its length. */
uint32_t ipc_utf8_get(const uint8_t *p, size_t *len);

/* Write the scalar value cp (4 bytes of room); returns the length. */
size_t ipc_utf8_put(uint8_t *to, uint32_t cp);

#endif
