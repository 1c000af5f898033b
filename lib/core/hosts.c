/* Chained hash of addresses with a count each.  Empty entries are freed. */
#include "core/hosts.h"

#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

#define SLOTS 1024		/* power of two */

struct entry {
	struct entry *next;
	struct ipc_ident id;
	uint64_t n;
};

struct ipc_hosts {
	struct entry *slot[SLOTS];
};

struct ipc_hosts *
ipc_hosts_new(void)
{
	return calloc(1, sizeof(struct ipc_hosts));
}

void
ipc_hosts_free(struct ipc_hosts *h)
{
	for (size_t i = 0; h != NULL && i < SLOTS; i++)
		while (h->slot[i] != NULL) {
			struct entry *e = h->slot[i];

			h->slot[i] = e->next;
			free(e);
		}
	free(h);
}

/* FNV-1a over the address; an attacker gains only a longer chain, and that
 * is bounded by the connection limit. */
static size_t
slot_of(const struct ipc_ident *id)
{
	uint32_t x = 2166136261U;

	if (id->family == AF_UNIX)
		return (x ^ id->uid) % SLOTS;
	for (size_t i = 0; i < (id->family == AF_INET ? 4U : 16U); i++)
		x = (x ^ id->ip[i]) * 16777619U;
	return x % SLOTS;
}

static struct entry **
find(struct ipc_hosts *h, const struct ipc_ident *id)
{
	struct entry **e = &h->slot[slot_of(id)];

	while (*e != NULL && !ipc_ident_same_host(&(*e)->id, id))
		e = &(*e)->next;
	return e;
}

bool
ipc_hosts_enter(struct ipc_hosts *h, const struct ipc_ident *id, uint64_t max)
{
	struct entry **e = find(h, id);

	if (*e == NULL) {
		*e = calloc(1, sizeof(**e));
		if (*e == NULL)
			return false;
		(*e)->id = *id;
	}
	if ((*e)->n >= max)
		return false;
	(*e)->n++;
	return true;
}

void
ipc_hosts_leave(struct ipc_hosts *h, const struct ipc_ident *id)
{
	struct entry **e = find(h, id), *gone = *e;

	if (gone == NULL || --gone->n > 0)
		return;
	*e = gone->next;
	free(gone);
}
