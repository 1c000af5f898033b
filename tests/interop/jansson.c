/*
 * jansson, for codec-diff.py: JSON texts from standard input, each behind its
 * length in four bytes, the highest first.  For each one, framed the same way:
 * '=' and the compact text that jansson makes of it, or '!' and why it refuses.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
put(char sign, const char *s)
{
	size_t n = strlen(s) + 1;
	uint8_t head[5] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16),
	    (uint8_t)(n >> 8), (uint8_t)n, (uint8_t)sign };

	fwrite(head, 1, sizeof(head), stdout);
	fputs(s, stdout);
}

static void
answer(const char *text, size_t n)
{
	json_error_t err;
	json_t *doc = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL |
	    JSON_REJECT_DUPLICATES, &err);
	char *again;

	if (doc == NULL) {
		put('!', err.text);
		return;
	}
	again = json_dumps(doc, JSON_ENCODE_ANY | JSON_COMPACT);
	put(again != NULL ? '=' : '!', again != NULL ? again : "no memory");
	free(again);
	json_decref(doc);
}

int
main(void)
{
	uint8_t head[4];
	char *text;
	size_t n;

	while (fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
		n = (size_t)head[0] << 24 | (size_t)head[1] << 16 |
		    (size_t)head[2] << 8 | head[3];
		text = malloc(n > 0 ? n : 1);
		if (text == NULL || fread(text, 1, n, stdin) != n)
			return 1;
		answer(text, n);
		free(text);
	}
	return fflush(stdout) != 0;
}
