/*
 * Text: a bounded growing string, escaping of foreign bytes, and the nearest
 * word of a list.
 */
#ifndef IPC_BASE_TEXT_H
#define IPC_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing string.  Zero-initialise; free with ipc_text_free().  `s` is
 * always NUL-terminated once anything was added.  On lack of memory `failed`
 * is set and further additions are ignored. */
struct ipc_text {
	char	*s;		/* owned, NULL while empty */
	size_t	 len, cap;
	bool	 failed;
};

void ipc_text_add(struct ipc_text *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void ipc_text_put(struct ipc_text *t, const void *bytes, size_t len);
void ipc_text_free(struct ipc_text *t);

/*
 * Make foreign bytes safe for a terminal or a log line (hazard H50): C0, C1,
 * DEL, invalid UTF-8, bidi controls (U+200E/F, U+202A-E, U+2066-9) and the
 * backslash become \xNN per byte (backslash: \\).  The result always fits:
 * it is cut at a whole escape with "..." when dst is too small.  dst_size
 * must be at least 8.  Returns dst.
 */
char *ipc_escape(char *dst, size_t dst_size, const void *src, size_t len);

/* Append src as the inside of a JSON string (RFC 8259 section 7); invalid
 * UTF-8 becomes U+FFFD, so that the output is always valid JSON (H07). */
void ipc_text_json(struct ipc_text *t, const void *src, size_t len);

/*
 * The word of `words` (NULL-terminated array) nearest to `bad` by edit
 * distance (optimal string alignment), or NULL when none is within
 * max(1, strlen(bad)/3) edits.  Borrowed from `words`.
 */
const char *ipc_nearest(const char *bad, const char *const *words);

#endif
