/* Option tables: command lines, keys, defaults, help. */
#include "base/opt.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"
#include "check.h"

struct config {
	bool	 keep, quiet, ipv4;
	uint32_t verbose, color, ack;
	uint64_t count, rate, wait, mode, retry;
	const char *out, *progress;
	struct ipc_strings pipes, cmd;
	uint64_t range[2];
};

/* "MIN..MAX", as --backoff has it. */
static int
parse_range(void *field, const char *value, struct ipc_error *err)
{
	const char *dots = strstr(value, "..");
	uint64_t *range = field, lo, hi;
	char text[40];

	if (dots == NULL || (size_t)(dots - value) >= sizeof(text))
		return ipc_fail(err, IPC_E_USAGE, 0, "write 1s..5s",
		    "not a range");
	memcpy(text, value, (size_t)(dots - value));
	text[dots - value] = '\0';
	if (ipc_parse_duration(text, &lo, err) != 0 ||
	    ipc_parse_duration(dots + 2, &hi, err) != 0)
		return IPC_E_USAGE;
	range[0] = lo;
	range[1] = hi;
	return 0;
}

#define AT(field) offsetof(struct config, field)

static const struct ipc_opt table[] = {
	{ .type = IPC_OPT_GROUP, .help = "General:" },
	{ "keep", 'k', IPC_OPT_FLAG, 0, NULL, AT(keep), .help = "keep on" },
	{ "quiet", 'q', IPC_OPT_FLAG, 0, NULL, AT(quiet), .help = "say less" },
	{ "ipv4", '4', IPC_OPT_FLAG, IPC_OPT_HIDDEN, NULL, AT(ipv4),
	    .help = "secret" },
	{ "verbose", 'v', IPC_OPT_COUNT, 0, NULL, AT(verbose),
	    .help = "say more" },
	{ "count", 'n', IPC_OPT_INT, 0, "N", AT(count), "1", "1000", NULL,
	    "stop after N", NULL },
	{ "rate", 0, IPC_OPT_SIZE, 0, "SIZE", AT(rate), "1k", "10G", NULL,
	    "bytes a second", NULL },
	{ "wait", 'w', IPC_OPT_DURATION, 0, "DUR", AT(wait), NULL, "1d", "3s",
	    "connect timeout", NULL },
	{ .type = IPC_OPT_GROUP, .help = "More:" },
	{ "mode", 0, IPC_OPT_MODE, 0, "MODE", AT(mode), NULL, "0777", "0600",
	    "mode of the socket", NULL },
	{ "color", 0, IPC_OPT_ENUM, 0, "auto|always|never", AT(color), NULL,
	    NULL, "never", "colors", NULL },
	{ "retry", 'r', IPC_OPT_INT, IPC_OPT_MAYBE, "N", AT(retry), NULL,
	    "100", "99", "retry", NULL },
	{ "ack", 'a', IPC_OPT_ENUM, IPC_OPT_MAYBE, "none|received|processed",
	    AT(ack), NULL, NULL, "received", "acknowledge", NULL },
	{ "progress", 'P', IPC_OPT_STRING, IPC_OPT_MAYBE, "HOW", AT(progress),
	    NULL, NULL, "bar", "progress", NULL },
	{ "output", 'o', IPC_OPT_STRING, IPC_OPT_PATHNAME, "FILE", AT(out),
	    .help = "record" },
	{ "pipe", 'p', IPC_OPT_LIST, 0, "STAGE", AT(pipes),
	    .help = "add a stage" },
	{ "backoff", 0, IPC_OPT_CUSTOM, 0, "MIN..MAX", AT(range), NULL, NULL,
	    "1s..60s", "back-off", parse_range },
	{ "bounds", 'B', IPC_OPT_CUSTOM, IPC_OPT_MAYBE, "MIN..MAX", AT(range),
	    NULL, NULL, "2s..3s", "an-option-with-a-long-name", parse_range },
	{ "exec", 'e', IPC_OPT_REST, 0, "PROG ARG...", AT(cmd),
	    .help = "run a program" },
	{ .type = IPC_OPT_END },
};

static struct config cfg;
static struct ipc_strings ops;
static struct ipc_opt_seen seen;
static struct ipc_error err;

/* Parse a command line given as words separated by single blanks. */
static int
parse(const char *line)
{
	static char text[4096];
	static char *argv[64];
	int argc = 0;
	char *p;

	ipc_opt_free(table, &cfg);
	ipc_strings_free(&ops);
	memset(&cfg, 0, sizeof(cfg));
	memset(&err, 0, sizeof(err));
	snprintf(text, sizeof(text), "ipcat%s%s", *line ? " " : "", line);
	for (p = text; p != NULL;) {
		argv[argc++] = p;
		p = strchr(p, ' ');
		if (p != NULL)
			*p++ = '\0';
	}
	argv[argc] = NULL;
	if (ipc_opt_defaults(table, &cfg, &err) != 0)
		return 1;
	return ipc_opt_parse(table, &cfg, argc, argv, &ops, &seen, &err);
}

/* "a,b,c" */
static const char *
join(const struct ipc_strings *s)
{
	static char text[1024];
	size_t n = 0;
	uint32_t i;

	text[0] = '\0';
	for (i = 0; i < s->n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s",
		    i > 0 ? "," : "", s->v[i]);
	return text;
}

static void
defaults(void)
{
	ok(parse("") == 0, "an empty line");
	is_u64(cfg.wait, 3000000000U, "duration default");
	is_u64(cfg.mode, 0600, "mode default");
	is_u64(cfg.color, 2, "enum default");
	is_u64(cfg.range[1], 60000000000U, "custom default");
	is_u64(cfg.retry, 0, "MAYBE has none");
	ok(!cfg.keep && cfg.verbose == 0 && cfg.out == NULL, "zero otherwise");
	is_u64(ops.n, 0, "no operands");
	ok(!ipc_opt_was_seen(table, &seen, "wait"), "a default is not seen");
}

static void
plain(void)
{
	ok(parse("-k -w 5s --rate 2k a --count=7 b -o out -- -c -k") == 0,
	    "a mixed line");
	ok(cfg.keep && !cfg.quiet, "flag");
	is_u64(cfg.wait, 5000000000U, "-w 5s");
	is_u64(cfg.rate, 2048, "--rate 2k");
	is_u64(cfg.count, 7, "--count=7");
	is_str(cfg.out, "out", "-o out");
	is_str(join(&ops), "a,b,-c,-k", "operands, and after --");
	ok(ops.v[ops.n] == NULL, "NULL-terminated");
	ok(ipc_opt_was_seen(table, &seen, "keep") &&
	    ipc_opt_was_seen(table, &seen, "rate") &&
	    !ipc_opt_was_seen(table, &seen, "quiet") &&
	    !ipc_opt_was_seen(table, &seen, "nonesuch"), "seen");

	ok(parse("-kqvvw10ms -n5 -ofile --verbose -") == 0, "bundles");
	ok(cfg.keep && cfg.quiet && cfg.verbose == 3, "flags of bundles");
	is_u64(cfg.wait, 10000000, "-...w10ms");
	is_u64(cfg.count, 5, "-n5");
	is_str(cfg.out, "file", "-ofile");
	is_str(join(&ops), "-", "- is an operand");
	ok(parse("-kvo x --keep=no --verbose=7 -4") == 0, "switch values");
	ok(!cfg.keep && cfg.verbose == 7 && cfg.ipv4, "are stored");
	is_str(cfg.out, "x", "-kvo x");
	ok(parse("-p a --pipe b --pipe=c -pd") == 0, "a list");
	is_str(join(&cfg.pipes), "a,b,c,d", "in order");
	ok(parse("-o -- x") == 0, "-- as a value");
	is_str(cfg.out, "--", "is the value");
	ok(parse("--output= x") == 0, "an empty value");
	is_str(cfg.out, "", "is empty");
	ok(parse("--color=NEVER --color always") == 0 && cfg.color == 1,
	    "the last one wins");
	ok(parse("--backoff 1s..2s --mode 640") == 0 &&
	    cfg.range[0] == 1000000000U && cfg.mode == 0640, "custom, mode");
}

static void
maybe(void)
{
	static const struct {
		const char *line;
		uint64_t retry;
		const char *ops;
	} rows[] = {
		{ "x", 0, "x" }, { "-r", 99, "" }, { "-r x", 99, "x" },
		{ "-r 5", 5, "" }, { "-r5 x", 5, "x" }, { "-r 5 6", 5, "6" },
		{ "-r 101", 99, "101" }, { "-r -k", 99, "" },
		{ "-rk x", 99, "x" }, { "-kr 7 x", 7, "x" },
		{ "-r4", 4, "" }, { "-r -4", 99, "" },
		{ "--retry", 99, "" }, { "--retry 8 x", 8, "x" },
		{ "--retry=8", 8, "" }, { "--retry x", 99, "x" },
		{ "-r -- 5", 99, "5" }, { "-r :9000", 99, ":9000" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ok(parse(rows[i].line) == 0, "\"%s\"", rows[i].line);
		is_u64(cfg.retry, rows[i].retry, "retry of \"%s\"",
		    rows[i].line);
		is_str(join(&ops), rows[i].ops, "operands of \"%s\"",
		    rows[i].line);
	}
	ok(parse("-rk") == 0 && cfg.keep, "-rk sets -k too");
	ok(parse("-rkx") == IPC_E_USAGE, "-rkx: x is no letter");
	ok(parse("-r5x") == IPC_E_USAGE, "-r5x is a bad value");
	is_str(err.where, "option -r (--retry)", "and is named");
	ok(parse("--retry=x") == IPC_E_USAGE, "--retry=x too");
	ok(parse("-a processed x") == 0 && cfg.ack == 2 && ops.n == 1,
	    "-a processed");
	ok(parse("-a x") == 0 && cfg.ack == 1 && ops.n == 1, "-a x");
	ok(parse("-ak") == 0 && cfg.ack == 1 && cfg.keep, "-ak");
	ok(parse("-P none x") == 0 && ops.n == 2, "-P takes no next word");
	is_str(cfg.progress, "bar", "but its default");
	ok(parse("-Pdot --progress=x") == 0, "-Pdot");
	is_str(cfg.progress, "x", "--progress=x");
	ok(parse("-B 5s..6s x") == 0 && cfg.range[0] == 5000000000U &&
	    ops.n == 1, "custom takes a good word");
	ok(parse("-B x") == 0 && cfg.range[0] == 2000000000U && ops.n == 1,
	    "and leaves another");
}

static void
rest(void)
{
	ok(parse("-k a -e prog -x --long -- b") == 0, "-e");
	is_str(join(&cfg.cmd), "prog,-x,--long,--,b", "takes all words");
	is_str(join(&ops), "a", "operands before it");
	ok(cfg.cmd.v[cfg.cmd.n] == NULL, "NULL-terminated for execv");
	ok(parse("-keprog x") == 0 && cfg.keep, "-keprog");
	is_str(join(&cfg.cmd), "prog,x", "attached");
	ok(parse("--exec=prog x") == 0, "--exec=prog");
	is_str(join(&cfg.cmd), "prog,x", "attached to the long one");
	ok(parse("--exec prog x") == 0, "--exec prog");
	is_str(join(&cfg.cmd), "prog,x", "detached");
	ok(parse("-e") == IPC_E_USAGE, "-e alone");
	is_str(err.what, "a value is missing: PROG ARG...", "says what");
	ok(parse("a -- -e") == 0 && ops.n == 2, "-e after -- is an operand");
}

/* The line; what, where and hint of its error. */
static const struct {
	const char *line, *what, *where, *hint;
} bad_lines[] = {
	{ "--rat 5", "unknown option \"--rat\"", "option --rat",
	    "did you mean --rate?" },
	{ "--xyzzy", "unknown option \"--xyzzy\"", "option --xyzzy",
	    "-h lists the options" },
	{ "--retries=5", "unknown option \"--retries\"",
	    "option --retries", "-h lists the options" },
	{ "-Z", "unknown option \"-Z\"", "option -Z",
	    "-h lists the options" },
	{ "-kZ", "unknown option \"-Z\"", "option -kZ",
	    "-h lists the options" },
	{ "-K", "unknown option \"-K\"", "option -K",
	    "did you mean -k?" },
	{ "-mode 5", "unknown option \"-m\"", "option -mode",
	    "did you mean --mode?" },
	{ "-x", "unknown option \"-x\"", "option -x", NULL },
	{ "-w", "a value is missing: DUR", "option -w (--wait)",
	    "write --wait DUR" },
	{ "--wait", "a value is missing: DUR", "option --wait", NULL },
	{ "-w 5x", "\"5x\" is not a duration", "option -w (--wait)",
	    NULL },
	{ "-kw 5x", "\"5x\" is not a duration", "option -w (--wait)",
	    NULL },
	{ "--rate 1", "\"1\" is too small", "option --rate",
	    "the least is 1k" },
	{ "--rate=11G", "\"11G\" is too large", "option --rate",
	    "the most is 10G" },
	{ "-n 0", "\"0\" is too small", "option -n (--count)",
	    "the least is 1" },
	{ "-n 1001", "\"1001\" is too large", "option -n (--count)",
	    "the most is 1000" },
	{ "--mode 1777", "\"1777\" is too large", "option --mode",
	    "the most is 0777" },
	{ "--mode 99", "\"99\" is not a file mode", "option --mode",
	    NULL },
	{ "--mode 77777", "\"77777\" is not a file mode",
	    "option --mode", NULL },
	{ "--color x", "\"x\" is not a known choice",
	    "option --color", "choose one of auto|always|never" },
	{ "--color=", "\"\" is not a known choice",
	    "option --color", NULL },
	{ "--color=aut", "\"aut\" is not a known choice",
	    "option --color", NULL },
	{ "--keep=maybe", "\"maybe\" is neither yes nor no",
	    "option --keep", "write yes or no" },
	{ "--verbose=1001", "\"1001\" is too large",
	    "option --verbose", NULL },
	{ "--backoff x", "not a range", "option --backoff",
	    "write 1s..5s" },
	{ "--", NULL, NULL, NULL },
	{ "--=x", "unknown option \"--\"", "option --", NULL },
	{ "---", "unknown option \"---\"", "option ---", NULL },
};

static void
refused(void)
{
	const char *line, *what, *hint;
	size_t i;

	for (i = 0; i < sizeof(bad_lines) / sizeof(bad_lines[0]); i++) {
		line = bad_lines[i].line;
		what = bad_lines[i].what;
		hint = bad_lines[i].hint;
		ok(parse(line) == (what == NULL ? 0 : IPC_E_USAGE),
		    "%s is %s", line, what == NULL ? "fine" : "refused");
		if (what == NULL)
			continue;
		is_str(err.what, what, "what of %s", line);
		is_str(err.where, bad_lines[i].where, "where of %s", line);
		if (hint != NULL)
			is_str(err.hint, hint, "hint of %s", line);
		else
			ok(err.hint[0] != '\0', "a hint for %s", line);
	}
}

static void
odd_calls(void)
{
	char *argv[] = { (char[]){ "ipcat" }, (char[]){ "word" }, NULL };
	char big[9000];
	char *long_argv[] = { argv[0], big, NULL };

	ok(ipc_opt_parse(table, &cfg, 2, argv, NULL, NULL, &err) ==
	    IPC_E_USAGE, "no operands are wanted");
	is_str(err.what, "unexpected word \"word\"", "says so");
	ok(ipc_opt_parse(table, &cfg, 0, argv, NULL, NULL, &err) == 0,
	    "argc 0");
	memset(big, 'a', sizeof(big));
	memset(big, '-', 2);
	big[sizeof(big) - 1] = '\0';
	ok(ipc_opt_parse(table, &cfg, 2, long_argv, NULL, NULL, &err) ==
	    IPC_E_USAGE, "a huge option");
	ok(ipc_opt_parse(table, &cfg, 2, long_argv, NULL, NULL, NULL) ==
	    IPC_E_USAGE, "without err");
	big[1] = 'Z';
	ok(ipc_opt_parse(table, &cfg, 2, long_argv, NULL, NULL, &err) ==
	    IPC_E_USAGE, "a huge bundle");
}

static const struct ipc_opt keys[] = {
	{ "nodelay", 0, IPC_OPT_FLAG, 0, NULL, AT(keep), .help = "no Nagle" },
	{ "backlog", 0, IPC_OPT_INT, IPC_OPT_REQUIRED, "N", AT(count), "1",
	    "65535", "128", "queue length", NULL },
	{ "mode", 0, IPC_OPT_MODE, 0, "MODE", AT(mode), .help = "mode" },
	{ "retry", 0, IPC_OPT_INT, IPC_OPT_MAYBE, "N", AT(retry), NULL, NULL,
	    "9", "retry", NULL },
	{ "opt", 0, IPC_OPT_LIST, 0, "X", AT(pipes), .help = "more" },
	{ .type = IPC_OPT_END },
};

static void
key_values(void)
{
	struct config c = { 0 };

	ok(ipc_opt_defaults(keys, &c, &err) == 0 && c.count == 128,
	    "defaults of keys");
	ok(ipc_opt_set(keys, &c, "nodelay", NULL, &err) == 0 && c.keep,
	    "a bare flag");
	ok(ipc_opt_set(keys, &c, "nodelay", "off", &err) == 0 && !c.keep,
	    "nodelay=off");
	ok(ipc_opt_set(keys, &c, "nodelay", "1", &err) == 0 && c.keep,
	    "nodelay=1");
	ok(ipc_opt_set(keys, &c, "backlog", "5", &err) == 0 && c.count == 5,
	    "backlog=5");
	ok(ipc_opt_set(keys, &c, "retry", NULL, &err) == 0 && c.retry == 9,
	    "bare retry");
	ok(ipc_opt_set(keys, &c, "opt", "a", &err) == 0 &&
	    ipc_opt_set(keys, &c, "opt", "b", &err) == 0 && c.pipes.n == 2,
	    "a list key");
	ok(ipc_opt_set(keys, &c, "backlog", NULL, &err) == IPC_E_USAGE,
	    "backlog without a value");
	is_str(err.hint, "write backlog=N", "its hint");
	is_str(err.where, "key backlog", "its place");
	ok(ipc_opt_set(keys, &c, "backlog", "0", &err) == IPC_E_USAGE &&
	    c.count == 5, "a bad value stores nothing");
	ok(ipc_opt_set(keys, &c, "nodelya", NULL, &err) == IPC_E_USAGE,
	    "an unknown key");
	is_str(err.what, "unknown key \"nodelya\"", "names the word");
	is_str(err.hint, "did you mean nodelay?", "and the nearest");
	ok(ipc_opt_set(keys, &c, "zzzzzz", NULL, &err) == IPC_E_USAGE,
	    "nothing near");
	is_str(err.hint, "known here: nodelay backlog mode retry opt",
	    "lists all");
	ok(ipc_opt_set(keys, &c, "", "", &err) == IPC_E_USAGE, "an empty key");
	ok(ipc_opt_set(keys + 5, &c, "x", NULL, &err) == IPC_E_USAGE,
	    "an empty table");
	is_str(err.hint, "no keys are known here", "says so");
	ipc_opt_free(keys, &c);
	ok(c.pipes.v == NULL, "freed");
	ipc_opt_free(keys, &c);
}

static void
required(void)
{
	struct ipc_opt_seen s = { { 0, 0 } };

	ok(ipc_opt_complete(keys, &s, &err) == IPC_E_USAGE, "one is missing");
	is_str(err.what, "backlog= is missing", "it is named");
	is_str(err.hint, "add backlog=N", "with a hint");
	ipc_opt_note(keys, &s, "mode");
	ipc_opt_note(keys, &s, "nonesuch");
	ok(ipc_opt_complete(keys, &s, &err) == IPC_E_USAGE, "still");
	ipc_opt_note(keys, &s, "backlog");
	ok(ipc_opt_complete(keys, &s, &err) == 0, "complete");
	ok(ipc_opt_was_seen(keys, &s, "mode"), "noted is seen");
}

static void
help(void)
{
	struct ipc_text t = { 0 };
	const char *p, *nl;
	size_t widest = 0;

	ipc_opt_help(table, &t);
	ok(strncmp(t.s, "General:\n"
	    "  -k, --keep               keep on\n", 44) == 0, "first lines");
	ok(strstr(t.s, "\n\nMore:\n") != NULL, "a heading");
	ok(strstr(t.s, "secret") == NULL, "hidden is hidden");
	ok(strstr(t.s, "      --rate SIZE          bytes a second\n") != NULL,
	    "no letter");
	ok(strstr(t.s, "  -r, --retry[=N]          retry [99]\n") != NULL,
	    "an optional value");
	ok(strstr(t.s, "connect timeout [3s]\n") != NULL, "a default");
	ok(strstr(t.s, "  -a, --ack[=none|received|processed]\n          ") !=
	    NULL, "a wide one gets its own line");
	for (p = t.s; (nl = strchr(p, '\n')) != NULL; p = nl + 1)
		if ((size_t)(nl - p) > widest)
			widest = (size_t)(nl - p);
	ok(widest < 80, "fits a terminal");
	ipc_text_free(&t);
	ipc_opt_help_keys(keys, &t);
	is_str(t.s, "  nodelay    no Nagle\n"
	    "  backlog=N  queue length [128] (required)\n"
	    "  mode=MODE  mode\n"
	    "  retry[=N]  retry [9]\n"
	    "  opt=X      more\n", "keys");
	ipc_text_free(&t);
}

int
main(void)
{
	defaults();
	plain();
	maybe();
	rest();
	refused();
	odd_calls();
	key_values();
	required();
	help();
	ipc_opt_free(table, &cfg);
	ipc_strings_free(&ops);
	return done();
}
