/*
 * Numbered messages: see msgs.h.  Knows two framings, lines and a big-endian
 * length of 32 bits, and does not measure anything but msgs_drain's time.
 */
#include "msgs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define BUF_SIZE (256 * 1024)

enum framing
msgs_framing(const char *text)
{
	if (strcmp(text, "line") == 0)
		return FRAMING_LINE;
	if (strcmp(text, "len32") == 0)
		return FRAMING_LEN32;
	bench_die("'%s' is neither line nor len32", text);
}

void
msgs_init(struct msgs *m, size_t size)
{
	*m = (struct msgs){.next = malloc(size), .size = size};
	if (m->next == NULL)
		bench_die("out of memory");
	memset(m->next, '0', MSG_DIGITS);
	for (size_t i = MSG_DIGITS; i < size; i++)
		m->next[i] = (uint8_t)('a' + i % 26);
}

_Noreturn void
msgs_wrong(const struct msgs *m, const void *data, size_t len)
{
	bench_die("message %" PRIu64 " is not as it was sent: %zu bytes, "
	    "begins with '%.*s'", m->n, len,
	    (int)(len < MSG_DIGITS ? len : MSG_DIGITS), (const char *)data);
}

static void
put_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static uint32_t
get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

uint8_t *
msgs_put(struct msgs *m, enum framing f, uint8_t *to)
{
	if (f == FRAMING_LEN32) {
		put_be32(to, (uint32_t)m->size);
		to += 4;
	}
	memcpy(to, m->next, m->size);
	to += m->size;
	if (f == FRAMING_LINE)
		*to++ = '\n';
	msgs_step(m);
	return to;
}

/* Checks the whole frames in buf; returns the bytes they took. */
static size_t
cut(struct msgs *m, enum framing f, bool whole, const uint8_t *buf, size_t len)
{
	size_t frame = msgs_frame_size(m, f), off = 0;

	for (; len - off >= frame; off += frame) {
		const uint8_t *p = buf + off;

		if (f == FRAMING_LINE ? p[m->size] != '\n' :
		    get_be32(p) != m->size)
			bench_die("message %" PRIu64 ": a wrong frame", m->n);
		p += f == FRAMING_LEN32 ? 4 : 0;
		if (whole ? !msgs_take(m, p, m->size) :
		    !msgs_count(m, p, m->size))
			msgs_wrong(m, p, m->size);
	}
	return off;
}

void
msgs_drain(struct msgs *m, enum framing f, int fd, bool whole, uint64_t *ns)
{
	size_t size = BUF_SIZE + msgs_frame_size(m, f), have = 0, used;
	uint8_t *buf = malloc(size);
	uint64_t start = 0;
	ssize_t n;

	if (buf == NULL)
		bench_die("out of memory");
	while ((n = read(fd, buf + have, size - have)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			bench_die_errno("read");
		if (start == 0)
			start = bench_now_ns();
		have += (size_t)n;
		used = cut(m, f, whole, buf, have);
		have -= used;
		memmove(buf, buf + used, have);
	}
	if (have > 0)
		bench_die("ended in the middle of message %" PRIu64, m->n);
	*ns = start == 0 ? 0 : bench_now_ns() - start;
	free(buf);
}
