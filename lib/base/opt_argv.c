/*
 * Option tables: the command line.
 *
 * One pass over argv.  Each word is an operand, a long option, or a bundle of
 * letters; an option may consume the rest of its word, the next word, or (REST)
 * all that follow.
 */
#include "base/opt.h"

#include <ctype.h>
#include <string.h>

#include "base/error.h"
#include "base/opt_row.h"

struct scan {
	const struct ipc_opt *tab;
	void	*cfg;
	int	 argc;
	char	*const *argv;
	int	 i;		/* the next word */
	struct ipc_opt_seen *seen;
	struct ipc_error *err;
};

static const struct ipc_opt *
find_letter(const struct ipc_opt *tab, char letter)
{
	for (; tab->type != IPC_OPT_END; tab++)
		if (ipc_opt_is_real(tab) && tab->letter == letter)
			return tab;
	return NULL;
}

static int
unknown_letter(struct scan *s, const char *word, char letter)
{
	char other = letter;
	const char *near;
	const struct ipc_opt *row;

	if (islower((unsigned char)letter))
		other = (char)toupper((unsigned char)letter);
	else if (isupper((unsigned char)letter))
		other = (char)tolower((unsigned char)letter);
	ipc_fail(s->err, IPC_E_USAGE, 0, "-h lists the options",
	    "unknown option \"-%c\"", letter);
	ipc_error_where(s->err, "option %.60s", word);
	/* "-timeout": one dash was forgotten. */
	for (row = s->tab; row->type != IPC_OPT_END; row++) {
		near = row->name;
		if (ipc_opt_is_real(row) && strcmp(near, word + 1) == 0) {
			ipc_error_hint(s->err, "did you mean --%s?", near);
			return IPC_E_USAGE;
		}
	}
	if (other != letter && find_letter(s->tab, other) != NULL)
		ipc_error_hint(s->err, "did you mean -%c?", other);
	return IPC_E_USAGE;
}

/* Name the option in the error as it was typed; show its form if nothing better
 * is known. */
static int
option_error(struct scan *s, const struct ipc_opt *row, char letter, int rc)
{
	if (letter != 0)
		ipc_error_where(s->err, "option -%c (--%s)", letter,
		    row->name);
	else
		ipc_error_where(s->err, "option --%s", row->name);
	if (s->err != NULL && s->err->hint[0] == '\0' &&
	    !ipc_opt_is_switch(row))
		ipc_error_hint(s->err, "write --%s %s", row->name,
		    row->argname != NULL ? row->argname : "VALUE");
	return rc;
}

/* MAYBE rows take a detached word only if it parses; any text would do for a
 * string, so strings never do. */
static bool
takes_next(const struct ipc_opt *row)
{
	return row->type != IPC_OPT_STRING && row->type != IPC_OPT_LIST &&
	    row->type != IPC_OPT_REST;
}

/* Store `first`, if given, and all words that follow. */
static int
take_rest(struct scan *s, const struct ipc_opt *row, const char *first)
{
	int rc = 0;

	if (first == NULL && s->i >= s->argc)
		return ipc_opt_store_bare(row, s->cfg, s->err);
	if (first != NULL)
		rc = ipc_opt_store(row, s->cfg, first, s->err);
	for (; rc == 0 && s->i < s->argc; s->i++)
		rc = ipc_opt_store(row, s->cfg, s->argv[s->i], s->err);
	return rc;
}

/* A value may be in the next word. */
static int
take_detached(struct scan *s, const struct ipc_opt *row)
{
	if ((row->flags & IPC_OPT_MAYBE) != 0) {
		if (s->i < s->argc && takes_next(row) &&
		    ipc_opt_store(row, s->cfg, s->argv[s->i], NULL) == 0) {
			s->i++;
			return 0;
		}
		return ipc_opt_store_bare(row, s->cfg, s->err);
	}
	if (s->i >= s->argc)
		return ipc_opt_store_bare(row, s->cfg, s->err);
	return ipc_opt_store(row, s->cfg, s->argv[s->i++], s->err);
}

static int
long_option(struct scan *s, const char *word)
{
	char name[64];
	const struct ipc_opt *row;
	const char *eq = strchr(word, '=');
	size_t len = eq != NULL ? (size_t)(eq - word) : strlen(word);
	int rc;

	if (len >= sizeof(name))
		len = sizeof(name) - 1;
	memcpy(name, word, len);
	name[len] = '\0';
	row = ipc_opt_lookup(s->tab, name, "option", "--", s->err);
	if (row == NULL)
		return IPC_E_USAGE;
	ipc_opt_mark(s->tab, row, s->seen);
	if (row->type == IPC_OPT_REST)
		rc = take_rest(s, row, eq != NULL ? eq + 1 : NULL);
	else if (eq != NULL)
		rc = ipc_opt_store(row, s->cfg, eq + 1, s->err);
	else if (ipc_opt_is_switch(row))
		rc = ipc_opt_store_bare(row, s->cfg, s->err);
	else
		rc = take_detached(s, row);
	return rc == 0 ? 0 : option_error(s, row, 0, rc);
}

/*
 * -rk: is "k" a bad value of -r, or the next letter?  A MAYBE row gives the
 * text back when it does not parse and starts with a known letter.
 */
static int
attached_maybe(struct scan *s, const struct ipc_opt *row, const char *text,
    bool *used)
{
	if (!takes_next(row) || find_letter(s->tab, text[0]) == NULL)
		return ipc_opt_store(row, s->cfg, text, s->err);
	if (ipc_opt_store(row, s->cfg, text, NULL) == 0)
		return 0;
	*used = false;
	return ipc_opt_store_bare(row, s->cfg, s->err);
}

/* `rest` is what follows the letter in its word; *used says whether it was
 * the value, or is more letters. */
static int
one_letter(struct scan *s, const struct ipc_opt *row, const char *rest,
    bool *used)
{
	if (ipc_opt_is_switch(row)) {
		*used = false;
		return ipc_opt_store_bare(row, s->cfg, s->err);
	}
	*used = true;
	if (row->type == IPC_OPT_REST)
		return take_rest(s, row, *rest != '\0' ? rest : NULL);
	if (*rest == '\0')
		return take_detached(s, row);
	if ((row->flags & IPC_OPT_MAYBE) != 0)
		return attached_maybe(s, row, rest, used);
	return ipc_opt_store(row, s->cfg, rest, s->err);
}

/* -x, -xVALUE, -x VALUE, -abc. */
static int
letters(struct scan *s, const char *word)
{
	const struct ipc_opt *row;
	const char *p;
	bool used = false;
	int rc;

	for (p = word + 1; *p != '\0' && !used; p++) {
		row = find_letter(s->tab, *p);
		if (row == NULL)
			return unknown_letter(s, word, *p);
		ipc_opt_mark(s->tab, row, s->seen);
		rc = one_letter(s, row, p + 1, &used);
		if (rc != 0)
			return option_error(s, row, *p, rc);
	}
	return 0;
}

static int
operand(struct scan *s, const char *word, struct ipc_strings *operands)
{
	if (operands == NULL)
		return ipc_fail(s->err, IPC_E_USAGE, 0, "-h shows the usage",
		    "unexpected word \"%.60s\"", word);
	if (ipc_strings_add(operands, word) != 0)
		return ipc_fail(s->err, IPC_E_NET, 0, NULL,
		    "no memory for operands");
	return 0;
}

int
ipc_opt_parse(const struct ipc_opt *tab, void *cfg, int argc,
    char *const *argv, struct ipc_strings *operands,
    struct ipc_opt_seen *seen, struct ipc_error *err)
{
	struct scan s = { tab, cfg, argc, argv, 1, seen, err };
	bool ended = false;
	const char *word;
	int rc = 0;

	if (seen != NULL)
		memset(seen, 0, sizeof(*seen));
	while (rc == 0 && s.i < argc) {
		word = argv[s.i++];
		if (ended || word[0] != '-' || word[1] == '\0')
			rc = operand(&s, word, operands);
		else if (strcmp(word, "--") == 0)
			ended = true;
		else if (word[1] == '-')
			rc = long_option(&s, word + 2);
		else
			rc = letters(&s, word);
	}
	return rc;
}
