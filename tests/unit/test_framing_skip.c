/*
 * Passing over frames that are too long: every framing whose end can be
 * known, in pieces of every size, and those where it cannot.
 */
#include <stdlib.h>

#include "base/error.h"
#include "wire/framing.h"

#include "check.h"

#define MAX 8

/*
 * Read a stream that arrives `piece` bytes at a time, as source.c does: a
 * frame longer than MAX is passed over.  Writes "payload|" for each message
 * and "!" for each that was skipped; "E" and stops when that is impossible.
 */
static void
read_all(const char *word, const uint8_t *p, size_t n, size_t piece,
    char *out)
{
	struct ipc_framing f;
	struct ipc_unframe u = { .f = &f };
	struct ipc_error err = { 0 };
	size_t at = 0, have = 0;

	ipc_framing_parse(&f, word, &err);
	f.max = MAX;
	for (;;) {
		struct ipc_frame fr = { .used = 0 };
		size_t need = 1;
		int r = 0;

		if (u.skipping && at < have)
			at += ipc_unframe_skip(&u, p + at, have - at);
		if (!u.skipping && at < have)
			r = ipc_unframe(&u, p + at, have - at, have == n, &fr,
			    &need, &err);
		at += r < 0 ? 0 : fr.used;
		if (r < 0 && !ipc_unframe_skip_begin(&u, p + at, have - at)) {
			*out++ = 'E';
			break;
		}
		if (r < 0)
			*out++ = '!';
		if (r > 0) {
			memcpy(out, p + at - fr.used + fr.off, fr.len);
			out += fr.len;
			*out++ = '|';
		}
		if (r == 0 && have == n)
			break;
		if (r == 0 && (!u.skipping || at == have || piece > 0))
			have = n - have < piece ? n : have + piece;
	}
	*out = '\0';
	ipc_unframe_free(&u);
}

static void
is_skipped(const char *word, const char *stream, size_t n, const char *want)
{
	char out[256];
	unsigned wrong = 0;

	for (size_t piece = 1; piece <= n; piece++) {
		read_all(word, (const uint8_t *)stream, n, piece, out);
		wrong += strcmp(out, want) != 0;
		if (strcmp(out, want) != 0)
			printf("# pieces of %zu: %s\n", piece, out);
	}
	is_u64(wrong, 0, "%s: %s", word, want);
}

#define SKIPPED(word, stream, want) \
	is_skipped(word, stream, sizeof(stream) - 1, want)
#define LONG "0123456789"

int
main(void)
{
	SKIPPED("line", "a\n" LONG "\nb\n" LONG LONG "\n\nc",
	    "a|!b|!|c|");
	SKIPPED("line", LONG "\n", "!");
	SKIPPED("line", "a\n" LONG LONG, "a|!");
	SKIPPED("nul", "a\0" LONG "\0b\0", "a|!b|");
	SKIPPED("delim:--", "a--" LONG "--b-c--" LONG "---x--", "a|!b-c|!-x|");
	SKIPPED("delim:aab", "xaab" LONG "aaab" "yaab", "x|!y|");
	SKIPPED("len16", "\0\1a" "\0\12" LONG "\0\0" "\0\2bc", "a|!|bc|");
	SKIPPED("len32", "\0\0\0\1a" "\0\0\0\12" LONG "\0\0\0\1b", "a|!b|");
	SKIPPED("len32le", "\1\0\0\0a" "\12\0\0\0" LONG "\1\0\0\0b", "a|!b|");
	SKIPPED("varint", "\1a" "\12" LONG "\2bc", "a|!bc|");
	SKIPPED("varint", "\1a" "\212\0" LONG "\1b", "a|!b|");
	SKIPPED("netstring", "1:a,10:" LONG ",2:bc,", "a|!bc|");
	/* No place to go on from. */
	SKIPPED("netstring", "1:a,x", "a|E");
	SKIPPED("netstring", "1:a,99999999999:", "a|E");
	SKIPPED("json", "1 \"" LONG "\" 2 ", "1|E");
	SKIPPED("cbor", "\1\172\0\0\0\12" LONG "\2", "\1|E");
	/* A header that claims what will never come: nothing is kept. */
	SKIPPED("len32", "\377\377\377\377" LONG, "!");
	return done();
}
