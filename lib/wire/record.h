/*
 * The record file of -o, replayed by `send --replay`.  Little-endian.
 *
 *	head   "IPCREC1\n"  u64 wall clock of the start, ns since 1970
 *	entry  u64 ns since the start | u32 connection | u32 length |
 *	       u8 direction (0: FROM to TO, 1: back) | 3 zero bytes | payload
 *
 * Pure: no I/O.  A length over IPC_RECORD_MAX or a non-zero pad is malformed.
 */
#ifndef IPC_WIRE_RECORD_H
#define IPC_WIRE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define IPC_RECORD_HEAD 16	/* bytes of the head */
#define IPC_RECORD_ENTRY 20	/* bytes before each payload */
#define IPC_RECORD_MAX (1U << 20) /* payload bytes of one entry */

struct ipc_record {
	uint64_t ns;
	uint32_t conn;
	uint32_t len;
	uint8_t	dir;
};

void ipc_record_head(uint8_t out[IPC_RECORD_HEAD], uint64_t wall_ns);
void ipc_record_entry(uint8_t out[IPC_RECORD_ENTRY],
    const struct ipc_record *r);

/* 0, or -1 when these bytes are not a head of this version. */
int ipc_record_parse_head(const uint8_t in[IPC_RECORD_HEAD],
    uint64_t *wall_ns);
/* 0, or -1 when malformed. */
int ipc_record_parse_entry(const uint8_t in[IPC_RECORD_ENTRY],
    struct ipc_record *r);

#endif
