/*
 * Error values: filling, adding context, exit codes.
 *
 * One table maps errno to a default hint.  All text is cut to fit; the errno
 * text at the end of `what` survives the cut, because it says most.  Prints
 * nothing and escapes nothing.
 */
#include "base/error.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct hint_row {
	int	 sys;
	const char *text;
};

static const struct hint_row hints[] = {
	{ ECONNREFUSED, "start the listener first: ipcat listen ENDPOINT "
	    "(or wait for it with -r)" },
	{ EADDRINUSE, "another process has this address (ss -lnp shows "
	    "which); choose another, or port 0 for a free one" },
	{ EADDRNOTAVAIL, "use an address of this machine: ip address" },
	{ EACCES, "check owner and mode of the path; a port below 1024 needs "
	    "root or CAP_NET_BIND_SERVICE" },
	{ EPERM, "this needs root or a capability; check also the firewall "
	    "and the owner of the path" },
	{ ENOENT, "check the path: ls -l; or start the side that makes it "
	    "first: ipcat listen ENDPOINT" },
	{ ENOTDIR, "a part of the path is not a directory: check it with "
	    "ls -ld" },
	{ EISDIR, "this is a directory: name a file in it" },
	{ EEXIST, "it exists already: remove it or choose another name" },
	{ ENAMETOOLONG, "use a shorter path, or cd and use a relative one" },
	{ ELOOP, "the path has a loop of symbolic links: namei -l PATH" },
	{ EROFS, "the file system is mounted read-only: choose another path" },
	{ ENOSPC, "free some space: df -h" },
	{ EDQUOT, "your disk quota is used up: quota -s" },
	{ EMFILE, "raise the limit (ulimit -n 65536) or lower --max-conn" },
	{ ENFILE, "the system is out of descriptors: sysctl fs.file-max" },
	{ ENOMEM, "free some memory, or lower the limits of this command" },
	{ ENOBUFS, "the kernel is out of buffers: lower --max-conn" },
	{ ENETUNREACH, "no route to this network: ip route get ADDRESS, "
	    "or try -4 or -6" },
	{ EHOSTUNREACH, "no route to this host: ip route get ADDRESS, "
	    "or try -4 or -6" },
	{ EHOSTDOWN, "the host does not answer: check that it is up" },
	{ ENETDOWN, "the network interface is down: ip link" },
	{ ETIMEDOUT, "check the address and the firewalls on the way, or "
	    "wait longer: -w 30s" },
	{ ECONNRESET, "the peer dropped the connection: look into its log; "
	    "-r connects again" },
	{ ECONNABORTED, "the peer dropped the connection: look into its log; "
	    "-r connects again" },
	{ EPIPE, "the reader went away first: look why it ended" },
	{ ENXIO, "nobody has the other end open: start the reader first" },
	{ ENODEV, "there is no such device: check the name with ls -l" },
	{ EPROTOTYPE, "the socket is of another type: try unix:, unixgram: "
	    "or unixpacket:" },
	{ EAFNOSUPPORT, "this machine lacks the address family: try -4 "
	    "or -6" },
	{ ENOTSOCK, "this descriptor or path is not a socket: check it with "
	    "ls -l" },
	{ ENOEXEC, "not a program: a script needs a first line #!/bin/sh" },
	{ E2BIG, "the command line is too long: pass the data on stdin" },
	{ ENOTTY, "this is not a terminal or serial line: check the path" },
	{ EMSGSIZE, "the message is too large for this transport: send "
	    "smaller ones or use a stream" },
};

static const char *
default_hint(int sys)
{
	size_t i;

	for (i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (hints[i].sys == sys)
			return hints[i].text;
	return "";
}

/* A cut must not leave half of a UTF-8 character behind. */
static size_t
whole_utf8(const char *s, size_t len)
{
	size_t i = len;

	while (i > 0 && len - i < 3 && ((unsigned char)s[i - 1] & 0xC0) == 0x80)
		i--;
	if (i == 0 || ((unsigned char)s[i - 1] & 0xC0) != 0xC0)
		return len;
	/* s[i-1] is a lead byte; was its whole sequence kept? */
	if ((unsigned char)s[i - 1] < 0xE0)
		return len - i >= 1 ? len : i - 1;
	if ((unsigned char)s[i - 1] < 0xF0)
		return len - i >= 2 ? len : i - 1;
	return len - i >= 3 ? len : i - 1;
}

/* Format, and mark a cut with "...".  size is at least 8. */
__attribute__((format(printf, 3, 0))) static size_t
format_cut(char *dst, size_t size, const char *fmt, va_list ap)
{
	int n = vsnprintf(dst, size, fmt, ap);
	size_t len;

	if (n < 0) {
		dst[0] = '\0';
		return 0;
	}
	if ((size_t)n < size)
		return (size_t)n;
	len = whole_utf8(dst, size - 4);
	memcpy(dst + len, "...", 4);
	return len + 3;
}

static void
copy_cut(char *dst, size_t size, const char *src)
{
	size_t len = strlen(src);

	if (len < size) {
		memcpy(dst, src, len + 1);
		return;
	}
	len = whole_utf8(src, size - 4);
	memcpy(dst, src, len);
	memcpy(dst + len, "...", 4);
}

/* ": connection refused"; strerror starts with a capital. */
static size_t
errno_text(char *dst, size_t size, int sys)
{
	const char *s = strerror(sys);
	int n;

	if (isupper((unsigned char)s[0]) && islower((unsigned char)s[1]))
		n = snprintf(dst, size, ": %c%s",
		    tolower((unsigned char)s[0]), s + 1);
	else
		n = snprintf(dst, size, ": %s", s);
	if (n < 0)
		return 0;
	return (size_t)n < size ? (size_t)n : size - 1;
}

int
ipc_fail(struct ipc_error *err, enum ipc_code code, int sys, const char *hint,
    const char *fmt, ...)
{
	char what[sizeof(err->what)], tail[80] = "";
	size_t taillen = 0, len;
	va_list ap;

	if (err == NULL)
		return code;
	if (sys != 0 && code != IPC_E_SIGNAL)
		taillen = errno_text(tail, sizeof(tail), sys);
	va_start(ap, fmt);
	len = format_cut(what, sizeof(what) - taillen, fmt, ap);
	va_end(ap);
	memcpy(what + len, tail, taillen + 1);

	/* The arguments may have pointed into *err: only now overwrite it. */
	if (hint == NULL)
		hint = code == IPC_E_SIGNAL ? "" : default_hint(sys);
	if (hint != err->hint)
		copy_cut(err->hint, sizeof(err->hint), hint);
	memcpy(err->what, what, len + taillen + 1);
	err->where[0] = '\0';
	err->code = code;
	err->sys = sys;
	return code;
}

void
ipc_error_where(struct ipc_error *err, const char *fmt, ...)
{
	char text[sizeof(err->where)], old[sizeof(err->where)];
	size_t len;
	va_list ap;

	if (err == NULL)
		return;
	va_start(ap, fmt);
	len = format_cut(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (err->where[0] == '\0') {
		memcpy(err->where, text, len + 1);
		return;
	}
	copy_cut(old, sizeof(old), err->where);
	memcpy(err->where, text, len + 1);
	if (len + 2 + 8 > sizeof(err->where))
		return;
	memcpy(err->where + len, ": ", 2);
	copy_cut(err->where + len + 2, sizeof(err->where) - len - 2, old);
}

void
ipc_error_hint(struct ipc_error *err, const char *fmt, ...)
{
	char text[sizeof(err->hint)];
	size_t len;
	va_list ap;

	if (err == NULL)
		return;
	va_start(ap, fmt);
	len = format_cut(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(err->hint, text, len + 1);
}

int
ipc_exit_code(const struct ipc_error *err)
{
	if (err == NULL)
		return 0;
	switch (err->code) {
	case IPC_OK:
		return 0;
	case IPC_E_NET:
		return 1;
	case IPC_E_USAGE:
		return 2;
	case IPC_E_DATA:
		return 3;
	case IPC_E_AUTH:
		return 4;
	case IPC_E_REMOTE:
		return 5;
	case IPC_E_STORE:
		return 6;
	case IPC_E_DEADLINE:
		return 124;
	case IPC_E_SIGNAL:
		return 128 + err->sys;
	}
	return 1;
}
