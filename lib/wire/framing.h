/*
 * Framings: where a message begins and ends in a byte stream.
 *
 *	line	LF ends it			crlf	line, with CR LF
 *	nul	a zero byte ends it		delim:X	the bytes X end it
 *	raw	all of the stream: one message, or none if it is empty
 *	chunk:N	every N bytes; the last may have fewer
 *	len16	big-endian length, 2 bytes	len32	the same, 4 bytes
 *	len32le	little-endian, 4 bytes		varint	LEB128 length, of 5
 *	netstring  "5:hello,"				bytes at most
 *	json	one JSON text after another (RFC 8259), white space between,
 *		or nothing where the end is clear; record separators (RFC
 *		7464) count as white space
 *	cbor	a CBOR sequence (RFC 8742)	msgpack	MessagePack objects
 *
 * A length in a longer form than it needs (netstring "05:", varint 80 00) is
 * garbled.  Of json, cbor and msgpack only so much is checked as it takes to
 * find the end; the rest is the codec's.
 *
 * Pure: no I/O; the only allocation is the stack of nested items, of fixed
 * size.  Reading is restartable: what was scanned once is not scanned again
 * when more bytes arrive.  Every length is checked against `max` before
 * anything is asked for.
 */
#ifndef IPC_WIRE_FRAMING_H
#define IPC_WIRE_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ipc_error;

enum ipc_framing_kind {
	IPC_FRAME_NONE = 0,	/* the transport keeps boundaries */
	IPC_FRAME_LINE, IPC_FRAME_NUL, IPC_FRAME_DELIM, IPC_FRAME_RAW,
	IPC_FRAME_LEN16, IPC_FRAME_LEN32, IPC_FRAME_LEN32LE, IPC_FRAME_VARINT,
	IPC_FRAME_NETSTRING, IPC_FRAME_CHUNK, IPC_FRAME_JSON, IPC_FRAME_CBOR,
	IPC_FRAME_MSGPACK,
};

#define IPC_DELIM_MAX 32
#define IPC_FRAME_DEPTH 512	/* nesting of json, cbor, msgpack */
#define IPC_MESSAGE_MAX (16U << 20)	/* default of --max-message */
#define IPC_MESSAGE_TOP (1U << 30)	/* largest --max-message */

struct ipc_framing {
	uint8_t	kind;		/* enum ipc_framing_kind */
	bool	crlf;		/* line: CR LF is written, CR before LF is
				 * taken off when reading; the word crlf, or
				 * set by the caller */
	uint8_t	ndelim;		/* delim: 1 to IPC_DELIM_MAX */
	uint8_t	delim[IPC_DELIM_MAX];
	uint32_t chunk;		/* chunk: bytes */
	uint32_t max;		/* largest payload accepted, bytes */
};

/*
 * From the words above ("delim:\r\n" takes the escapes \n \r \t \0 \\ \xHH;
 * "chunk:64k" a size of 1 to IPC_MESSAGE_TOP).  Sets max to IPC_MESSAGE_MAX.
 * IPC_E_USAGE names the word and the nearest known one.
 */
int ipc_framing_parse(struct ipc_framing *f, const char *text,
    struct ipc_error *err);

/* The word for it, as it may be typed.  Returns buf. */
#define IPC_FRAMING_TEXT 160
char *ipc_framing_text(const struct ipc_framing *f,
    char buf[IPC_FRAMING_TEXT]);

/* The same bytes mean the same messages (max is not compared). */
bool ipc_framing_same(const struct ipc_framing *a, const struct ipc_framing *b);

/* Words for help and completion, NULL-terminated: "line", "delim:X" ... */
extern const char *const ipc_framing_words[];

/* --- reading --- */

/* One stream being read.  Zero all but f. */
struct ipc_unframe {
	const struct ipc_framing *f; /* borrowed */
	size_t	seen;		/* bytes of the current frame scanned; in
				 * cbor, msgpack it may be ahead of n */
	uint64_t index;		/* frames completed */
	uint64_t offset;	/* of the current frame in the stream */
	uint32_t depth;		/* json, cbor, msgpack: open containers */
	uint8_t	state;		/* of the scanner */
	bool	skipping;	/* passing over a frame that is too long */
	uint64_t skip;		/* bytes of it left; 0: to the delimiter */
	uint64_t skipped;	/* bytes of it gone */
	uint64_t *stack;	/* owned; NULL until needed: json, cbor,
				 * msgpack: what is open, level by level */
};

struct ipc_frame {
	size_t	off;		/* payload begins, from the frame's begin */
	size_t	len;		/* payload bytes */
	size_t	used;		/* the whole frame */
	bool	open;		/* line, nul, delim: ended by end of input */
};

/*
 * The frame that begins at p, of which n bytes are there.  eof: no more will
 * come.  Returns
 *	1	*out is filled; call again at p + out->used
 *	0	more bytes are needed, or (eof) the stream ended between
 *		frames; *need is the least number of bytes from p that can
 *		hold the frame, at least n + 1, as far as known; white space
 *		that belongs to no frame may be skipped: out->used bytes
 *		(0 if none), which are still counted in *need
 *	IPC_E_DATA  garbled, longer than max, or cut short by eof: err names
 *		the message (from 1) and the offset of its frame in the stream
 *	IPC_E_NET  no memory for the stack
 * A line, nul or delim cut short by eof is a frame, and `open`.  With NONE
 * all n bytes are one frame.  After an error the stream cannot go on.
 * Pass the same p contents again with more bytes behind (the memory may have
 * moved): scanning goes on where it stopped.
 */
int ipc_unframe(struct ipc_unframe *u, const uint8_t *p, size_t n, bool eof,
    struct ipc_frame *out, size_t *need, struct ipc_error *err);

/*
 * The frame at p was refused because it is longer than max: pass over it.
 * begin: false when its end cannot be known.  Then, while u->skipping, skip
 * returns how many of the bytes at p belong to it (framing_skip.c).
 */
bool ipc_unframe_skip_begin(struct ipc_unframe *u, const uint8_t *p,
    size_t n);
size_t ipc_unframe_skip(struct ipc_unframe *u, const uint8_t *p, size_t n);
void ipc_unframe_free(struct ipc_unframe *u);

/* --- writing --- */

#define IPC_FRAME_HEAD 16

/* What goes before and after a payload on the wire. */
struct ipc_wrap {
	uint8_t	head[IPC_FRAME_HEAD];
	uint8_t	nhead;
	uint8_t	ntail;
	uint8_t	tail[IPC_DELIM_MAX];
};

/*
 * Frame a payload.  open: it was a last line without an end, so write none
 * (line, nul, delim).  IPC_E_DATA when this framing cannot carry the payload:
 * it holds the delimiter, is too long for the length, is longer than max, or
 * is not exactly one json, cbor or msgpack item.  An LF goes behind json.
 * raw and chunk add nothing.  A delim that begins with its own end (aa) cannot
 * carry a payload that ends in such a part, unless open.
 */
int ipc_wrap(const struct ipc_framing *f, const uint8_t *p, size_t len,
    bool open, struct ipc_wrap *out, struct ipc_error *err);

#endif
