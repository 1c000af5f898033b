/*
 * Fuzz: sizes, durations and numbers.
 *
 * What parses as a plain number must print back to itself without its leading
 * zeros; the formatters must stay in their buffer for any value.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/units.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool cond)
{
	if (!cond)
		abort();
}

static void
format_both(uint64_t v)
{
	char *buf = malloc(IPC_UNIT_TEXT);

	must(buf != NULL);
	must(strlen(ipc_format_size(buf, v)) < IPC_UNIT_TEXT);
	must(strlen(ipc_format_duration(buf, v)) < IPC_UNIT_TEXT);
	free(buf);
}

static void
check_number(const char *text)
{
	char back[32];
	uint64_t v = 0, w = 0;

	if (ipc_parse_u64(text, &v, NULL) != 0)
		return;
	while (text[0] == '0' && text[1] != '\0')
		text++;
	snprintf(back, sizeof(back), "%" PRIu64, v);
	must(strcmp(back, text) == 0);
	must(ipc_parse_size(text, &w, NULL) == 0 && w == v);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipc_error err;
	char *text = malloc(size + 1);
	uint64_t v;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_number(text);
	if (ipc_parse_size(text, &v, &err) == 0)
		format_both(v);
	if (ipc_parse_duration(text, &v, &err) == 0) {
		must(v <= INT64_MAX);
		format_both(v);
	}
	free(text);
	if (size >= sizeof(v)) {
		memcpy(&v, data, sizeof(v));
		format_both(v);
	}
	return 0;
}
