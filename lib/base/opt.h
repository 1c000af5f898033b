/*
 * Option tables: one table describes the options of a verb, the ?key=value of
 * an endpoint, or the key=value of a stage.  Parsing, --help, completions and
 * the tests of the man pages all read the same rows.
 *
 * Values are stored into a caller's config struct at `offset`; there are no
 * globals.  Strings are borrowed from argv or from the endpoint's own copy.
 *
 * Grammar of a command line: -x, -xVALUE, -x VALUE, bundles of flags (-kv),
 * --long, --long=VALUE, --long VALUE, `--` ends options.  Options and
 * operands may be mixed; no abbreviations.  An option with an optional value
 * (IPC_OPT_MAYBE) takes the next word only if that word is a valid value.
 * IPC_OPT_REST takes all words that follow.
 */
#ifndef IPC_BASE_OPT_H
#define IPC_BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ipc_error;
struct ipc_text;

enum ipc_opt_type {
	IPC_OPT_END = 0,	/* last row of a table */
	IPC_OPT_GROUP,		/* a heading for --help: only `help` is set */
	IPC_OPT_FLAG,		/* bool */
	IPC_OPT_COUNT,		/* uint32_t, +1 per occurrence (-vv) */
	IPC_OPT_INT,		/* uint64_t; for keys with small ranges too */
	IPC_OPT_SIZE,		/* uint64_t, bytes: 64k 1M 2G */
	IPC_OPT_DURATION,	/* uint64_t, nanoseconds: 500ms 3s 2m */
	IPC_OPT_MODE,		/* uint64_t, octal file mode: 0600 */
	IPC_OPT_ENUM,		/* uint32_t, index into argname "a|b|c" */
	IPC_OPT_STRING,		/* const char *, borrowed */
	IPC_OPT_LIST,		/* struct ipc_strings, appended; repeatable */
	IPC_OPT_REST,		/* struct ipc_strings: this word and all on */
	IPC_OPT_CUSTOM,		/* row->parse stores it */
};

#define IPC_OPT_MAYBE (1U << 0)	/* value optional; `dflt` when absent */
#define IPC_OPT_REQUIRED (1U << 1) /* keys: must be given */
#define IPC_OPT_HIDDEN (1U << 2) /* not in --help (still in the man page) */
#define IPC_OPT_PATHNAME (1U << 3) /* value is a file: for completions */

/* A growing array of borrowed strings; v is owned, NULL-terminated. */
struct ipc_strings {
	const char **v;
	uint32_t n, cap;
};
int ipc_strings_add(struct ipc_strings *s, const char *word);
void ipc_strings_free(struct ipc_strings *s);

struct ipc_opt {
	const char *name;	/* long name or key, no dashes */
	char	letter;		/* short name, 0 if none */
	uint8_t	type;		/* enum ipc_opt_type */
	uint8_t	flags;		/* IPC_OPT_* */
	const char *argname;	/* "DUR", "SIZE", "a|b|c"; NULL for flags */
	size_t	offset;		/* into the config struct */
	const char *min, *max;	/* same spelling as a value; NULL: no limit */
	const char *dflt;	/* applied by ipc_opt_defaults; NULL: zero */
	const char *help;	/* one line, lower case, no full stop */
	/* CUSTOM only: store `value` at `field`; fill *err on failure.
	 * Must tell a bad value from a good one without side effects before
	 * it stores (IPC_OPT_MAYBE asks by trying). */
	int	(*parse)(void *field, const char *value, struct ipc_error *err);
};

/* Store every row's default.  cfg is zeroed memory.  Rows with IPC_OPT_MAYBE
 * are left zero: their dflt is the value of the bare option. */
int ipc_opt_defaults(const struct ipc_opt *tab, void *cfg,
    struct ipc_error *err);

/*
 * Set one key.  value NULL means "no value given": flags become true, MAYBE
 * rows take dflt, anything else is an error.  A flag accepts 1/0 yes/no
 * true/false on/off.  An unknown key is IPC_E_USAGE naming the word, with the
 * nearest known key in the hint.
 */
int ipc_opt_set(const struct ipc_opt *tab, void *cfg, const char *key,
    const char *value, struct ipc_error *err);

/*
 * Parse argv[1..argc-1].  Operands go to *operands in order (borrowed).
 * After success *seen (may be NULL) has bit i set for each row i < 128 that
 * occurred.  -h and -V are ordinary FLAG rows of the table.
 */
struct ipc_opt_seen {
	uint64_t bits[2];
};
int ipc_opt_parse(const struct ipc_opt *tab, void *cfg, int argc,
    char *const *argv, struct ipc_strings *operands,
    struct ipc_opt_seen *seen, struct ipc_error *err);
bool ipc_opt_was_seen(const struct ipc_opt *tab,
    const struct ipc_opt_seen *seen, const char *name);

/*
 * For keys, which arrive one ipc_opt_set() at a time: note each name in a
 * zeroed *seen, then ask for completeness.  IPC_E_USAGE names the first
 * REQUIRED row that was not noted.  ipc_opt_parse() does not ask.
 */
void ipc_opt_note(const struct ipc_opt *tab, struct ipc_opt_seen *seen,
    const char *name);
int ipc_opt_complete(const struct ipc_opt *tab,
    const struct ipc_opt_seen *seen, struct ipc_error *err);

/* Help text: one line a row, grouped, aligned; defaults in brackets.  The
 * second one writes key=VALUE instead of -x, --key VALUE. */
void ipc_opt_help(const struct ipc_opt *tab, struct ipc_text *out);
void ipc_opt_help_keys(const struct ipc_opt *tab, struct ipc_text *out);

/* Frees what LIST and REST rows own inside cfg. */
void ipc_opt_free(const struct ipc_opt *tab, void *cfg);

#endif
