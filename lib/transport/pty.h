/*
 * pty: what core may ask about a pty conn beyond the transport table.
 */
#ifndef IPC_TRANSPORT_PTY_H
#define IPC_TRANSPORT_PTY_H

struct ipc_conn;

/* Name of the slave ("/dev/pts/3") of an open or waiting pty: conn, for
 * --ready-fd.  NULL for anything else.  Borrowed from the conn. */
const char *ipc_pty_name(const struct ipc_conn *c);

#endif
