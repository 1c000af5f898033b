/* Errors: filling, cutting, hints, exit codes. */
#include "base/error.h"

#include <errno.h>
#include <signal.h>

#include "check.h"

static void
filling(void)
{
	struct ipc_error err;

	memset(&err, 'x', sizeof(err));
	ok(ipc_fail(&err, IPC_E_NET, ECONNREFUSED, NULL, "cannot connect") ==
	    IPC_E_NET, "the code is returned");
	is_str(err.what, "cannot connect: connection refused", "what");
	is_str(err.where, "", "where is empty");
	ok(strstr(err.hint, "ipcat listen") != NULL, "refused has a hint");
	ok(err.code == IPC_E_NET && err.sys == ECONNREFUSED, "code and errno");

	ipc_fail(&err, IPC_E_USAGE, 0, NULL, "bad %s %d", "thing", 7);
	is_str(err.what, "bad thing 7", "no errno, no colon");
	is_str(err.hint, "", "no errno, no default hint");

	ipc_fail(&err, IPC_E_USAGE, ENOENT, "do this", "cannot read");
	is_str(err.hint, "do this", "a given hint wins");
	ipc_fail(&err, IPC_E_NET, EIO, "", "cannot read");
	is_str(err.what, "cannot read: input/output error", "EIO");
	ipc_fail(&err, IPC_E_SIGNAL, SIGTERM, NULL, "ended");
	is_str(err.what, "ended", "a signal is no errno");
	is_str(err.hint, "", "a signal has no hint");

	ok(ipc_fail(NULL, IPC_E_DATA, EIO, NULL, "x") == IPC_E_DATA,
	    "a NULL err is accepted");
	ipc_error_where(NULL, "x");
	ipc_error_hint(NULL, "x");
}

static void
context(void)
{
	struct ipc_error err;
	int i;

	ipc_fail(&err, IPC_E_NET, 0, NULL, "what");
	ipc_error_where(&err, "tcp://%s", "h:1");
	is_str(err.where, "tcp://h:1", "first where");
	ipc_error_where(&err, "relay");
	is_str(err.where, "relay: tcp://h:1", "second where is put before");
	for (i = 0; i < 100; i++)
		ipc_error_where(&err, "level %d", i);
	ok(strlen(err.where) < sizeof(err.where), "where stays in bounds");
	ok(strncmp(err.where, "level 99: level 98: ", 20) == 0,
	    "the newest context is kept");
	ok(strcmp(err.where + strlen(err.where) - 3, "...") == 0,
	    "a cut is marked");
	ipc_error_hint(&err, "try %d", 5);
	is_str(err.hint, "try 5", "the hint is replaced");
	is_str(err.what, "what", "what is never touched");

	/* Its own text as an argument. */
	ipc_fail(&err, IPC_E_NET, 0, err.hint, "again: %s", err.what);
	is_str(err.what, "again: what", "what may be an argument");
	is_str(err.hint, "try 5", "hint may be an argument");
}

static void
cutting(void)
{
	struct ipc_error err;
	char big[1000];
	size_t n, i;

	memset(big, 'a', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	ipc_fail(&err, IPC_E_NET, ENOENT, big, "cannot open %s", big);
	n = strlen(err.what);
	ok(n == sizeof(err.what) - 1, "what is full");
	is_str(err.what + n - 30, "...: no such file or directory",
	    "the errno text survives the cut");
	is_u64(strlen(err.hint), sizeof(err.hint) - 1, "hint is full");
	ipc_error_where(&err, "%s", big);
	is_u64(strlen(err.where), sizeof(err.where) - 1, "where is full");
	ipc_error_where(&err, "%s", big);
	is_u64(strlen(err.where), sizeof(err.where) - 1, "and stays so");
	ipc_error_hint(&err, "%s", big);
	is_u64(strlen(err.hint), sizeof(err.hint) - 1, "hint again");

	/* No half character before the dots, at any offset. */
	for (i = 0; i < 4; i++) {
		size_t o;

		memset(big, 'a', i);
		for (o = i; o + 4 < 900; o += 4)
			memcpy(big + o, "\xF0\x9F\x90\x88", 4);
		big[o] = '\0';
		ipc_fail(&err, IPC_E_NET, 0, NULL, "%s", big);
		n = strlen(err.what);
		ok(n > 190 && (n - 3 - i) % 4 == 0, "whole characters, +%zu",
		    i);
	}
}

static void
exit_codes(void)
{
	static const struct {
		enum ipc_code code;
		int	 sys, want;
	} rows[] = {
		{ IPC_OK, 0, 0 }, { IPC_E_NET, 0, 1 }, { IPC_E_USAGE, 0, 2 },
		{ IPC_E_DATA, 0, 3 }, { IPC_E_AUTH, 0, 4 },
		{ IPC_E_REMOTE, 0, 5 }, { IPC_E_STORE, 0, 6 },
		{ IPC_E_DEADLINE, 0, 124 }, { IPC_E_SIGNAL, SIGTERM, 143 },
		{ IPC_E_SIGNAL, SIGINT, 130 },
	};
	struct ipc_error err;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&err, 0, sizeof(err));
		ipc_fail(&err, rows[i].code, rows[i].sys, NULL, "x");
		ok(ipc_exit_code(&err) == rows[i].want, "code %d exits %d",
		    (int)rows[i].code, rows[i].want);
	}
	ok(ipc_exit_code(NULL) == 0, "no error exits 0");
}

static void
default_hints(void)
{
	static const int with[] = { ECONNREFUSED, EADDRINUSE, EADDRNOTAVAIL,
	    EACCES, EPERM, ENOENT, EMFILE, ENFILE, ENETUNREACH, EHOSTUNREACH,
	    ETIMEDOUT, ENOSPC, ECONNRESET, EPIPE, ENAMETOOLONG, EROFS };
	struct ipc_error err;
	size_t i;
	int e;

	for (i = 0; i < sizeof(with) / sizeof(with[0]); i++) {
		ipc_fail(&err, IPC_E_NET, with[i], NULL, "x");
		ok(err.hint[0] != '\0', "%s has a hint", strerror(with[i]));
	}
	for (e = 1; e < 200; e++) {
		ipc_fail(&err, IPC_E_NET, e, NULL, "x");
		if (strstr(err.hint, "...") != NULL || err.what[0] != 'x')
			break;
	}
	ok(e == 200, "no default hint is cut");
}

int
main(void)
{
	filling();
	context();
	cutting();
	exit_codes();
	default_hints();
	return done();
}
