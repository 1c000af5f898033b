/*
 * One member of a JSON object (RFC 8259): where the text of its value is.
 *
 * For matching a reply to its request by something they share, without
 * decoding either.  Only the outermost object is looked at; nothing is
 * allocated, and the answer points into the input.  No state.
 */
#ifndef IPC_WIRE_MEMBER_H
#define IPC_WIRE_MEMBER_H

#include <stddef.h>
#include <stdint.h>

#define IPC_MEMBER_DEPTH 512	/* levels inside the value of a member */

enum ipc_member {
	IPC_MEMBER_FOUND,
	IPC_MEMBER_NONE,	/* an object without this member */
	IPC_MEMBER_TWICE,	/* more than once: readers would not agree */
	IPC_MEMBER_BAD,		/* not one whole JSON object */
};

/*
 * Find the member whose name, its escapes undone, is name[0..nlen) (UTF-8).
 * On FOUND *value and *vlen are its text as it stands there, without white
 * space around it: `7`, `"a-1"`, `{"x": 1}`; otherwise NULL and 0.  Text is
 * compared as text by the callers: 1 and 1.0 are two values.
 */
enum ipc_member ipc_member_find(const uint8_t *json, size_t len,
    const char *name, size_t nlen, const uint8_t **value, size_t *vlen);

#endif
