/*
 * A pty master: what the pty transport and children on a pty share.  No
 * scheme of its own.
 */
#ifndef IPC_TRANSPORT_PTYIO_H
#define IPC_TRANSPORT_PTYIO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct ipc_ptyio {
	char	name[64];	/* of the slave: /dev/pts/3 */
	bool	midline;	/* the last byte written was not a newline */
	uint8_t	eof;		/* VEOF characters still to be written */
};

/*
 * A new master, non-blocking and close-on-exec, its slave unlocked but never
 * opened.  raw: no line editing, no echo, no translation.  rows and cols are
 * set when not 0.  The descriptor, or -1 with errno.
 */
int ipc_ptyio_open(struct ipc_ptyio *p, bool raw, uint16_t rows,
    uint16_t cols);

/* As readv(2), but the last close of the slave is the end of input (0). */
ssize_t ipc_ptyio_readv(struct ipc_ptyio *p, int fd, const struct iovec *iov,
    int n);

/* As writev(2), but EPIPE when the slave was open and is no more: the kernel
 * would take the bytes and forget them. */
ssize_t ipc_ptyio_writev(struct ipc_ptyio *p, int fd,
    const struct iovec *iov, int n);

/*
 * End of input for the slave: the VEOF character while the line is in
 * canonical mode (twice behind an unfinished line), nothing in raw mode.
 * What does not fit now is written by later calls of ipc_ptyio_flush().
 */
void ipc_ptyio_eof(struct ipc_ptyio *p, int fd);
/* How many VEOF characters are still to be written. */
uint8_t ipc_ptyio_flush(struct ipc_ptyio *p, int fd);

/* Bytes the slave has not read; -1 with errno EPIPE when nobody will. */
ssize_t ipc_ptyio_unread(int fd);

#endif
