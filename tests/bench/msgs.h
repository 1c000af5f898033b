/*
 * Numbered messages for the benchmark programs: made here, checked here.
 *
 * A message of SIZE bytes is its number in 16 hexadecimal digits, then the
 * letters a to z over and over.  It holds no line feed, so that it can travel
 * as a line.  A receiver compares it with the message that must come next, so
 * a lost, doubled or reordered one is found at once, and a garbled one, too,
 * where every byte is compared.
 */
#ifndef IPCAT_BENCH_MSGS_H
#define IPCAT_BENCH_MSGS_H

#include "bench.h"

#include <string.h>

#define MSG_DIGITS 16
#define MSG_MAX (1024 * 1024)
#define FRAME_MAX 4		/* bytes that a framing adds, at most */

enum framing { FRAMING_LINE, FRAMING_LEN32 };

struct msgs {
	uint8_t *next;		/* the message with number n */
	uint64_t n;
	size_t size;
};

/* "line" or "len32", or die. */
enum framing msgs_framing(const char *text);

/* The first message, of `size` bytes, is number 0. */
void msgs_init(struct msgs *m, size_t size);

/* One more: add 1 to the digits in place. */
static inline void
msgs_step(struct msgs *m)
{
	uint8_t *p = m->next + MSG_DIGITS - 1;

	for (m->n++; *p == 'f'; p--)
		*p = '0';
	*p = *p == '9' ? 'a' : (uint8_t)(*p + 1);
}

/* Is this the next message?  Then go on to the one after. */
static inline bool
msgs_take(struct msgs *m, const void *data, size_t len)
{
	if (len != m->size || memcmp(m->next, data, len) != 0)
		return false;
	msgs_step(m);
	return true;
}

/* The same, but only the length and the number are looked at. */
static inline bool
msgs_count(struct msgs *m, const void *data, size_t len)
{
	if (len != m->size || memcmp(m->next, data, MSG_DIGITS) != 0)
		return false;
	msgs_step(m);
	return true;
}

/* Die because a message is not the next one. */
_Noreturn void msgs_wrong(const struct msgs *m, const void *data, size_t len);

static inline size_t
msgs_frame_size(const struct msgs *m, enum framing f)
{
	return m->size + (f == FRAMING_LINE ? 1 : 4);
}

/* The next message in its frame; returns its end. */
uint8_t *msgs_put(struct msgs *m, enum framing f, uint8_t *to);

/*
 * Frames from fd to its end, checked, or die; `whole`: every byte of them.
 * *ns from the first byte to the end.
 */
void msgs_drain(struct msgs *m, enum framing f, int fd, bool whole,
    uint64_t *ns);

#endif
