/*
 * -p: the text of a pipeline, compiled to stages with their configuration.
 *
 * Each stage is copied twice: `text` as it was written, for messages and
 * --explain; `words` cut in place into name, argument, keys and values, from
 * which the configuration borrows.
 */
#include "stage/pipe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define BLANKS " \t\r\n"
#define NAMES 64		/* stages compared for a suggestion */

static int
no_memory(struct ipc_error *err)
{
	return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
	    "no memory for the pipeline");
}

/* The rest of its text belongs to this stage. */
static bool
takes_rest(const struct ipc_stage_ops *ops)
{
	return strcmp(ops->name, "exec") == 0;
}

/* A stage that is made by an option (-C) has no syntax and no name here. */
static const struct ipc_stage_ops *
find_named(const char *name)
{
	const struct ipc_stage_ops *ops = ipc_stage_find(name);

	return ops != NULL && ops->syntax != NULL ? ops : NULL;
}

static int
unknown_stage(const char *name, struct ipc_error *err)
{
	const char *names[NAMES + 1], *near;
	size_t i, n = 0;

	for (i = 0; ipc_stages[i] != NULL && n < NAMES; i++)
		if (ipc_stages[i]->syntax != NULL)
			names[n++] = ipc_stages[i]->name;
	names[n] = NULL;
	near = ipc_nearest(name, names);
	ipc_fail(err, IPC_E_USAGE, 0, "ipcat help stages lists them",
	    "unknown stage \"%.60s\"", name);
	if (near != NULL)
		ipc_error_hint(err, "did you mean %s?", near);
	return IPC_E_USAGE;
}

static char *
trim(char *s)
{
	size_t n;

	s += strspn(s, BLANKS);
	n = strlen(s);
	while (n > 0 && strchr(BLANKS, s[n - 1]) != NULL)
		n--;
	s[n] = '\0';
	return s;
}

/*
 * Cut the piece before the first one of `stops` off *p, in place, and take
 * the backslashes before characters of `stops` and before `|` out of it.
 * *p is then behind what ended the piece, which is returned.
 */
static char
cut_piece(char **p, const char *stops, bool bar, char **piece)
{
	char *s = *p, *d = *p, ended;

	*piece = s;
	while (*s != '\0' && strchr(stops, *s) == NULL) {
		if (*s == '\\' && s[1] != '\0') {
			if (strchr(stops, s[1]) == NULL &&
			    !(bar && s[1] == '|'))
				*d++ = *s;
			s++;
		}
		*d++ = *s++;
	}
	ended = *s;
	*p = s + (ended != '\0');
	*d = '\0';
	*piece = trim(*piece);
	return ended;
}

/* KEY or KEY=VALUE. */
static int
set_key(struct ipc_pipe_stage *st, char *piece, struct ipc_opt_seen *seen,
    struct ipc_error *err)
{
	const struct ipc_stage_ops *ops = st->ops;
	char *value = strchr(piece, '=');
	int rc;

	if (value != NULL) {
		*value = '\0';
		value = trim(value + 1);
		piece = trim(piece);
	}
	if (piece[0] == '\0')
		return ipc_fail(err, IPC_E_USAGE, 0, NULL,
		    "a key is missing beside a comma");
	if (ops->opts == NULL)
		return ipc_fail(err, IPC_E_USAGE, 0, NULL,
		    "%s has no keys: \"%.60s\"", ops->name, piece);
	rc = ipc_opt_set(ops->opts, st->cfg, piece, value, err);
	if (rc == 0)
		ipc_opt_note(ops->opts, seen, piece);
	return rc;
}

static int
set_arg(struct ipc_pipe_stage *st, const char *arg, struct ipc_error *err)
{
	if (st->ops->arg != NULL)
		return st->ops->arg(st->cfg, arg, err);
	if (arg != NULL)
		return ipc_fail(err, IPC_E_USAGE, 0, NULL,
		    "%s takes no argument", st->ops->name);
	return 0;
}

/* NAME has been cut off; `ended` is what stood behind it, p what follows. */
static int
fill_cfg(struct ipc_pipe_stage *st, char ended, char *p,
    struct ipc_error *err)
{
	const struct ipc_stage_ops *ops = st->ops;
	struct ipc_opt_seen seen = { { 0, 0 } };
	bool rest = takes_rest(ops);
	char *arg = NULL, *piece;
	int rc = 0;

	if (ended == ':' && !rest)
		ended = cut_piece(&p, ",", true, &arg);
	while (rc == 0 && ended == ',') {
		ended = cut_piece(&p, rest ? ",:" : ",", !rest, &piece);
		rc = set_key(st, piece, &seen, err);
	}
	if (rc == 0)
		rc = set_arg(st, rest && ended == ':' ? p : arg, err);
	if (rc == 0 && ops->opts != NULL)
		rc = ipc_opt_complete(ops->opts, &seen, err);
	if (rc == 0 && ops->check != NULL)
		rc = ops->check(st->cfg, err);
	return rc;
}

static int
fill_stage(struct ipc_pipe_stage *st, struct ipc_error *err)
{
	char *p = st->words, *name, ended;
	size_t size;
	int rc = 0;

	ended = cut_piece(&p, ":,", true, &name);
	if (name[0] == '\0')
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "write a stage on both sides of |, such as "
		    "-p 'convert:json>cbor | frame:len32'",
		    "a stage is missing in the pipeline");
	st->ops = find_named(name);
	if (st->ops == NULL)
		return unknown_stage(name, err);
	size = st->ops->cfg_size;
	st->cfg = calloc(1, size > 0 ? size : 1);
	if (st->cfg == NULL)
		return no_memory(err);
	if (st->ops->opts != NULL)
		rc = ipc_opt_defaults(st->ops->opts, st->cfg, err);
	if (rc == 0)
		rc = fill_cfg(st, ended, p, err);
	if (rc == 0)
		return 0;
	ipc_error_where(err, "stage %s", st->ops->name);
	if (err != NULL && err->hint[0] == '\0')
		ipc_error_hint(err, "write %s", st->ops->syntax);
	return rc;
}

/* The stage that is written in s[0..n). */
static int
add_stage(struct ipc_pipe_spec *spec, const char *s, size_t n,
    struct ipc_error *err)
{
	struct ipc_pipe_stage *st;

	if (spec->n == IPC_PIPE_MAX)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "divide the work between two relays",
		    "a pipeline has at most %d stages", IPC_PIPE_MAX);
	st = &spec->stage[spec->n++];
	st->text = strndup(s, n);
	st->words = strndup(s, n);
	if (st->text == NULL || st->words == NULL)
		return no_memory(err);
	return fill_stage(st, err);
}

/* Does the stage that begins at s take the rest of the text? */
static bool
begins_rest(const char *s)
{
	const struct ipc_stage_ops *ops;
	size_t n = strcspn(s, ":,|" BLANKS);
	char name[16];

	if (n >= sizeof(name))
		return false;
	memcpy(name, s, n);
	name[n] = '\0';
	ops = find_named(name);
	return ops != NULL && takes_rest(ops);
}

/* Bytes of the stage at s, up to its bar or the end of the text. */
static size_t
stage_length(const char *s)
{
	const char *p = s;

	if (begins_rest(s))
		return strlen(s);
	for (; *p != '\0' && *p != '|'; p++)
		if (*p == '\\' && p[1] != '\0')
			p++;
	return (size_t)(p - s);
}

static int
add_text(struct ipc_pipe_spec *spec, const char *s, struct ipc_error *err)
{
	size_t n, len;
	bool more;
	int rc;

	do {
		s += strspn(s, BLANKS);
		n = len = stage_length(s);
		more = s[n] == '|';
		while (!begins_rest(s) && len > 0 &&
		    strchr(BLANKS, s[len - 1]) != NULL)
			len--;
		rc = add_stage(spec, s, len, err);
		s += n + more;
	} while (rc == 0 && more);
	return rc;
}

/* --- order ---------------------------------------------------------------- */

/* By rank; equal ranks stay as they are. */
static void
sort_stages(struct ipc_pipe_spec *spec)
{
	for (uint32_t i = 1; i < spec->n; i++) {
		struct ipc_pipe_stage st = spec->stage[i];
		uint32_t at = i;

		for (; at > 0 && spec->stage[at - 1].ops->rank > st.ops->rank;
		    at--)
			spec->stage[at] = spec->stage[at - 1];
		spec->stage[at] = st;
	}
}

static void
add_quoted(struct ipc_text *t, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\'')
			ipc_text_add(t, "'\\''");
		else
			ipc_text_put(t, s, 1);
	}
}

/* As it may be typed into a shell: -p 'a | exec:CMD' -p 'b'. */
static void
typed(const struct ipc_pipe_spec *spec, struct ipc_text *t)
{
	bool open = false;

	for (uint32_t i = 0; i < spec->n; i++) {
		if (open)
			ipc_text_add(t, " | ");
		else
			ipc_text_add(t, "%s-p '", i > 0 ? " " : "");
		add_quoted(t, spec->stage[i].text);
		open = !takes_rest(spec->stage[i].ops) && i + 1 < spec->n;
		if (!open)
			ipc_text_add(t, "'");
	}
}

static int
check_order(const struct ipc_pipe_spec *spec, struct ipc_error *err)
{
	struct ipc_pipe_spec right = *spec;
	struct ipc_text t = { 0 };
	const struct ipc_stage_ops *ops, *next;
	uint32_t i, frames = 0;

	for (i = 0; i < spec->n; i++)
		frames += spec->stage[i].ops->rank == IPC_RANK_FRAME;
	if (frames > 1)
		return ipc_fail(err, IPC_E_USAGE, 0, "leave one of them out",
		    "the pipeline has more than one frame");
	for (i = 0; i + 1 < spec->n; i++) {
		ops = spec->stage[i].ops;
		next = spec->stage[i + 1].ops;
		if (ops->rank <= next->rank)
			continue;
		sort_stages(&right);
		typed(&right, &t);
		ipc_fail(err, IPC_E_USAGE, 0, "",
		    "%s cannot come before %s: stages go from the "
		    "application to the wire", ops->name, next->name);
		ipc_error_hint(err, "%s", t.failed ? "" : t.s);
		ipc_text_free(&t);
		return IPC_E_USAGE;
	}
	return 0;
}

/* --- exported ------------------------------------------------------------- */

int
ipc_pipe_parse(struct ipc_pipe_spec *spec, const struct ipc_strings *texts,
    struct ipc_error *err)
{
	int rc = 0;

	memset(spec, 0, sizeof(*spec));
	for (uint32_t i = 0; i < texts->n && rc == 0; i++)
		rc = add_text(spec, texts->v[i], err);
	if (rc == 0)
		rc = check_order(spec, err);
	if (rc != 0)
		ipc_pipe_spec_free(spec);
	return rc;
}

void
ipc_pipe_spec_free(struct ipc_pipe_spec *spec)
{
	for (uint32_t i = 0; i < spec->n; i++) {
		struct ipc_pipe_stage *st = &spec->stage[i];

		if (st->cfg != NULL && st->ops->free_cfg != NULL)
			st->ops->free_cfg(st->cfg);
		if (st->cfg != NULL && st->ops->opts != NULL)
			ipc_opt_free(st->ops->opts, st->cfg);
		free(st->cfg);
		free(st->text);
		free(st->words);
	}
	memset(spec, 0, sizeof(*spec));
}

void
ipc_pipe_text(const struct ipc_pipe_spec *spec, struct ipc_text *out)
{
	for (uint32_t i = 0; i < spec->n; i++)
		ipc_text_add(out, "%s%s", i > 0 ? " | " : "",
		    spec->stage[i].text != NULL ? spec->stage[i].text :
		    spec->stage[i].ops->name);	/* ours: nobody wrote it */
}
