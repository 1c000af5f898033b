/*
 * Option tables: defaults, values and keys.
 *
 * Every value is parsed into a local first and stored only when it is good,
 * so that a failed call leaves the config as it was.  The command line itself
 * is in opt_argv.c, --help in opt_help.c.
 */
#include "base/opt.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/opt_row.h"
#include "base/text.h"
#include "base/units.h"

#define STRINGS_MAX (1U << 24)	/* words in one list */
#define WORDS_MAX 128		/* names compared for a suggestion */

int
ipc_strings_add(struct ipc_strings *s, const char *word)
{
	uint32_t cap;
	const char **v;

	if (s->n + 1 >= s->cap) {
		if (s->cap >= STRINGS_MAX)
			return IPC_E_NET;
		cap = s->cap == 0 ? 8 : s->cap * 2;
		v = reallocarray(s->v, cap, sizeof(*v));
		if (v == NULL)
			return IPC_E_NET;
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = word;
	s->v[s->n] = NULL;
	return 0;
}

void
ipc_strings_free(struct ipc_strings *s)
{
	free(s->v);
	memset(s, 0, sizeof(*s));
}

void *
ipc_opt_field(const struct ipc_opt *row, void *cfg)
{
	return (char *)cfg + row->offset;
}

bool
ipc_opt_is_switch(const struct ipc_opt *row)
{
	return row->type == IPC_OPT_FLAG || row->type == IPC_OPT_COUNT;
}

bool
ipc_opt_is_real(const struct ipc_opt *row)
{
	return row->type != IPC_OPT_END && row->type != IPC_OPT_GROUP &&
	    row->name != NULL;
}

static int
parse_flag(const char *s, bool *value, struct ipc_error *err)
{
	static const char *const words[] = { "0", "1", "no", "yes", "false",
	    "true", "off", "on" };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(s, words[i]) == 0) {
			*value = (i & 1) != 0;
			return 0;
		}
	}
	return ipc_fail(err, IPC_E_USAGE, 0, "write yes or no",
	    "\"%.60s\" is neither yes nor no", s);
}

static int
parse_mode(const char *s, uint64_t *value, struct ipc_error *err)
{
	size_t i, n = strspn(s, "01234567");
	uint64_t v = 0;

	if (n > 0 && n <= 8 && s[n] == '\0') {
		for (i = 0; i < n; i++)
			v = v * 8 + (uint64_t)(s[i] - '0');
		if (v <= 07777) {
			*value = v;
			return 0;
		}
	}
	return ipc_fail(err, IPC_E_USAGE, 0,
	    "write an octal mode, such as 0600 or 660",
	    "\"%.60s\" is not a file mode", s);
}

static int
parse_enum(const struct ipc_opt *row, const char *s, uint32_t *value,
    struct ipc_error *err)
{
	const char *p = row->argname;
	size_t n, len = strlen(s);
	uint32_t i;

	for (i = 0; len > 0 && p != NULL; i++) {
		n = strcspn(p, "|");
		if (n == len && strncasecmp(p, s, n) == 0) {
			*value = i;
			return 0;
		}
		p = p[n] == '|' ? p + n + 1 : NULL;
	}
	ipc_fail(err, IPC_E_USAGE, 0, "", "\"%.60s\" is not a known choice",
	    s);
	if (row->argname != NULL)
		ipc_error_hint(err, "choose one of %s", row->argname);
	return IPC_E_USAGE;
}

/* The types that are one uint64_t. */
static int
parse_number(uint8_t type, const char *s, uint64_t *v, struct ipc_error *err)
{
	switch (type) {
	case IPC_OPT_SIZE:
		return ipc_parse_size(s, v, err);
	case IPC_OPT_DURATION:
		return ipc_parse_duration(s, v, err);
	case IPC_OPT_MODE:
		return parse_mode(s, v, err);
	default:
		return ipc_parse_u64(s, v, err);
	}
}

static int
check_range(const struct ipc_opt *row, const char *s, uint64_t v,
    struct ipc_error *err)
{
	uint64_t limit;

	if (row->min != NULL && parse_number(row->type, row->min, &limit,
	    NULL) == 0 && v < limit) {
		ipc_fail(err, IPC_E_USAGE, 0, "", "\"%.60s\" is too small", s);
		ipc_error_hint(err, "the least is %s", row->min);
		return IPC_E_USAGE;
	}
	if (row->max != NULL && parse_number(row->type, row->max, &limit,
	    NULL) == 0 && v > limit) {
		ipc_fail(err, IPC_E_USAGE, 0, "", "\"%.60s\" is too large", s);
		ipc_error_hint(err, "the most is %s", row->max);
		return IPC_E_USAGE;
	}
	return 0;
}

static int
store_number(const struct ipc_opt *row, void *field, const char *value,
    struct ipc_error *err)
{
	uint64_t v = 0;
	int rc;

	rc = parse_number(row->type, value, &v, err);
	if (rc == 0)
		rc = check_range(row, value, v, err);
	if (rc == 0)
		memcpy(field, &v, sizeof(v));
	return rc;
}

static int
store_count(void *field, const char *value, struct ipc_error *err)
{
	uint64_t v = 0;
	uint32_t n;
	int rc;

	rc = ipc_parse_u64(value, &v, err);
	if (rc != 0)
		return rc;
	if (v > 1000)
		return ipc_fail(err, IPC_E_USAGE, 0, "the most is 1000",
		    "\"%.60s\" is too large", value);
	n = (uint32_t)v;
	memcpy(field, &n, sizeof(n));
	return 0;
}

int
ipc_opt_store(const struct ipc_opt *row, void *cfg, const char *value,
    struct ipc_error *err)
{
	void *field = ipc_opt_field(row, cfg);
	uint32_t choice = 0;
	bool flag = false;
	int rc;

	switch (row->type) {
	case IPC_OPT_FLAG:
		rc = parse_flag(value, &flag, err);
		if (rc == 0)
			memcpy(field, &flag, sizeof(flag));
		return rc;
	case IPC_OPT_COUNT:
		return store_count(field, value, err);
	case IPC_OPT_ENUM:
		rc = parse_enum(row, value, &choice, err);
		if (rc == 0)
			memcpy(field, &choice, sizeof(choice));
		return rc;
	case IPC_OPT_STRING:
		memcpy(field, &value, sizeof(value));
		return 0;
	case IPC_OPT_LIST:
	case IPC_OPT_REST:
		if (ipc_strings_add(field, value) != 0)
			return ipc_fail(err, IPC_E_NET, 0, NULL,
			    "no memory for options");
		return 0;
	case IPC_OPT_CUSTOM:
		return row->parse(field, value, err);
	default:
		return store_number(row, field, value, err);
	}
}

int
ipc_opt_store_bare(const struct ipc_opt *row, void *cfg,
    struct ipc_error *err)
{
	void *field = ipc_opt_field(row, cfg);
	bool yes = true;
	uint32_t n;

	if (row->type == IPC_OPT_FLAG) {
		memcpy(field, &yes, sizeof(yes));
		return 0;
	}
	if (row->type == IPC_OPT_COUNT) {
		memcpy(&n, field, sizeof(n));
		n += n < UINT32_MAX;
		memcpy(field, &n, sizeof(n));
		return 0;
	}
	if ((row->flags & IPC_OPT_MAYBE) != 0)
		return row->dflt == NULL ? 0 :
		    ipc_opt_store(row, cfg, row->dflt, err);
	return ipc_fail(err, IPC_E_USAGE, 0, "", "a value is missing: %.60s",
	    row->argname != NULL ? row->argname : "VALUE");
}

int
ipc_opt_defaults(const struct ipc_opt *tab, void *cfg, struct ipc_error *err)
{
	const struct ipc_opt *row;
	int rc;

	for (row = tab; row->type != IPC_OPT_END; row++) {
		if (!ipc_opt_is_real(row) || row->dflt == NULL ||
		    (row->flags & IPC_OPT_MAYBE) != 0)
			continue;
		rc = ipc_opt_store(row, cfg, row->dflt, err);
		if (rc != 0) {
			ipc_error_where(err, "default of %s", row->name);
			return rc;
		}
	}
	return 0;
}

/* Names of up to WORDS_MAX rows, for the suggestion. */
static const char *
nearest_name(const struct ipc_opt *tab, const char *name)
{
	const char *words[WORDS_MAX + 1];
	size_t n = 0;

	for (; tab->type != IPC_OPT_END && n < WORDS_MAX; tab++)
		if (ipc_opt_is_real(tab))
			words[n++] = tab->name;
	words[n] = NULL;
	return ipc_nearest(name, words);
}

/* No word is near: list the keys, they are few. */
static void
hint_all_names(const struct ipc_opt *tab, struct ipc_error *err)
{
	struct ipc_text t = { 0 };

	for (; tab->type != IPC_OPT_END; tab++)
		if (ipc_opt_is_real(tab) && (tab->flags & IPC_OPT_HIDDEN) == 0)
			ipc_text_add(&t, " %s", tab->name);
	if (t.len > 0 && !t.failed)
		ipc_error_hint(err, "known here:%s", t.s);
	else
		ipc_error_hint(err, "no keys are known here");
	ipc_text_free(&t);
}

const struct ipc_opt *
ipc_opt_lookup(const struct ipc_opt *tab, const char *name, const char *kind,
    const char *dashes, struct ipc_error *err)
{
	const struct ipc_opt *row;
	const char *near;

	for (row = tab; row->type != IPC_OPT_END; row++)
		if (ipc_opt_is_real(row) && strcmp(row->name, name) == 0)
			return row;
	ipc_fail(err, IPC_E_USAGE, 0, "", "unknown %s \"%s%.60s\"", kind,
	    dashes, name);
	ipc_error_where(err, "%s %s%.60s", kind, dashes, name);
	near = nearest_name(tab, name);
	if (near != NULL)
		ipc_error_hint(err, "did you mean %s%s?", dashes, near);
	else if (dashes[0] == '\0')
		hint_all_names(tab, err);
	else
		ipc_error_hint(err, "-h lists the options");
	return NULL;
}

int
ipc_opt_set(const struct ipc_opt *tab, void *cfg, const char *key,
    const char *value, struct ipc_error *err)
{
	const struct ipc_opt *row;
	int rc;

	row = ipc_opt_lookup(tab, key, "key", "", err);
	if (row == NULL)
		return IPC_E_USAGE;
	if (value != NULL) {
		rc = ipc_opt_store(row, cfg, value, err);
	} else {
		rc = ipc_opt_store_bare(row, cfg, err);
		if (rc != 0)
			ipc_error_hint(err, "write %s=%s", row->name,
			    row->argname != NULL ? row->argname : "VALUE");
	}
	if (rc != 0)
		ipc_error_where(err, "key %s", row->name);
	return rc;
}

void
ipc_opt_mark(const struct ipc_opt *tab, const struct ipc_opt *row,
    struct ipc_opt_seen *seen)
{
	size_t i = (size_t)(row - tab);

	if (seen != NULL && i < 128)
		seen->bits[i / 64] |= 1ULL << (i % 64);
}

static bool
is_marked(const struct ipc_opt_seen *seen, size_t i)
{
	return i < 128 && (seen->bits[i / 64] >> (i % 64) & 1) != 0;
}

bool
ipc_opt_was_seen(const struct ipc_opt *tab, const struct ipc_opt_seen *seen,
    const char *name)
{
	size_t i;

	for (i = 0; tab[i].type != IPC_OPT_END; i++)
		if (ipc_opt_is_real(&tab[i]) && strcmp(tab[i].name, name) == 0)
			return is_marked(seen, i);
	return false;
}

void
ipc_opt_note(const struct ipc_opt *tab, struct ipc_opt_seen *seen,
    const char *name)
{
	const struct ipc_opt *row;

	for (row = tab; row->type != IPC_OPT_END; row++)
		if (ipc_opt_is_real(row) && strcmp(row->name, name) == 0)
			ipc_opt_mark(tab, row, seen);
}

int
ipc_opt_complete(const struct ipc_opt *tab, const struct ipc_opt_seen *seen,
    struct ipc_error *err)
{
	size_t i;

	for (i = 0; tab[i].type != IPC_OPT_END; i++) {
		if ((tab[i].flags & IPC_OPT_REQUIRED) == 0 ||
		    !ipc_opt_is_real(&tab[i]) || is_marked(seen, i))
			continue;
		ipc_fail(err, IPC_E_USAGE, 0, "", "%s= is missing",
		    tab[i].name);
		ipc_error_where(err, "key %s", tab[i].name);
		ipc_error_hint(err, "add %s=%s", tab[i].name,
		    tab[i].argname != NULL ? tab[i].argname : "yes");
		return IPC_E_USAGE;
	}
	return 0;
}

void
ipc_opt_free(const struct ipc_opt *tab, void *cfg)
{
	for (; tab->type != IPC_OPT_END; tab++)
		if (tab->type == IPC_OPT_LIST || tab->type == IPC_OPT_REST)
			ipc_strings_free(ipc_opt_field(tab, cfg));
}
