/*
 * ipcat help: the verbs, one verb, transports, stages, exit codes; and the
 * tables as tab-separated lines (help --dump) for completions and tests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "cmd.h"
#include "stage/stage.h"
#include "transport/transport.h"
#include "wire/framing.h"

static void
put(const struct ipc_text *t)
{
	if (t->s != NULL)
		fwrite(t->s, 1, t->len, stdout);
}

static void
overview(void)
{
	puts("usage: ipcat VERB [options] ENDPOINT...\n");
	for (size_t i = 0; ipc_cmds[i] != NULL; i++)
		printf("  %-8s %s\n", ipc_cmds[i]->name,
		    ipc_cmds[i]->summary);
	puts("\n  ipcat help VERB | transports | stages | exit-codes\n"
	    "  ipcat --version\n\n"
	    "endpoints: tcp://host:port  unix:///path  -  @name  :9000  "
	    "exec:CMD  ./file");
}

void
ipc_cmd_help(const struct ipc_cmd *cmd)
{
	struct ipc_text t = { 0 };

	if (cmd == NULL) {
		overview();
		return;
	}
	printf("usage: ipcat %s %s\n%s.\n", cmd->name, cmd->usage,
	    cmd->summary);
	if (cmd->opts != NULL) {
		ipc_opt_help(cmd->opts, &t);
		put(&t);
		ipc_text_free(&t);
	}
	for (size_t i = 0; i < IPC_EXAMPLES && cmd->examples[i] != NULL; i++)
		printf("%s  %s\n", i == 0 ? "\nExamples:\n" : "",
		    cmd->examples[i]);
	printf("\nman ipcat-%s has the rest.\n", cmd->name);
}

/* What only an option makes (--out-dir, -C) has no name on the line. */
static bool
is_named(const struct ipc_transport *tr)
{
	return (tr->caps & IPC_CAP_HIDDEN) == 0;
}

/* A stage whose library was missing does nothing. */
static bool
is_built(const struct ipc_stage_ops *ops)
{
	return ops->core || ops->tx != NULL || ops->rx != NULL;
}

void
ipc_cmd_version(void)
{
	printf("ipcat %s\ntransports:", IPCAT_VERSION);
	for (size_t i = 0; ipc_transports[i] != NULL; i++)
		if (is_named(ipc_transports[i]))
			printf(" %s", ipc_transports[i]->scheme);
	printf("\nstages:");
	for (size_t i = 0; ipc_stages[i] != NULL; i++)
		if (ipc_stages[i]->syntax != NULL)
			printf(" %s%s", ipc_stages[i]->name,
			    is_built(ipc_stages[i]) ? "" : " (not built in)");
	putchar('\n');
}

/* One part of the line: what it is, how it is written, its keys. */
static void
part(const char *syntax, const char *summary, const struct ipc_opt *opts)
{
	struct ipc_text t = { 0 };

	printf("%s\n    %s\n", syntax, summary);
	if (opts != NULL && opts[0].type != IPC_OPT_END) {
		ipc_opt_help_keys(opts, &t);
		put(&t);
		ipc_text_free(&t);
	}
}

static void
transports(void)
{
	for (size_t i = 0; ipc_transports[i] != NULL; i++)
		if (is_named(ipc_transports[i]))
			part(ipc_transports[i]->syntax,
			    ipc_transports[i]->summary,
			    ipc_transports[i]->opts);
	puts("every endpoint also takes ?bind or ?dial; "
	    "see ipcat-endpoints(7)");
}

static void
stages(void)
{
	puts("-p 'STAGE[:ARG][,KEY=VALUE...] | STAGE...', from the "
	    "application to the wire\n");
	for (size_t i = 0; ipc_stages[i] != NULL; i++)
		if (ipc_stages[i]->syntax != NULL)
			part(ipc_stages[i]->syntax, ipc_stages[i]->summary,
			    ipc_stages[i]->opts);
	printf("framings:");
	for (size_t i = 0; ipc_framing_words[i] != NULL; i++)
		printf(" %s", ipc_framing_words[i]);
	puts("\nipcat-stages(7) has the rest, and examples");
}

static void
exit_codes(void)
{
	puts("0      all delivered (and acknowledged, with -a)\n"
	    "1      network or peer\n"
	    "2      usage or configuration\n"
	    "3      data incomplete or undelivered\n"
	    "4      authentication, signature or certificate\n"
	    "5      the handler or the remote reported failure\n"
	    "6      queue full or storage error\n"
	    "124    deadline (-t, -i)\n"
	    "128+n  signal n");
}

static void
dump_rows(const char *owner, const struct ipc_opt *o)
{
	for (; o != NULL && o->type != IPC_OPT_END; o++)
		if (o->type != IPC_OPT_GROUP)
			printf("option\t%s\t%s\t%c\t%s\t%s%s\t%s\n", owner,
			    o->name, o->letter != 0 ? o->letter : '-',
			    o->argname != NULL ? o->argname : "-",
			    o->flags & IPC_OPT_PATHNAME ? "file" : "",
			    o->flags & IPC_OPT_MAYBE ? "maybe" : "",
			    o->help);
}

static void
dump_stage(const struct ipc_stage_ops *ops)
{
	const struct ipc_opt *o;

	if (ops->syntax == NULL)
		return;
	printf("stage\t%s\t%s\t%s\n", ops->name, ops->syntax, ops->summary);
	for (o = ops->opts; o != NULL && o->type != IPC_OPT_END; o++)
		printf("key\t%s\t%s\t%s\t%s\n", ops->name, o->name,
		    o->argname != NULL ? o->argname : "-", o->help);
}

/* One row a line: kind, owner, name, letter, argument, flags, help. */
static void
dump(void)
{
	for (size_t i = 0; ipc_cmds[i] != NULL; i++) {
		printf("verb\t%s\t%s\n", ipc_cmds[i]->name,
		    ipc_cmds[i]->summary);
		dump_rows(ipc_cmds[i]->name, ipc_cmds[i]->opts);
	}
	for (size_t i = 0; ipc_transports[i] != NULL; i++) {
		const struct ipc_transport *tr = ipc_transports[i];
		char owner[40];

		if (!is_named(tr))
			continue;
		printf("transport\t%s\t%s\t%s\n", tr->scheme, tr->syntax,
		    tr->summary);
		snprintf(owner, sizeof(owner), "%s:", tr->scheme);
		dump_rows(owner, tr->opts);
	}
	for (size_t i = 0; ipc_stages[i] != NULL; i++)
		dump_stage(ipc_stages[i]);
}

static int
run(const struct ipc_cmd *cmd, int argc, char **argv)
{
	const char *topic = argc > 1 ? argv[1] : NULL;
	const struct ipc_cmd *verb;
	struct ipc_error err = { 0 };

	if (topic == NULL || strcmp(topic, "-h") == 0 ||
	    strcmp(topic, "--help") == 0) {
		overview();
	} else if (strcmp(topic, "transports") == 0) {
		transports();
	} else if (strcmp(topic, "stages") == 0) {
		stages();
	} else if (strcmp(topic, "exit-codes") == 0) {
		exit_codes();
	} else if (strcmp(topic, "--dump") == 0) {
		dump();
	} else if ((verb = ipc_cmd_find(topic)) != NULL) {
		ipc_cmd_help(verb);
	} else {
		ipc_fail(&err, IPC_E_USAGE, 0, "ipcat help lists the topics",
		    "no help on \"%s\"", topic);
		return ipc_cmd_error(cmd->name, &err);
	}
	return ipc_cmd_flush(cmd->name);
}

const struct ipc_cmd ipc_cmd_topics = {
	.name = "help",
	.summary = "help on a verb, transports, stages, exit-codes",
	.usage = "[VERB | transports | stages | exit-codes]",
	.run = run,
};
