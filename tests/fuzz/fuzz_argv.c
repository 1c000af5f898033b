/*
 * Fuzz: whole command lines.
 *
 * The input is split at NUL into words; the first chooses the verb.  They go
 * through the verb's option table, the checks of cmd/, the plan and its
 * explanation, with nothing opened and only numeric addresses resolved.
 *
 * cmd/ is not in the library: its common part is compiled in here, and the
 * verbs are linked.
 */
#include "../../cmd/common.c"

#include <stdint.h>
#include <stdlib.h>

#define WORDS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define X(verb) extern const struct ipc_cmd ipc_cmd_##verb;
#include "../../cmd/verbs.h"
#undef X

static const struct ipc_cmd *const verbs[] = {
	[IPC_VERB_SEND] = &ipc_cmd_send,
	[IPC_VERB_LISTEN] = &ipc_cmd_listen,
	[IPC_VERB_RELAY] = &ipc_cmd_relay,
};

void
ipc_cmd_help(const struct ipc_cmd *cmd)
{
	(void)cmd;
}

void
ipc_cmd_version(void)
{
}

static void
must(bool cond)
{
	if (!cond)
		abort();
}

static void
check_error(int rc, const struct ipc_error *err)
{
	char safe[2048];

	must(rc == IPC_E_USAGE || rc == IPC_E_NET);
	must(err->code == (enum ipc_code)rc && err->what[0] != '\0');
	must(ipc_exit_code(err) == (rc == IPC_E_USAGE ? 2 : 1));
	ipc_escape(safe, sizeof(safe), err->what, strlen(err->what));
	for (const char *p = safe; *p != '\0'; p++)
		must((unsigned char)*p >= 0x20 && *p != 0x7F);
}

static void
check_plan(const struct ipc_plan *plan)
{
	struct ipc_text out = { 0 };

	must(plan->nfrom >= 1 && plan->nfrom <= IPC_PLAN_ENDS);
	must(plan->nto <= IPC_PLAN_ENDS && (plan->nto >= 1 || plan->loops));
	must(plan->max_conn >= 1 && plan->workers >= 1);
	must(plan->workers <= plan->max_conn);
	must(!plan->once || plan->max_conn == 1);
	must(plan->path == IPC_PATH_SPLICE || plan->why[0] != '\0');
	ipc_plan_explain(plan, &out);
	must(!out.failed && out.len > 0 && out.s[out.len - 1] == '\n');
	ipc_text_free(&out);
}

static void
run_line(enum ipc_verb verb, int argc, char **argv)
{
	const struct ipc_opt *opts = verbs[verb]->opts;
	struct ipc_settings set = { .ready_fd = UINT64_MAX, .workers = 1 };
	struct ipc_strings operands = { 0 };
	struct ipc_error err = { 0 };
	struct ipc_plan plan = { 0 };
	int rc;

	must(ipc_opt_defaults(opts, &set, &err) == 0);
	rc = ipc_opt_parse(opts, &set, argc, argv, &operands, NULL, &err);
	if (rc == 0)
		rc = conflicts(&set, &err);
	if (rc == 0)
		rc = ipc_plan_compile(&plan, verb, &set, &operands, &err);
	if (rc == 0)
		check_plan(&plan);
	else
		check_error(rc, &err);
	ipc_plan_free(&plan);
	ipc_strings_free(&operands);
	ipc_opt_free(opts, &set);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum ipc_verb verb = IPC_VERB_SEND;
	char *argv[WORDS + 1];
	int argc = 0;

	while (size > 0 && argc < WORDS) {
		size_t len = strnlen((const char *)data, size);

		argv[argc] = strndup((const char *)data, len);
		must(argv[argc++] != NULL);
		len += len < size;	/* its NUL */
		data += len;
		size -= len;
	}
	argv[argc] = NULL;
	if (argc > 0 && argv[0][0] == 'l')
		verb = IPC_VERB_LISTEN;
	else if (argc > 0 && argv[0][0] == 'r')
		verb = IPC_VERB_RELAY;
	if (argc > 0)
		run_line(verb, argc, argv);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return 0;
}
