/*
 * Option tables: --help.
 *
 * Layout of a line: two blanks, the spelling, padding to the common column,
 * the help text, the default.  A spelling too wide for the column gets a line
 * of its own.  Writes into a text; prints nothing.
 */
#include "base/opt.h"

#include <stdio.h>
#include <string.h>

#include "base/opt_row.h"
#include "base/text.h"

#define COLUMN_MAX 30		/* help texts start here at the latest */
#define SPELLING 128

/* " DUR", "[=N]", "=DUR": how the value is written. */
static void
value_form(char *dst, size_t size, const struct ipc_opt *row, bool keys)
{
	const char *arg = row->argname != NULL ? row->argname : "VALUE";

	if (ipc_opt_is_switch(row))
		dst[0] = '\0';
	else if ((row->flags & IPC_OPT_MAYBE) != 0)
		snprintf(dst, size, "[=%s]", arg);
	else
		snprintf(dst, size, "%s%s", keys ? "=" : " ", arg);
}

static void
spelling(char dst[SPELLING], const struct ipc_opt *row, bool keys)
{
	char value[SPELLING / 2], letter[8] = "    ";

	value_form(value, sizeof(value), row, keys);
	if (row->letter != 0)
		snprintf(letter, sizeof(letter), "-%c, ", row->letter);
	if (keys)
		snprintf(dst, SPELLING, "  %.48s%s", row->name, value);
	else
		snprintf(dst, SPELLING, "  %s--%.48s%s", letter, row->name,
		    value);
}

static bool
is_shown(const struct ipc_opt *row)
{
	return ipc_opt_is_real(row) && (row->flags & IPC_OPT_HIDDEN) == 0;
}

static int
column(const struct ipc_opt *row, bool keys)
{
	char text[SPELLING];
	size_t n, widest = 0;

	for (; row->type != IPC_OPT_END; row++) {
		if (!is_shown(row))
			continue;
		spelling(text, row, keys);
		n = strlen(text) + 2;
		if (n > widest && n <= COLUMN_MAX)
			widest = n;
	}
	return (int)widest;
}

static void
line(const struct ipc_opt *row, bool keys, int col, struct ipc_text *out)
{
	char text[SPELLING];

	spelling(text, row, keys);
	if (strlen(text) + 2 > (size_t)col)
		ipc_text_add(out, "%s\n%*s", text, col, "");
	else
		ipc_text_add(out, "%-*s", col, text);
	ipc_text_add(out, "%s", row->help != NULL ? row->help : "");
	if (row->dflt != NULL && row->dflt[0] != '\0')
		ipc_text_add(out, " [%s]", row->dflt);
	if ((row->flags & IPC_OPT_REQUIRED) != 0)
		ipc_text_add(out, " (required)");
	ipc_text_put(out, "\n", 1);
}

static void
help(const struct ipc_opt *tab, bool keys, struct ipc_text *out)
{
	const struct ipc_opt *row;
	int col = column(tab, keys);

	for (row = tab; row->type != IPC_OPT_END; row++) {
		if (row->type == IPC_OPT_GROUP)
			ipc_text_add(out, "%s%s\n", row == tab ? "" : "\n",
			    row->help != NULL ? row->help : "");
		else if (is_shown(row))
			line(row, keys, col, out);
	}
}

void
ipc_opt_help(const struct ipc_opt *tab, struct ipc_text *out)
{
	help(tab, false, out);
}

void
ipc_opt_help_keys(const struct ipc_opt *tab, struct ipc_text *out)
{
	help(tab, true, out);
}
