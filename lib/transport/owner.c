/*
 * Owner and mode of created nodes.
 *
 * The mode is set last and through /proc/self/fd: fchmod(2) refuses O_PATH,
 * and opening a FIFO for real would already wake its readers.
 */
#include "transport/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/units.h"

#define NAME_BUF 4096		/* for getpwnam_r and getgrnam_r */

/* All digits: an id.  -1 is "unchanged" to chown(2), so it is refused. */
static bool
owner_number(const char *s, uint32_t *id)
{
	uint64_t n;

	if (ipc_parse_u64(s, &n, NULL) != 0 || n >= UINT32_MAX)
		return false;
	*id = (uint32_t)n;
	return true;
}

int
ipc_owner_parse_user(void *field, const char *value, struct ipc_error *err)
{
	struct ipc_owner *o = field;
	struct passwd pw, *found = NULL;
	char buf[NAME_BUF];
	uint32_t id;

	if (owner_number(value, &id)) {
		(void)getpwuid_r(id, &pw, buf, sizeof(buf), &found);
		o->uid = id;
		o->login_gid = found == NULL ? id : found->pw_gid;
		o->has_uid = true;
		return 0;
	}
	(void)getpwnam_r(value, &pw, buf, sizeof(buf), &found);
	if (found == NULL)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "give a name that `getent passwd` lists, or a number",
		    "no such user: %s", value);
	o->uid = found->pw_uid;
	o->login_gid = found->pw_gid;
	o->has_uid = true;
	return 0;
}

int
ipc_owner_parse_group(void *field, const char *value, struct ipc_error *err)
{
	struct ipc_owner *o = field;
	struct group gr, *found = NULL;
	char buf[NAME_BUF];
	uint32_t id;

	if (!owner_number(value, &id)) {
		(void)getgrnam_r(value, &gr, buf, sizeof(buf), &found);
		if (found == NULL)
			return ipc_fail(err, IPC_E_USAGE, 0,
			    "give a name that `getent group` lists, "
			    "or a number", "no such group: %s", value);
		id = found->gr_gid;
	}
	o->gid = id;
	o->has_gid = true;
	return 0;
}

int
ipc_owner_apply(int fd, const struct ipc_owner *o, mode_t mode)
{
	uid_t uid = o->has_uid ? o->uid : (uid_t)-1;
	gid_t gid = o->has_gid ? o->gid : (gid_t)-1;
	char proc[32];
	struct stat st;

	if ((o->has_uid || o->has_gid) &&
	    fchownat(fd, "", uid, gid, AT_EMPTY_PATH) == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		return -1;
	if ((st.st_mode & 07777) == mode)
		return 0;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	return chmod(proc, mode);
}
