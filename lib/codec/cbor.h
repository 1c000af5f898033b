/* Between cbor_read.c and cbor_write.c only. */
#ifndef IPC_CODEC_CBOR_H
#define IPC_CODEC_CBOR_H

#include <stddef.h>
#include <stdint.h>

struct ipc_codec;

/* Bytes of a bignum's magnitude, both ways: the conversion to and from
 * decimal is quadratic. */
#define IPC_CBOR_BIGNUM 1024

enum ipc_cbor_major {
	IPC_CBOR_UINT,
	IPC_CBOR_NINT,
	IPC_CBOR_BYTES,
	IPC_CBOR_TEXT,
	IPC_CBOR_ARRAY,
	IPC_CBOR_MAP,
	IPC_CBOR_TAG,
	IPC_CBOR_SIMPLE,
};

#define IPC_CBOR_BREAK 0xFF
#define IPC_CBOR_INDEFINITE 31	/* additional information */

int ipc_cbor_read(struct ipc_codec *c, const uint8_t *p, size_t n);

#endif
