/*
 * Fuzz: topics.
 *
 * Input: a line of the protocol, a LF, a topic.  What parses lies inside the
 * line and passes its check; matching agrees with a slow model that splits
 * both sides first.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "wire/topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool cond)
{
	if (!cond)
		abort();
}

struct tokens {
	const uint8_t *s[IPC_TOPIC_TOKENS];
	size_t	len[IPC_TOPIC_TOKENS];
	size_t	n;
};

static void
split(struct tokens *t, const uint8_t *s, size_t len)
{
	size_t from = 0;

	t->n = 0;
	for (size_t i = 0; i <= len; i++) {
		if (i < len && s[i] != '.')
			continue;
		must(t->n < IPC_TOPIC_TOKENS && i > from);
		t->s[t->n] = s + from;
		t->len[t->n++] = i - from;
		from = i + 1;
	}
}

static bool
model(const struct tokens *p, const struct tokens *t)
{
	for (size_t i = 0; i < p->n; i++) {
		if (i >= t->n)
			return false;
		if (p->len[i] == 1 && p->s[i][0] == '>')
			return true;
		if (p->len[i] == 1 && p->s[i][0] == '*')
			continue;
		if (p->len[i] != t->len[i] ||
		    memcmp(p->s[i], t->s[i], p->len[i]) != 0)
			return false;
	}
	return p->n == t->n;
}

static void
check_match(const uint8_t *p, size_t np, const uint8_t *t, size_t nt)
{
	static const uint8_t all[] = ">";
	struct tokens a, b;

	if (ipc_topic_check(t, nt, IPC_E_DATA, NULL) != 0)
		return;
	must(nt > 0 && nt <= IPC_TOPIC_MAX);
	must(ipc_topic_match(t, nt, t, nt));
	must(ipc_topic_match(all, 1, t, nt));
	split(&a, p, np);
	split(&b, t, nt);
	must(ipc_topic_match(p, np, t, nt) == model(&a, &b));
}

static void
check_line(const uint8_t *s, size_t len, const uint8_t *t, size_t nt)
{
	struct ipc_topic_line l;
	struct ipc_error err;

	if (ipc_topic_parse(s, (uint32_t)len, &l, &err) != 0)
		return;
	must(l.topic >= s && l.topic + l.ntopic <= s + len);
	must(l.payload <= len);
	if (l.verb == IPC_TOPIC_SUB || l.verb == IPC_TOPIC_UNSUB) {
		must(ipc_pattern_check(l.topic, l.ntopic, IPC_E_DATA,
		    NULL) == 0);
		must(l.topic + l.ntopic == s + len);
		check_match(l.topic, l.ntopic, t, nt);
		return;
	}
	must(ipc_topic_check(l.topic, l.ntopic, IPC_E_DATA, NULL) == 0);
	must(l.bare ? l.payload == len : s[l.payload - 1] == ' ' &&
	    l.topic + l.ntopic + 1 == s + l.payload);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *lf = size == 0 ? NULL : memchr(data, '\n', size);
	size_t n = lf == NULL ? size : (size_t)(lf - data);
	size_t nt = lf == NULL ? 0 : size - n - 1;
	/* Of their own, so that a read past the end is seen. */
	uint8_t *line = malloc(n > 0 ? n : 1);
	uint8_t *topic = malloc(nt > 0 ? nt : 1);

	must(line != NULL && topic != NULL);
	if (n > 0)
		memcpy(line, data, n);
	if (nt > 0)
		memcpy(topic, lf + 1, nt);
	check_line(line, n, topic, nt);
	if (ipc_pattern_check(line, n, IPC_E_DATA, NULL) == 0)
		check_match(line, n, topic, nt);
	free(line);
	free(topic);
	return 0;
}
