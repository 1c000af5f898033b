/*
 * Converters: JSON, MessagePack, CBOR and XML (W3C json-to-xml form) in all
 * directions.  A reader parses one whole message and calls a writer, event by
 * event; no tree is built, so the memory beside input and output is O(depth).
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

struct ipc_error;
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
	uint32_t depth;		/* nesting accepted; 0: IPC_CODEC_DEPTH */
	uint32_t max_out;	/* output bytes; 0: IPC_CODEC_OUT */
};
#define IPC_CODEC_DEPTH 512
#define IPC_CODEC_OUT (64U << 20)

/* Output of a writer; grows by doubling, kept between messages. */
struct ipc_buf {
	uint8_t	*p;		/* owned */
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
	int (*finish)(struct ipc_codec *c);	/* writer: document complete */
	void (*reset)(struct ipc_codec *c);	/* both, before each document */
	void (*free)(struct ipc_codec *c);
	size_t	reader_size, writer_size;	/* zeroed state, see below */
};

extern const struct ipc_format_ops ipc_format_json, ipc_format_msgpack,
    ipc_format_cbor, ipc_format_xml;

/* A converter: one direction, used for one message after another. */
struct ipc_codec {
	const struct ipc_format_ops *from, *to;
	const struct ipc_events *on;	/* &to->write: what the reader calls */
	struct ipc_codec_opts opts;	/* depth, max_out filled in */
	struct ipc_reader_state *rd;	/* owned; from->reader_size */
	struct ipc_writer_state *wr;	/* owned; to->writer_size */
	struct ipc_buf *out;		/* borrowed during a convert */
	struct ipc_error *err;		/* borrowed during a convert */
	uint32_t level;			/* of the writer */
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

/* Room for n more bytes: the place to write at, or NULL with c->err filled
 * (over max_out, no memory).  The caller adds to out->len. */
uint8_t *ipc_codec_room(struct ipc_codec *c, size_t n);
int ipc_codec_add(struct ipc_codec *c, const void *p, size_t n);
/* IPC_E_DATA with "at offset N". */
int ipc_codec_bad(struct ipc_codec *c, size_t offset, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void ipc_buf_free(struct ipc_buf *b);

#endif
