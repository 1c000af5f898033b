/*
 * Owner and mode of a file system node that a transport creates (FIFO, pty),
 * and of a child process.  No scheme of its own.
 */
#ifndef IPC_TRANSPORT_OWNER_H
#define IPC_TRANSPORT_OWNER_H

#include <stdbool.h>
#include <sys/types.h>

struct ipc_error;

struct ipc_owner {
	bool	has_uid;	/* a user was named */
	bool	has_gid;	/* a group was named */
	uid_t	uid;
	gid_t	gid;
	gid_t	login_gid;	/* primary group of the user, or its number
				 * when the user has no passwd entry */
};

/*
 * Parsers for IPC_OPT_CUSTOM rows; `field` is a struct ipc_owner, both rows
 * share one.  A name or a number.  They may ask the name service: plan time
 * only.
 */
int ipc_owner_parse_user(void *field, const char *value,
    struct ipc_error *err);
int ipc_owner_parse_group(void *field, const char *value,
    struct ipc_error *err);

/*
 * Give the node behind fd (O_PATH will do) its owner, then its mode, without
 * following a path a second time.  0, or -1 with errno.
 */
int ipc_owner_apply(int fd, const struct ipc_owner *o, mode_t mode);

#endif
