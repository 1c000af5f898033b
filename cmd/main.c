/*
 * ipcat: finds the verb, by its own name (ipcat-send) or by its first word,
 * and runs it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "cmd.h"

#define X(name) extern const struct ipc_cmd ipc_cmd_##name;
#include "verbs.h"
#undef X

const struct ipc_cmd *const ipc_cmds[] = {
#define X(name) &ipc_cmd_##name,
#include "verbs.h"
#undef X
	NULL,
};

const struct ipc_cmd *
ipc_cmd_find(const char *name)
{
	for (size_t i = 0; ipc_cmds[i] != NULL; i++)
		if (strcmp(ipc_cmds[i]->name, name) == 0)
			return ipc_cmds[i];
	return NULL;
}

static int
unknown_verb(const char *word)
{
	const char *names[16];
	const char *near;
	struct ipc_error err = { 0 };
	size_t n = 0;

	for (; ipc_cmds[n] != NULL && n < 15; n++)
		names[n] = ipc_cmds[n]->name;
	names[n] = NULL;
	near = ipc_nearest(word, names);
	ipc_fail(&err, IPC_E_USAGE, 0, "ipcat help lists the verbs",
	    "unknown verb \"%s\"", word);
	if (near != NULL)
		ipc_error_hint(&err, "did you mean: ipcat %s", near);
	return ipc_cmd_error("", &err);
}

/*
 * A descriptor 0, 1 or 2 that is closed would be given to the first socket,
 * and then a message for people would go to a peer.  Plug it with something
 * that fails in the direction it would be used.
 */
static void
plug_stdio(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)!open("/dev/null", fd == 0 ? O_WRONLY :
			    O_RDONLY);
}

int
main(int argc, char **argv)
{
	const char *self = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const struct ipc_cmd *cmd = NULL;

	plug_stdio();
	ipc_log_setup("", IPC_LOG_WARN, false);
	self = self != NULL ? self + 1 : argc > 0 ? argv[0] : "ipcat";
	if (strncmp(self, "ipcat-", 6) == 0)
		cmd = ipc_cmd_find(self + 6);
	if (cmd != NULL)
		return cmd->run(cmd, argc, argv);
	if (argc < 2) {
		ipc_cmd_help(NULL);
		return 2;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		ipc_cmd_version();
		return ipc_cmd_flush("");
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		ipc_cmd_help(NULL);
		return ipc_cmd_flush("");
	}
	cmd = ipc_cmd_find(argv[1]);
	return cmd == NULL ? unknown_verb(argv[1]) :
	    cmd->run(cmd, argc - 1, argv + 1);
}
