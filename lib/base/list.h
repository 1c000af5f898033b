/*
 * Intrusive doubly linked list.  A head is a node that points to itself when
 * empty; a node that is on no list points to itself too, so that removing it
 * twice is harmless.  Nothing is owned.
 */
#ifndef IPC_BASE_LIST_H
#define IPC_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct ipc_list {
	struct ipc_list *next, *prev;
};

#define ipc_list_entry(node, type, member) \
	((type *)(void *)((char *)(node) - offsetof(type, member)))

static inline void
ipc_list_init(struct ipc_list *l)
{
	l->next = l->prev = l;
}

static inline bool
ipc_list_empty(const struct ipc_list *l)
{
	return l->next == l;
}

static inline void
ipc_list_remove(struct ipc_list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	ipc_list_init(n);
}

/* Append n, which must be on no list. */
static inline void
ipc_list_append(struct ipc_list *head, struct ipc_list *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

/* Move all of `from` to the end of `to`; `from` is empty afterwards. */
static inline void
ipc_list_take_all(struct ipc_list *to, struct ipc_list *from)
{
	if (ipc_list_empty(from))
		return;
	from->next->prev = to->prev;
	from->prev->next = to;
	to->prev->next = from->next;
	to->prev = from->prev;
	ipc_list_init(from);
}

#endif
