/*
 * -p: the text of a pipeline, compiled to stages with their configuration.
 *
 *	-p 'convert:json>cbor, strict | frame:len32'  -p zstd
 *
 *	text	stage { '|' stage }
 *	stage	NAME [ ':' ARG ] { ',' KEY [ '=' VALUE ] }
 *	exec	'exec' { ',' KEY [ '=' VALUE ] } ':' the rest of the text
 *
 * White space around stages, keys and values is ignored.  A backslash before
 * `|` or `,` takes that character literally; any other backslash stays, with
 * the character after it, for the stage to read.  The command of exec is
 * taken as it stands, so exec is the last stage of its text.
 *
 * Stages are in the order application to wire.  Opens nothing.
 */
#ifndef IPC_STAGE_PIPE_H
#define IPC_STAGE_PIPE_H

#include <stdint.h>

#include "stage/stage.h"

struct ipc_text;

#define IPC_PIPE_MAX 16		/* stages in one pipeline */

struct ipc_pipe_stage {
	const struct ipc_stage_ops *ops;
	void	*cfg;		/* owned: ops->cfg_size bytes */
	char	*text;		/* owned: the stage as it was written */
	char	*words;		/* owned: what cfg borrows from */
};

struct ipc_pipe_spec {
	struct ipc_pipe_stage stage[IPC_PIPE_MAX];
	uint32_t n;
};

/*
 * All of texts, joined.  IPC_E_USAGE: unknown stage or key, bad value, a
 * second `frame`, an order that cannot work (the hint is the whole pipeline
 * in the right order).  On failure *spec is empty.  Copies what it needs.
 */
int ipc_pipe_parse(struct ipc_pipe_spec *spec, const struct ipc_strings *texts,
    struct ipc_error *err);
/* Accepts a zeroed or half made one; leaves it empty. */
void ipc_pipe_spec_free(struct ipc_pipe_spec *spec);

/* Appends "convert:json>cbor | frame:len32", as it was written. */
void ipc_pipe_text(const struct ipc_pipe_spec *spec, struct ipc_text *out);

#endif
