/* Between the json_*.c only. */
#ifndef IPC_CODEC_JSON_H
#define IPC_CODEC_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "codec/codec.h"

int ipc_json_read(struct ipc_codec *c, const uint8_t *p, size_t n);
ipc_keys_cmp ipc_json_order;

/* Bytes that a JSON string cannot hold as they are, and '"' and '\': the high
 * bit of each such byte of w is set.  Exact for the lowest one only. */
#define IPC_JSON_ONES UINT64_C(0x0101010101010101)
#define IPC_JSON_HIGH UINT64_C(0x8080808080808080)

static inline uint64_t
ipc_json_special(uint64_t w)
{
	uint64_t quote = w ^ (IPC_JSON_ONES * '"');
	uint64_t slash = w ^ (IPC_JSON_ONES * '\\');

	return ((w - IPC_JSON_ONES * 0x20) | (quote - IPC_JSON_ONES) |
	    (slash - IPC_JSON_ONES)) & ~w & IPC_JSON_HIGH;
}

#endif
