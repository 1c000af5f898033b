/*
 * The keys of the open maps: refuses duplicates, sorts members.
 *
 * A key is a range of the output.  Keys and hash tables are two stacks: only
 * the innermost map ever gets a key, so what a map uses lies on top and is
 * dropped when it closes.  Few keys are compared one by one, many through a
 * table; the hash is universal with a random key, so a sender who does not
 * know it cannot make it slow.  Memory: about 20 bytes per key of an open map.
 */
#ifndef IPC_CODEC_KEYS_H
#define IPC_CODEC_KEYS_H

#include <stddef.h>
#include <stdint.h>

struct ipc_codec;
struct ipc_keys;

/* The innermost map gets the key out[base + at .. + len).  IPC_E_DATA when it
 * has that key, IPC_E_NET without memory. */
int ipc_keys_add(struct ipc_codec *c, size_t at, size_t len);

/*
 * Put the members of the innermost map into the order of cmp over their keys,
 * as written.  A member reaches from its key to the next key, the last one to
 * the end of the output (a separator after each one moves along).  Call it
 * before ipc_level_close().  cmp is as of qsort; ipc_keys_bytewise is memcmp,
 * then the shorter one.  Uses c->temp.
 */
typedef int ipc_keys_cmp(const uint8_t *a, size_t an, const uint8_t *b,
    size_t bn);
int ipc_keys_sort(struct ipc_codec *c, ipc_keys_cmp *cmp);
ipc_keys_cmp ipc_keys_bytewise;

/* For codec.c and level.c.  new: NULL without memory. */
struct ipc_keys *ipc_keys_new(void);
void ipc_keys_free(struct ipc_keys *k);
void ipc_keys_reset(struct ipc_keys *k);
/* Number of keys held: what ipc_level.keys begins with. */
uint32_t ipc_keys_held(const struct ipc_keys *k);
/* Drop those of the innermost map, which closes. */
void ipc_keys_drop(struct ipc_codec *c);

#endif
