/*
 * A stage transforms batches.  It has no descriptor, no event loop, no clock
 * and no thread: it is a pure state machine, so it can be fuzzed and unit
 * tested with arrays.
 *
 *	application  --tx-->  stage  --tx-->  wire
 *	application  <--rx--  stage  <--rx--  wire
 *
 * tx and rx consume from io->in and append to io->out until one of them is
 * exhausted; running out of either is not an error: what does not fit stays
 * in `in`, and that is all the back-pressure there is.  io->back is a batch
 * that travels the other way (acknowledgements, handshakes); NULL when the
 * pipeline has nothing there.  Messages appended to out are given away with
 * their reference; messages consumed from in are the stage's to free.
 *
 * One file per stage, one exported symbol ipc_stage_NAME, one X() line in
 * list.h.  Optional members are NULL: pass-through.
 */
#ifndef IPC_STAGE_STAGE_H
#define IPC_STAGE_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/msg.h"
#include "base/opt.h"

struct ipc_stage;

struct ipc_io {
	struct ipc_batch *in;	/* borrowed; the stage drops from its head */
	struct ipc_batch *out;	/* borrowed; the stage adds at its tail */
	struct ipc_batch *back;	/* borrowed; opposite direction, or NULL */
	const char *peer;	/* borrowed: who is on the wire side, as text */
	/* Who msg.tag is, where one wire has many peers; valid until the next
	 * call.  NULL: peer is all there is. */
	const char *(*peer_of)(void *arg, uint64_t tag);
	void	*arg;		/* of peer_of */
	uint64_t now_ns;	/* CLOCK_MONOTONIC, read once per turn */
};

enum ipc_flush { IPC_FLUSH_IDLE, IPC_FLUSH_EOF };
enum ipc_link { IPC_LINK_UP, IPC_LINK_DOWN };
enum ipc_bypass { IPC_BYPASS_NEVER, IPC_BYPASS_LATER, IPC_BYPASS_NOW };

/*
 * Errors of tx and rx: IPC_E_DATA is about the first message of io->in, which
 * is still there; core then stops, drops it or passes it on (--on-error) and
 * calls again.  Any other code ends the pipeline.  tx and rx may have state
 * each; they are never called at the same time.
 */

/* Fixed places in the pipeline, application to wire (DESIGN.md section 3). */
enum ipc_rank {
	IPC_RANK_CONVERT = 10,
	IPC_RANK_FILTER = 20,
	IPC_RANK_COMPRESS = 30,
	IPC_RANK_SIGN = 40,
	IPC_RANK_SEAL = 45,
	IPC_RANK_LINK = 50,
	IPC_RANK_FRAME = 70,
};

struct ipc_stage_ops {
	const char *name;
	const char *summary;	/* one line for `ipcat help stages` */
	const char *syntax;	/* "convert:A>B[,strict]" for help */
	const struct ipc_opt *opts; /* key=value; NULL: none */
	size_t	cfg_size;	/* zeroed, then ipc_opt_defaults() */
	/* Plan time, once: the text after NAME: up to the first comma (NULL
	 * when there is none) goes to *cfg.  NULL: the stage takes no ARG. */
	int (*arg)(void *cfg, const char *arg, struct ipc_error *err);
	/* Plan time, after all keys: check them against each other, open what
	 * all pipelines share.  NULL: nothing. */
	int (*check)(void *cfg, struct ipc_error *err);
	/* The framing that its wire side needs when no `frame:` is given:
	 * "cbor", "msgpack"; NULL, or returning NULL: that of -f will do. */
	const char *(*framing)(const void *cfg);
	void (*free_cfg)(void *cfg);	/* what arg and check made; or NULL */
	size_t	state_size;	/* zeroed bytes per pipeline */
	uint8_t	rank;		/* enum ipc_rank */
	uint8_t	app_unit;	/* enum ipc_unit on the application side */
	uint8_t	wire_unit;	/* enum ipc_unit on the wire side */
	uint8_t	overhead;	/* bytes of msg.hdr[] used by tx */
	bool	core;		/* only a name: core does the work (frame,
				 * exec); all functions but arg and check are
				 * NULL */

	int (*create)(struct ipc_stage *st, struct ipc_error *err);
	int (*tx)(struct ipc_stage *st, struct ipc_io *io,
	    struct ipc_error *err);
	int (*rx)(struct ipc_stage *st, struct ipc_io *io,
	    struct ipc_error *err);
	/* Input paused (IDLE) or ended (EOF): emit what is held back.  May be
	 * called again until it adds nothing. */
	int (*flush)(struct ipc_stage *st, enum ipc_flush why,
	    struct ipc_io *io, struct ipc_error *err);
	int (*link)(struct ipc_stage *st, enum ipc_link ev,
	    struct ipc_io *io, struct ipc_error *err);
	/* Absolute CLOCK_MONOTONIC deadline, IPC_NEVER for none. */
	uint64_t (*deadline)(const struct ipc_stage *st);
	int (*expired)(struct ipc_stage *st, struct ipc_io *io,
	    struct ipc_error *err);
	/* May bytes skip this stage?  LATER: ask again after the handshake. */
	enum ipc_bypass (*bypass)(const struct ipc_stage *st);
	/* Must accept a half-created stage. */
	void (*destroy)(struct ipc_stage *st);
};

struct ipc_stage {
	const struct ipc_stage_ops *ops;
	const void *cfg;	/* shared, read-only, owned by the plan */
	void	*state;		/* owned: ops->state_size bytes */
	struct ipc_pool *pool;	/* borrowed from the worker: 256 KiB chunks */
	uint32_t max;		/* --max-message: no message it makes may be
				 * longer */
};

/* All stages, NULL-terminated, in the order of list.h. */
extern const struct ipc_stage_ops *const ipc_stages[];
const struct ipc_stage_ops *ipc_stage_find(const char *name);

#endif
