/*
 * Taps see the bytes of every pipeline without changing them: -x writes a hex
 * dump to stderr, -o records direction, time and bytes to a file.  A tap
 * keeps the plan off the splice path.
 */
#ifndef IPC_CORE_TAP_H
#define IPC_CORE_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct ipc_dir;
struct ipc_error;
struct ipc_pipeline;

struct ipc_taps {
	bool	hexdump;
	FILE	*record;	/* owned; NULL: none */
	const char *record_path; /* borrowed */
	uint64_t start_ns;
	int	failed;		/* errno of the first failed record */
	uint64_t off[2];	/* hex dump offsets */
};

/* Open the record file (created, truncated, 0600). */
int ipc_taps_open(struct ipc_taps *t, bool hexdump, const char *record,
    struct ipc_error *err);
/* Flush and close; a record that could not be written is IPC_E_NET. */
int ipc_taps_close(struct ipc_taps *t, struct ipc_error *err);

/* Bytes were read in direction d.  Serialised between workers inside. */
void ipc_tap_bytes(struct ipc_pipeline *pl, const struct ipc_dir *d,
    const uint8_t *data, size_t len);

#endif
