/*
 * Converters: JSON, MessagePack, CBOR and XML (W3C json-to-xml form) in all
 * directions.  A reader parses one whole message and calls a writer, event by
 * event; no tree is built, so the memory beside input and output is O(depth),
 * but for the keys of open maps and for XML of any vocabulary (opts.generic).
 *
 *	bytes -> reader -> events -> writer -> growing buffer
 *
 * Pure: no I/O, no locale, no clock.  All input is hostile: lengths are
 * checked against what is there before anything is reserved, depth and output
 * are capped, duplicate keys are refused, text must be UTF-8.
 *
 * Mappings between the formats: ipcat-stages(7), after RFC 8949 section 6 and
 * XPath Functions 3.1 section 22 (json-to-xml).
 */
#ifndef IPC_CODEC_CODEC_H
#define IPC_CODEC_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "codec/keys.h"

struct ipc_codec;
struct ipc_reader_state;
struct ipc_writer_state;

enum ipc_format { IPC_JSON, IPC_MSGPACK, IPC_CBOR, IPC_XML, IPC_FORMATS };

/* "json" "msgpack" "cbor" "xml"; -1 if none of them. */
int ipc_format_find(const char *name, size_t len);
extern const char *const ipc_format_names[IPC_FORMATS + 1];

struct ipc_codec_opts {
	bool	strict;		/* what would change on the way is an error:
				 * NaN to JSON, non-text keys, integers beyond
				 * 2^53-1 to JSON, tags that are dropped */
	bool	canonical;	/* deterministic: CBOR of RFC 8949 4.2 (sorted
				 * keys, shortest), JSON of RFC 8785 */
	bool	generic;	/* read XML of any vocabulary: xml_generic.c;
				 * loses much, so not along with strict */
	uint32_t depth;		/* nesting accepted; 0: IPC_CODEC_DEPTH */
	uint32_t max_out;	/* output bytes; 0: IPC_CODEC_OUT */
};
#define IPC_CODEC_DEPTH 512
#define IPC_CODEC_OUT (64U << 20)
#define IPC_CODEC_DEPTH_MAX (1U << 20)
#define IPC_CODEC_OUT_MAX (UINT32_MAX - 4096)

/* Output of a writer; grows by doubling, kept between messages.  Zeroed at
 * first; only this module allocates p. */
struct ipc_buf {
	uint8_t	*p;		/* owned; IPC_CODEC_SLACK bytes behind cap */
	size_t	len, cap;
};

/* --- events, in document order --- */

/*
 * What a reader tells.  Each returns 0 or IPC_E_DATA (or IPC_E_NET: memory)
 * with c->err filled; the reader stops then and passes it on.  Pointers are
 * borrowed for the call.  Inside a map, events alternate key, value; a key is
 * any event (JSON and XML readers only send text).
 */
#define IPC_COUNT_UNKNOWN UINT64_MAX

struct ipc_events {
	int (*null)(struct ipc_codec *c);
	int (*undefined)(struct ipc_codec *c);
	int (*boolean)(struct ipc_codec *c, bool v);
	int (*uint)(struct ipc_codec *c, uint64_t v);
	int (*nint)(struct ipc_codec *c, uint64_t v);	/* -1 - v */
	/* Beyond 64 bits: decimal digits without sign or leading zero. */
	int (*bigint)(struct ipc_codec *c, bool negative, const char *digits,
	    size_t n);
	/* text, n: the number as the source wrote it, or NULL, 0. */
	int (*real)(struct ipc_codec *c, double v, const char *text, size_t n);
	int (*text)(struct ipc_codec *c, const uint8_t *p, size_t n); /* UTF-8,
						* checked by the reader */
	int (*bytes)(struct ipc_codec *c, const uint8_t *p, size_t n);
	int (*begin_array)(struct ipc_codec *c, uint64_t count);
	int (*begin_map)(struct ipc_codec *c, uint64_t count);	/* pairs */
	int (*end)(struct ipc_codec *c);	/* of the innermost container */
	int (*tag)(struct ipc_codec *c, uint64_t tag);	/* CBOR: next item */
	int (*simple)(struct ipc_codec *c, uint8_t value);	/* CBOR */
	int (*ext)(struct ipc_codec *c, int8_t type, const uint8_t *p,
	    size_t n);				/* MessagePack */
};

struct ipc_format_ops {
	const char *name;
	/* Read one document of n bytes, all of it (white space may follow in
	 * JSON and XML; anything else after it is an error).  Errors give the
	 * offset. */
	int (*read)(struct ipc_codec *c, const uint8_t *p, size_t n);
	struct ipc_events write;
	int (*finish)(struct ipc_codec *c);	/* writer: document complete;
						 * may be NULL */
	/* Both may be NULL, and are called once if the format is at either
	 * end.  Without reset the states are zeroed before each document. */
	void (*reset)(struct ipc_codec *c);
	void (*free)(struct ipc_codec *c);
	size_t	reader_size, writer_size;	/* zeroed state; 0: none */
};

extern const struct ipc_format_ops ipc_format_json, ipc_format_msgpack,
    ipc_format_cbor, ipc_format_xml;

/*
 * One open container, as the writer sees it.  levels[0] is the document: an
 * array of one item.  Offsets count from c->base in the output.
 */
struct ipc_level {
	uint64_t count;		/* items announced, in a map two per pair, or
				 * IPC_COUNT_UNKNOWN */
	uint64_t items;		/* complete ones, keys and values counted */
	uint32_t head;		/* offset of the container's own header */
	uint32_t mark;		/* offset where the next item begins */
	uint32_t keys;		/* index of its first key in c->keys */
	uint32_t slots;		/* of its hash table, 0: none yet */
	bool	map;
	uint8_t	hint;		/* free for the writer, 0 at first */
};

/* A converter: one direction, used for one message after another. */
struct ipc_codec {
	const struct ipc_format_ops *from, *to;
	const struct ipc_events *on;	/* &to->write: what the reader calls */
	struct ipc_codec_opts opts;	/* depth, max_out filled in */
	struct ipc_reader_state *rd;	/* owned; from->reader_size */
	struct ipc_writer_state *wr;	/* owned; to->writer_size */
	struct ipc_buf *out;		/* borrowed during a convert */
	struct ipc_error *err;		/* borrowed during a convert */
	struct ipc_error unseen;	/* err of a caller who has none */
	size_t	at;			/* set by the reader before each event:
					 * offset of the item, for errors of
					 * the writer */
	size_t	base;			/* out->len when the document began */
	size_t	end;			/* out may grow to here without a call:
					 * its cap, or base + max_out */
	uint32_t level;			/* open containers */
	uint32_t levels_cap;
	struct ipc_level *levels;	/* owned; [0..level] in use */
	struct ipc_keys *keys;		/* owned; see keys.h */
	struct ipc_buf scratch;		/* owned; free for the reader */
	struct ipc_buf temp;		/* owned; free for the writer */
};

int ipc_codec_init(struct ipc_codec *c, enum ipc_format from,
    enum ipc_format to, const struct ipc_codec_opts *opts,
    struct ipc_error *err);
void ipc_codec_free(struct ipc_codec *c);

/*
 * Convert the document p[0..n) and append it to *out.  0, or IPC_E_DATA /
 * IPC_E_NET with *err (what is wrong, at which offset); *out is then as long
 * as before.  No allocation once *out is large enough.
 */
int ipc_codec_convert(struct ipc_codec *c, const uint8_t *p, size_t n,
    struct ipc_buf *out, struct ipc_error *err);

/* --- shared by readers and writers --- */

uint8_t *ipc_codec_room_slow(struct ipc_codec *c, size_t n);

/* Room for n more bytes: the place to write at, or NULL with c->err filled
 * (over max_out, no memory).  The caller adds to out->len. */
static inline uint8_t *
ipc_codec_room(struct ipc_codec *c, size_t n)
{
	if (n <= c->end - c->out->len)
		return c->out->p + c->out->len;
	return ipc_codec_room_slow(c, n);
}

int ipc_codec_add(struct ipc_codec *c, const void *p, size_t n);

/* memcpy, in line for short pieces. */
static inline void
ipc_codec_copy(uint8_t *to, const uint8_t *p, size_t n)
{
	uint64_t a, b;
	uint32_t s, t;

	if (n > 16) {
		memcpy(to, p, n);
	} else if (n >= 8) {
		memcpy(&a, p, 8);
		memcpy(&b, p + n - 8, 8);
		memcpy(to, &a, 8);
		memcpy(to + n - 8, &b, 8);
	} else if (n >= 4) {
		memcpy(&s, p, 4);
		memcpy(&t, p + n - 4, 4);
		memcpy(to, &s, 4);
		memcpy(to + n - 4, &t, 4);
	} else {
		while (n-- > 0)
			to[n] = p[n];
	}
}

/* Room in scratch or temp; at most max_out.  NULL: c->err filled. */
uint8_t *ipc_codec_grow(struct ipc_codec *c, struct ipc_buf *b, size_t n);

/* Every buffer has this many bytes behind what was asked for: whole words may
 * be stored and loaded across the end. */
#define IPC_CODEC_SLACK 32

/* IPC_E_DATA with "at offset N". */
int ipc_codec_bad(struct ipc_codec *c, size_t offset, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int ipc_codec_no_memory(struct ipc_codec *c);	/* IPC_E_NET */
/* For writers: at the item that is being read. */
#define ipc_codec_refuse(c, ...) ipc_codec_bad((c), (c)->at, __VA_ARGS__)
void ipc_buf_free(struct ipc_buf *b);

/*
 * --- where a writer is: the stack of open containers ---
 *
 * Each writer keeps it, with exactly one level per begin event, and any reader
 * may look (a reader of counted containers needs no stack of its own):
 *
 *	begin_x	ipc_codec_add(header); ipc_level_open(c, map, count, head)
 *	scalar	ipc_codec_add(...); ipc_level_item(c, sep)
 *	end	[ipc_keys_sort()]; ipc_level_close(c); add(trailer);
 *		ipc_level_item(c, sep)
 *
 * count is what the event announced, for the reader's sake.
 * ipc_level_at_key(c) tells, before an item, whether it is a key.
 * ipc_level_item() says that an item is complete and lies in the output from
 * mark to the end; a key is thereby checked against the keys of its map
 * (as it was written, so writers must have one spelling for equal keys).
 * `sep` bytes of separator will be written next and belong to no key.
 *
 * A writer whose keys lie elsewhere (XML: an attribute of the value) calls
 * ipc_keys_add(c, offset, len) once the key is in the output, and
 * ipc_level_next() in place of ipc_level_item() for key and value.
 */
int ipc_level_open(struct ipc_codec *c, bool map, uint64_t count,
    size_t head);
void ipc_level_close(struct ipc_codec *c);

static inline struct ipc_level *
ipc_level_top(const struct ipc_codec *c)
{
	return &c->levels[c->level];
}

static inline bool
ipc_level_at_key(const struct ipc_codec *c)
{
	const struct ipc_level *l = ipc_level_top(c);

	return l->map && (l->items & 1) == 0;
}

/* The end of the output as an offset for ipc_level and ipc_keys. */
static inline size_t
ipc_codec_here(const struct ipc_codec *c)
{
	return c->out->len - c->base;
}

static inline void
ipc_level_next(struct ipc_codec *c, size_t sep)
{
	struct ipc_level *l = ipc_level_top(c);

	l->items++;
	l->mark = (uint32_t)(ipc_codec_here(c) + sep);
}

static inline int
ipc_level_item(struct ipc_codec *c, size_t sep)
{
	size_t mark = ipc_level_top(c)->mark;
	int rc = 0;

	if (ipc_level_at_key(c))
		rc = ipc_keys_add(c, mark, ipc_codec_here(c) - mark);
	ipc_level_next(c, sep);
	return rc;
}

#endif
