/*
 * Topics: names, patterns, and the four lines of the topic protocol.
 *
 * A name is tokens separated by dots: "plant.hall2.temperature".  A token is
 * one or more bytes of printable ASCII or above 0x7f, without blanks, dots,
 * `*` and `>`.  A pattern may have `*` in place of a token (any one token) and
 * `>` in place of the last (one token or more), as in NATS.  Unlike NATS a
 * wildcard inside a token is refused: it would match only itself.
 *
 *	PUB NAME PAYLOAD	publish; the payload is the rest, may be empty
 *	SUB PATTERN		from now on give me what matches
 *	UNSUB PATTERN		the same pattern: no more
 *	MSG NAME PAYLOAD	a delivery
 *
 * One message is one line of this; what separates messages is the framing's.
 * Pure: no state, no allocation, nothing is changed.
 */
#ifndef IPC_WIRE_TOPIC_H
#define IPC_WIRE_TOPIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define IPC_TOPIC_MAX 256	/* bytes */
#define IPC_TOPIC_TOKENS 32

/* 0, or code with *err saying what is wrong. */
int ipc_topic_check(const void *topic, size_t len, enum ipc_code code,
    struct ipc_error *err);
int ipc_pattern_check(const void *pattern, size_t len, enum ipc_code code,
    struct ipc_error *err);

/* Both must have passed their check. */
bool ipc_topic_match(const void *pattern, size_t plen, const void *topic,
    size_t tlen);

enum ipc_topic_verb {
	IPC_TOPIC_PUB, IPC_TOPIC_SUB, IPC_TOPIC_UNSUB, IPC_TOPIC_MSG,
};

struct ipc_topic_line {
	enum ipc_topic_verb verb;
	const uint8_t *topic;	/* name or pattern, inside the line */
	uint16_t ntopic;
	bool	bare;		/* PUB, MSG: no blank after the name */
	uint32_t payload;	/* where it begins; its length when there is
				 * none */
};

/* One line; 0, or IPC_E_DATA.  Verbs are upper case. */
int ipc_topic_parse(const void *line, uint32_t len, struct ipc_topic_line *l,
    struct ipc_error *err);

#endif
