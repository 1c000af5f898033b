/*
 * What the verbs share: parse the line, compile the plan, explain or run it,
 * print the one error, return the exit code.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "base/units.h"
#include "cmd.h"
#include "options.h"
#include "core/plan.h"
#include "core/probe.h"
#include "core/run.h"

int
ipc_parse_retry(void *field, const char *value, struct ipc_error *err)
{
	uint64_t *n = field, v = UINT64_MAX;

	if (strcmp(value, "forever") != 0 &&
	    ipc_parse_u64(value, &v, err) < 0)
		return IPC_E_USAGE;
	*n = v;
	return 0;
}

int
ipc_parse_backoff(void *field, const char *value, struct ipc_error *err)
{
	uint64_t *min = field, lo, hi;
	const char *dots = strstr(value, "..");
	char head[32];

	if (dots == NULL || (size_t)(dots - value) >= sizeof(head))
		return ipc_fail(err, IPC_E_USAGE, 0, "--backoff 100ms..30s",
		    "not of the form MIN..MAX: \"%s\"", value);
	memcpy(head, value, (size_t)(dots - value));
	head[dots - value] = '\0';
	if (ipc_parse_duration(head, &lo, err) < 0 ||
	    ipc_parse_duration(dots + 2, &hi, err) < 0)
		return IPC_E_USAGE;
	if (lo > hi || lo == 0)
		return ipc_fail(err, IPC_E_USAGE, 0, "--backoff 100ms..30s",
		    "MIN must be above 0 and not above MAX");
	/* MIN and MAX stand side by side in the settings. */
	min[0] = lo;
	min[1] = hi;
	return 0;
}

int
ipc_parse_replies(void *field, const char *value, struct ipc_error *err)
{
	uint64_t *n = field, v = IPC_REPLIES_END;

	if (strcmp(value, "end") != 0) {
		if (ipc_parse_u64(value, &v, err) < 0)
			return IPC_E_USAGE;
		if (v < 1 || v > 1000000000)
			return ipc_fail(err, IPC_E_USAGE, 0,
			    "--replies 1, --replies end",
			    "replies must be 1 to 1000000000 or end");
	}
	*n = v;
	return 0;
}

_Static_assert(offsetof(struct ipc_settings, backoff_max_ns) ==
    offsetof(struct ipc_settings, backoff_min_ns) + sizeof(uint64_t),
    "backoff fields are adjacent");

int
ipc_parse_workers(void *field, const char *value, struct ipc_error *err)
{
	uint64_t *n = field, v = 0;

	if (strcmp(value, "auto") != 0) {
		if (ipc_parse_u64(value, &v, err) < 0)
			return IPC_E_USAGE;
		if (v < 1 || v > 256)
			return ipc_fail(err, IPC_E_USAGE, 0, NULL,
			    "workers must be 1 to 256 or auto");
	}
	*n = v;
	return 0;
}

/* Hints are there to be typed: a backslash is one. */
static void
single_backslashes(char *s)
{
	char *d = s;

	for (; *s != '\0'; s++) {
		if (s[0] == '\\' && s[1] == '\\')
			s++;
		*d++ = *s;
	}
	*d = '\0';
}

int
ipc_cmd_error(const char *verb, const struct ipc_error *err)
{
	char what[512], where[512], hint[512];

	if (ipc_log_level() == IPC_LOG_NONE)
		return ipc_exit_code(err);
	/* A signal is news to nobody who sent it. */
	if (err->code == IPC_E_SIGNAL && ipc_log_level() < IPC_LOG_INFO)
		return ipc_exit_code(err);
	if (ipc_log_is_json()) {
		ipc_log_error(IPC_LOG_ERROR, err);
		return ipc_exit_code(err);
	}
	ipc_escape(what, sizeof(what), err->what, strlen(err->what));
	ipc_escape(where, sizeof(where), err->where, strlen(err->where));
	ipc_escape(hint, sizeof(hint), err->hint, strlen(err->hint));
	single_backslashes(hint);
	fprintf(stderr, "ipcat%s%s: %s%s%s%s\n", verb[0] != '\0' ? " " : "",
	    verb, what,
	    where[0] != '\0' ? " (" : "", where, where[0] != '\0' ? ")" : "");
	if (hint[0] != '\0')
		fprintf(stderr, "  fix: %s\n", hint);
	return ipc_exit_code(err);
}

int
ipc_cmd_flush(const char *verb)
{
	struct ipc_error err = { 0 };

	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return 0;
	ipc_fail(&err, IPC_E_NET, errno, NULL,
	    "cannot write to standard output");
	return ipc_cmd_error(verb, &err);
}

static void
report(const char *text)
{
	(void)!write(STDERR_FILENO, text, strlen(text));
}

static int
execute(const struct ipc_cmd *cmd, const struct ipc_plan *plan,
    struct ipc_error *err)
{
	const struct ipc_settings *set = plan->set;
	struct ipc_text out = { 0 };
	int r = 0;

	if (set->explain)
		ipc_plan_explain(plan, &out);
	else if (set->probe)
		r = ipc_probe(plan, &out, err);
	else
		r = ipc_run_plan(plan, report, err);
	if (out.len > 0)
		fwrite(out.s, 1, out.len, stdout);
	ipc_text_free(&out);
	return r < 0 ? ipc_cmd_error(cmd->name, err) :
	    ipc_cmd_flush(cmd->name);
}

static int
conflicts(const struct ipc_settings *set, struct ipc_error *err)
{
	int handlers = (set->exec.n > 0) + (set->shell != NULL) + set->echo;

	if (handlers > 1)
		return ipc_fail(err, IPC_E_USAGE, 0, "give one of them",
		    "-e, -c and --echo exclude each other");
	/* Now, while no descriptor of our own can stand at that number. */
	if (set->ready_fd != UINT64_MAX &&
	    fcntl((int)set->ready_fd, F_SETFD, FD_CLOEXEC) < 0)
		return ipc_fail(err, IPC_E_USAGE, errno, "open it in the "
		    "shell: ipcat ... --ready-fd 9 9>ready",
		    "descriptor %" PRIu64 " of --ready-fd is not open",
		    set->ready_fd);
	if (set->v4 && set->v6)
		return ipc_fail(err, IPC_E_USAGE, 0, "leave out both for any",
		    "-4 and -6 exclude each other");
	if (set->quiet && set->verbose > 0)
		return ipc_fail(err, IPC_E_USAGE, 0, "give one of them",
		    "-q and -v exclude each other");
	if (set->speed != NULL && set->replay == NULL)
		return ipc_fail(err, IPC_E_USAGE, 0, "add --replay FILE",
		    "--speed needs --replay");
	if (set->speed != NULL && strcmp(set->speed, "max") != 0 &&
	    set->speed[strspn(set->speed, "0123456789.")] != '\0')
		return ipc_fail(err, IPC_E_USAGE, 0, "--speed 2, --speed max",
		    "--speed takes a number or max, not \"%s\"", set->speed);
	return 0;
}

int
ipc_cmd_main(const struct ipc_cmd *cmd, enum ipc_verb verb, int argc,
    char **argv)
{
	struct ipc_settings set = { .ready_fd = UINT64_MAX, .workers = 1 };
	struct ipc_strings operands = { 0 };
	struct ipc_error err = { 0 };
	struct ipc_plan plan = { 0 };
	int code = 0, r;

	signal(SIGPIPE, SIG_IGN);
	ipc_log_setup(cmd->name, IPC_LOG_WARN, false);
	r = ipc_opt_defaults(cmd->opts, &set, &err);
	if (r == 0)
		r = ipc_opt_parse(cmd->opts, &set, argc, argv, &operands,
		    NULL, &err);
	ipc_log_setup(cmd->name, set.quiet && set.verbose == 0 ? IPC_LOG_NONE :
	    set.verbose == 0 ? IPC_LOG_WARN :
	    set.verbose == 1 ? IPC_LOG_INFO : IPC_LOG_DEBUG,
	    set.log_json == 1);
	if (r == 0 && (set.help || set.version)) {
		if (set.help)
			ipc_cmd_help(cmd);
		else
			ipc_cmd_version();
		code = ipc_cmd_flush(cmd->name);
	} else {
		if (r == 0)
			r = conflicts(&set, &err);
		if (r == 0)
			r = ipc_plan_compile(&plan, verb, &set, &operands,
			    &err);
		code = r < 0 ? ipc_cmd_error(cmd->name, &err) :
		    execute(cmd, &plan, &err);
		ipc_plan_free(&plan);
	}
	ipc_strings_free(&operands);
	ipc_opt_free(cmd->opts, &set);
	return code;
}
