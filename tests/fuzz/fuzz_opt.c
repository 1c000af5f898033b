/*
 * Fuzz: option tables.
 *
 * The input is split on NUL into words.  They are parsed once as a command
 * line, then as pairs of key and value, with a table that has every type of
 * row.  Values that were stored must lie within the limits of their row.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/opt.h"
#include "base/text.h"
#include "base/units.h"

#define WORDS 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct config {
	bool	 flag;
	uint32_t count, choice, ack;
	uint64_t number, bytes, time, mode, retry, custom;
	const char *string, *maybe;
	struct ipc_strings list, rest;
};

static void
must(bool cond)
{
	if (!cond)
		abort();
}

static int
parse_custom(void *field, const char *value, struct ipc_error *err)
{
	uint64_t v = 0;

	if (ipc_parse_u64(value, &v, err) != 0 || v % 2 != 0)
		return ipc_fail(err, IPC_E_USAGE, 0, "even", "odd");
	memcpy(field, &v, sizeof(v));
	return 0;
}

#define AT(field) offsetof(struct config, field)

static const struct ipc_opt table[] = {
	{ .type = IPC_OPT_GROUP, .help = "All" },
	{ "flag", 'f', IPC_OPT_FLAG, 0, NULL, AT(flag), .help = "flag" },
	{ "count", 'v', IPC_OPT_COUNT, 0, NULL, AT(count), .help = "count" },
	{ "number", 'n', IPC_OPT_INT, 0, "N", AT(number), "5", "500", "7",
	    "number", NULL },
	{ "bytes", 'b', IPC_OPT_SIZE, 0, "SIZE", AT(bytes), "1k", "1G", "2k",
	    "bytes", NULL },
	{ "time", 't', IPC_OPT_DURATION, 0, "DUR", AT(time), NULL, "1h", NULL,
	    "time", NULL },
	{ "mode", 'm', IPC_OPT_MODE, IPC_OPT_REQUIRED, "MODE", AT(mode), NULL,
	    "0777", "0600", "mode", NULL },
	{ "choice", 'c', IPC_OPT_ENUM, 0, "a|bb|ccc", AT(choice), NULL, NULL,
	    NULL, "choice", NULL },
	{ "ack", 'a', IPC_OPT_ENUM, IPC_OPT_MAYBE, "x|y", AT(ack), NULL, NULL,
	    "y", "ack", NULL },
	{ "retry", 'r', IPC_OPT_INT, IPC_OPT_MAYBE, "N", AT(retry), NULL,
	    "9", "9", "retry", NULL },
	{ "string", 's', IPC_OPT_STRING, 0, "TEXT", AT(string),
	    .help = "string" },
	{ "maybe", 'S', IPC_OPT_STRING, IPC_OPT_MAYBE, "TEXT", AT(maybe),
	    NULL, NULL, "dflt", "maybe", NULL },
	{ "list", 'l', IPC_OPT_LIST, 0, "WORD", AT(list), .help = "list" },
	{ "custom", 'C', IPC_OPT_CUSTOM, IPC_OPT_MAYBE, "N", AT(custom), NULL,
	    NULL, "4", "custom", parse_custom },
	{ "exec", 'e', IPC_OPT_REST, 0, "PROG", AT(rest), .help = "rest" },
	{ .type = IPC_OPT_END },
};

static void
check(const struct config *c)
{
	uint32_t i;

	must(c->choice < 3 && c->ack < 2 && c->retry <= 9 && c->mode <= 0777);
	must(c->number >= 5 && c->number <= 500 && c->custom % 2 == 0);
	must(c->bytes >= 1024 && c->bytes <= 1U << 30);
	must(c->time <= 3600000000000U);
	for (i = 0; i < c->list.n; i++)
		must(c->list.v[i] != NULL);
	must(c->list.n == 0 || c->list.v[c->list.n] == NULL);
	must(c->rest.n == 0 || c->rest.v[c->rest.n] == NULL);
}

static void
as_line(int argc, char **argv)
{
	struct config c = { 0 };
	struct ipc_strings ops = { 0 };
	struct ipc_opt_seen seen;
	struct ipc_error err = { 0 };
	int rc;

	must(ipc_opt_defaults(table, &c, &err) == 0);
	rc = ipc_opt_parse(table, &c, argc, argv, &ops, &seen, &err);
	must(rc == 0 || (rc == IPC_E_USAGE && err.what[0] != '\0' &&
	    err.where[0] != '\0' && err.hint[0] != '\0'));
	check(&c);
	must(ops.n + c.rest.n + c.list.n <= (uint32_t)argc);
	ipc_opt_complete(table, &seen, &err);
	ipc_opt_free(table, &c);
	ipc_strings_free(&ops);
}

static void
as_keys(int argc, char **argv)
{
	struct config c = { 0 };
	struct ipc_opt_seen seen = { { 0, 0 } };
	struct ipc_error err = { 0 };
	int i, rc;

	must(ipc_opt_defaults(table, &c, &err) == 0);
	for (i = 1; i + 1 < argc; i += 2) {
		rc = ipc_opt_set(table, &c, argv[i],
		    argv[i + 1][0] == '\1' ? NULL : argv[i + 1], &err);
		must(rc == 0 || (rc == IPC_E_USAGE && err.hint[0] != '\0'));
		if (rc == 0)
			ipc_opt_note(table, &seen, argv[i]);
		check(&c);
	}
	ipc_opt_free(table, &c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[WORDS + 1];
	int argc = 0, i;
	size_t len;

	argv[argc++] = strdup("ipcat");
	while (size > 0 && argc < WORDS) {
		len = strnlen((const char *)data, size);
		argv[argc] = strndup((const char *)data, len);
		must(argv[argc++] != NULL);
		len += len < size;	/* its NUL */
		data += len;
		size -= len;
	}
	argv[argc] = NULL;
	as_line(argc, argv);
	as_keys(argc, argv);
	for (i = 0; i < argc; i++)
		free(argv[i]);
	return 0;
}
