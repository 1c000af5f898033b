/*
 * Fuzz: the text of -p.
 *
 * The input is split on NUL into texts.  What is accepted must print as
 * something that is accepted again and prints the same; what is refused must
 * say why, and leave nothing behind.  An order that was refused must be mended
 * by the hint, if that was not cut.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "stage/pipe.h"

#define TEXTS 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool cond)
{
	if (!cond)
		abort();
}

static bool
is_exec(const struct ipc_pipe_stage *st)
{
	return strcmp(st->ops->name, "exec") == 0;
}

/* Each stage by itself, so that exec takes no more than it did. */
static void
again(const struct ipc_pipe_spec *spec)
{
	struct ipc_strings texts = { 0 };
	struct ipc_pipe_spec twice;
	struct ipc_text a = { 0 }, b = { 0 };
	struct ipc_error err;
	uint32_t i;

	for (i = 0; i < spec->n; i++)
		must(ipc_strings_add(&texts, spec->stage[i].text) == 0);
	must(ipc_pipe_parse(&twice, &texts, &err) == 0);
	must(twice.n == spec->n);
	for (i = 0; i < spec->n; i++)
		must(twice.stage[i].ops == spec->stage[i].ops);
	ipc_pipe_text(spec, &a);
	ipc_pipe_text(&twice, &b);
	must(a.len == b.len && (a.len == 0 || strcmp(a.s, b.s) == 0));
	ipc_text_free(&a);
	ipc_text_free(&b);
	ipc_pipe_spec_free(&twice);
	ipc_strings_free(&texts);
}

static void
sound(const struct ipc_pipe_spec *spec)
{
	uint32_t i, frames = 0;

	must(spec->n <= IPC_PIPE_MAX);
	for (i = 0; i < spec->n; i++) {
		const struct ipc_pipe_stage *st = &spec->stage[i];

		must(st->ops->syntax != NULL && st->cfg != NULL);
		must(i == 0 || spec->stage[i - 1].ops->rank <= st->ops->rank);
		frames += st->ops->rank == IPC_RANK_FRAME;
		must(is_exec(st) || strcspn(st->text, " \t\r\n") > 0);
	}
	must(frames <= 1);
}

/* The words of "-p 'A' -p 'B'", as a shell takes them; free *copy. */
static void
unquote(const char *hint, struct ipc_strings *texts, char **copy)
{
	char *d;

	*copy = d = malloc(strlen(hint) + 1);
	must(d != NULL);
	while (strncmp(hint, "-p '", 4) == 0) {
		must(ipc_strings_add(texts, d) == 0);
		for (hint += 4; *hint != '\0'; hint++) {
			if (strncmp(hint, "'\\''", 4) == 0)
				hint += 3;
			else if (*hint == '\'')
				break;
			*d++ = *hint;
		}
		*d++ = '\0';
		must(*hint == '\'');
		hint++;
		hint += *hint == ' ';
	}
	must(*hint == '\0');
}

static void
mended(const struct ipc_error *err)
{
	size_t n = strlen(err->hint);
	struct ipc_strings texts = { 0 };
	struct ipc_pipe_spec spec;
	struct ipc_error none;
	char *copy;

	if (n < 3 || strcmp(err->hint + n - 3, "...") == 0)
		return;
	unquote(err->hint, &texts, &copy);
	must(ipc_pipe_parse(&spec, &texts, &none) == 0);
	ipc_pipe_spec_free(&spec);
	ipc_strings_free(&texts);
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipc_strings texts = { 0 };
	struct ipc_pipe_spec spec;
	struct ipc_error err = { 0 };
	size_t len;
	uint32_t i;
	int rc;

	while (size > 0 && texts.n < TEXTS) {
		char *s = strndup((const char *)data, size);

		must(s != NULL && ipc_strings_add(&texts, s) == 0);
		len = strlen(s);
		len += len < size;	/* its NUL */
		data += len;
		size -= len;
	}
	rc = ipc_pipe_parse(&spec, &texts, &err);
	must(rc == 0 || rc == IPC_E_USAGE);
	if (rc == 0) {
		sound(&spec);
		again(&spec);
	} else {
		must(spec.n == 0 && err.what[0] != '\0' &&
		    err.hint[0] != '\0');
		if (strncmp(err.hint, "-p '", 4) == 0)
			mended(&err);
	}
	ipc_pipe_spec_free(&spec);
	for (i = 0; i < texts.n; i++)
		free((char *)(uintptr_t)texts.v[i]);
	ipc_strings_free(&texts);
	return 0;
}
