/* Writer and parser of record heads and entries.  No state. */
#include "wire/record.h"

#include <string.h>

static const uint8_t magic[8] = "IPCREC1\n";

static void
put_le(uint8_t *p, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t
get_le(const uint8_t *p, int bytes)
{
	uint64_t v = 0;

	for (int i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

void
ipc_record_head(uint8_t out[IPC_RECORD_HEAD], uint64_t wall_ns)
{
	memcpy(out, magic, sizeof(magic));
	put_le(out + 8, wall_ns, 8);
}

void
ipc_record_entry(uint8_t out[IPC_RECORD_ENTRY], const struct ipc_record *r)
{
	memset(out, 0, IPC_RECORD_ENTRY);
	put_le(out, r->ns, 8);
	put_le(out + 8, r->conn, 4);
	put_le(out + 12, r->len, 4);
	out[16] = r->dir;
}

int
ipc_record_parse_head(const uint8_t in[IPC_RECORD_HEAD], uint64_t *wall_ns)
{
	if (memcmp(in, magic, sizeof(magic)) != 0)
		return -1;
	*wall_ns = get_le(in + 8, 8);
	return 0;
}

int
ipc_record_parse_entry(const uint8_t in[IPC_RECORD_ENTRY],
    struct ipc_record *r)
{
	r->ns = get_le(in, 8);
	r->conn = (uint32_t)get_le(in + 8, 4);
	r->len = (uint32_t)get_le(in + 12, 4);
	r->dir = in[16];
	if (r->len > IPC_RECORD_MAX || r->dir > 1 || in[17] != 0 ||
	    in[18] != 0 || in[19] != 0)
		return -1;
	return 0;
}
