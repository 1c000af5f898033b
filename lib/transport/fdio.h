/*
 * What transports that are plain descriptors share.  No scheme of its own.
 */
#ifndef IPC_TRANSPORT_FDIO_H
#define IPC_TRANSPORT_FDIO_H

#include <stdbool.h>

struct ipc_conn;
struct ipc_error;

/*
 * Make an inherited descriptor safe for an event loop without changing it for
 * the processes we share it with: pipes, FIFOs and terminals are reopened
 * through /proc/self/fd as a private non-blocking description put back on the
 * same number; where that cannot be done (sockets, no permission) O_NONBLOCK
 * is set and *restore becomes true: undo with ipc_fd_restore().  Regular
 * files and /dev/null are left alone.  writing tells the access mode.
 * Returns 0 or -1 with errno (EBADF: not open, or not for that direction).
 */
int ipc_fd_adopt(int fd, bool writing, bool *restore);
void ipc_fd_restore(int fd);

/* What poll(2) says of fd right now: revents, 0 when there is nothing (or it
 * cannot be asked).  Never waits. */
short ipc_fd_ready(int fd, short events);

/* close(2) unless -1, and set to -1.  Keeps errno. */
void ipc_fd_close(int *fd);

/*
 * Give an adopted descriptor back: restore it if asked, then close it and
 * set it to -1.  Numbers 0, 1 and 2 become /dev/null instead, so that no
 * later open can take them.  Returns 0, or -1 with the errno of close(2):
 * a file system may tell there that earlier writes were lost.
 */
int ipc_fd_release(int *fd, bool restore);

/* The default `close` for conns of one or two plain descriptors. */
void ipc_conn_close_fds(struct ipc_conn *c);

/* Mark SOCKET and SPLICE facts of a conn from fstat(2): sets
 * IPC_CONN_SOCKET, IPC_CONN_NOSPLICE (tty, character device, O_APPEND). */
void ipc_conn_classify(struct ipc_conn *c);

#endif
