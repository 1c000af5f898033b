/*
 * Fuzz: escaping and the nearest word.
 *
 * The first byte is the size of the output buffer.  Escaped text must be
 * printable, terminated and within the buffer; a JSON string must hold no
 * control, no bare quote and only whole escapes.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool cond)
{
	if (!cond)
		abort();
}

static void
check_escape(size_t room, const uint8_t *data, size_t size)
{
	char *buf = malloc(room), *all = malloc(size * 4 + 8);
	size_t i, n;

	must(buf != NULL && all != NULL);
	ipc_escape(all, size * 4 + 8, data, size);
	ipc_escape(buf, room, data, size);
	n = strlen(buf);
	must(n < room);
	for (i = 0; i < n; i++)
		must((uint8_t)buf[i] >= 0x20 && buf[i] != 0x7F);
	if (strcmp(buf, all) != 0)
		must(n >= 3 && strcmp(buf + n - 3, "...") == 0 &&
		    memcmp(buf, all, n - 3) == 0);
	free(buf);
	free(all);
}

static void
check_json(const uint8_t *data, size_t size)
{
	static const char valid[] = "\"\\/bfnrtu";
	struct ipc_text t = { 0 };
	size_t i;

	ipc_text_json(&t, data, size);
	must(!t.failed && (size == 0 || t.len > 0));
	for (i = 0; i < t.len; i++) {
		must((uint8_t)t.s[i] >= 0x20 && t.s[i] != '"');
		if (t.s[i] != '\\')
			continue;
		i++;
		must(i < t.len && memchr(valid, t.s[i], sizeof(valid) - 1) !=
		    NULL);
		if (t.s[i] == 'u')
			must(strspn(t.s + i + 1, "0123456789abcdef") >= 4);
	}
	ipc_text_free(&t);
}

static void
check_nearest(const uint8_t *data, size_t size)
{
	static const char *const words[] = { "tcp", "unix", "unixgram",
	    "connect-timeout", "", NULL };
	char *word = strndup((const char *)data, size);

	must(word != NULL);
	ipc_nearest(word, words);
	free(word);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room;

	if (size == 0)
		return 0;
	room = data[0] < 8 ? 8 : data[0];
	check_escape(room, data + 1, size - 1);
	check_json(data + 1, size - 1);
	check_nearest(data + 1, size - 1);
	return 0;
}
