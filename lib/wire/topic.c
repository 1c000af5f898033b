/* Topic names, patterns and lines.  See topic.h. */
#include "wire/topic.h"

#include <string.h>

#define LONGEST_VERB 5

static const struct {
	char	 name[LONGEST_VERB + 1];
	uint8_t	 len;
} verbs[] = {
	[IPC_TOPIC_PUB] = { "PUB", 3 },
	[IPC_TOPIC_SUB] = { "SUB", 3 },
	[IPC_TOPIC_UNSUB] = { "UNSUB", 5 },
	[IPC_TOPIC_MSG] = { "MSG", 3 },
};

/* The end of the token that begins at i. */
static size_t
token_end(const uint8_t *s, size_t i, size_t len)
{
	const uint8_t *dot = memchr(s + i, '.', len - i);

	return dot == NULL ? len : (size_t)(dot - s);
}

/* What is wrong with the token [i, end), or NULL. */
static const char *
bad_token(const uint8_t *s, size_t i, size_t end, size_t len, bool pattern)
{
	if (i == end)
		return "an empty token";
	if (pattern && end - i == 1 && s[i] == '*')
		return NULL;
	if (pattern && end - i == 1 && s[i] == '>')
		return end == len ? NULL : "\">\" before the last token";
	for (; i < end; i++) {
		if (s[i] <= ' ' || s[i] == 0x7f)
			return "a blank or a control character";
		if (s[i] == '*' || s[i] == '>')
			return pattern ? "a wildcard inside a token" :
			    "a wildcard in a name";
	}
	return NULL;
}

static int
check(const void *topic, size_t len, bool pattern, enum ipc_code code,
    struct ipc_error *err)
{
	const char *kind = pattern ? "topic pattern" : "topic";
	const uint8_t *s = topic;
	size_t i = 0, tokens = 0, end;

	if (len == 0)
		return ipc_fail(err, code, 0, NULL, "an empty %s", kind);
	if (len > IPC_TOPIC_MAX)
		return ipc_fail(err, code, 0, NULL,
		    "a %s of %zu bytes, %d are allowed", kind, len,
		    IPC_TOPIC_MAX);
	do {
		const char *what;

		end = token_end(s, i, len);
		what = bad_token(s, i, end, len, pattern);
		if (what != NULL)
			return ipc_fail(err, code, 0, NULL,
			    "bad %s \"%.*s\": %s", kind,
			    len > 60 ? 60 : (int)len, (const char *)s, what);
		if (++tokens > IPC_TOPIC_TOKENS)
			return ipc_fail(err, code, 0, NULL,
			    "a %s of more than %d tokens", kind,
			    IPC_TOPIC_TOKENS);
		i = end + 1;
	} while (end < len);
	return 0;
}

int
ipc_topic_check(const void *topic, size_t len, enum ipc_code code,
    struct ipc_error *err)
{
	return check(topic, len, false, code, err);
}

int
ipc_pattern_check(const void *pattern, size_t len, enum ipc_code code,
    struct ipc_error *err)
{
	return check(pattern, len, true, code, err);
}

bool
ipc_topic_match(const void *pattern, size_t plen, const void *topic,
    size_t tlen)
{
	const uint8_t *p = pattern, *t = topic;
	size_t i = 0, j = 0;

	for (;;) {
		size_t pe = token_end(p, i, plen), te = token_end(t, j, tlen);

		if (pe - i == 1 && p[i] == '>')
			return true;
		if (!(pe - i == 1 && p[i] == '*') &&
		    (pe - i != te - j || memcmp(p + i, t + j, te - j) != 0))
			return false;
		if (pe == plen || te == tlen)
			return pe == plen && te == tlen;
		i = pe + 1;
		j = te + 1;
	}
}

/* The verb of a line, and where its topic begins; -1: none. */
static int
find_verb(const uint8_t *s, size_t len, size_t *at)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		size_t n = verbs[i].len;

		if (len > n && s[n] == ' ' &&
		    memcmp(s, verbs[i].name, n) == 0) {
			*at = n + 1;
			return (int)i;
		}
	}
	return -1;
}

int
ipc_topic_parse(const void *line, uint32_t len, struct ipc_topic_line *l,
    struct ipc_error *err)
{
	const uint8_t *s = line, *blank;
	size_t at = 0, n;
	int verb = len == 0 ? -1 : find_verb(s, len, &at);

	if (verb < 0)
		return ipc_fail(err, IPC_E_DATA, 0,
		    "say PUB TOPIC PAYLOAD, SUB PATTERN or UNSUB PATTERN",
		    "not a line of the topic protocol: \"%.*s\"",
		    len > 60 ? 60 : (int)len, (const char *)line);
	l->verb = (enum ipc_topic_verb)verb;
	l->topic = s + at;
	n = len - at;
	if (verb == IPC_TOPIC_SUB || verb == IPC_TOPIC_UNSUB) {
		l->bare = true;
		l->payload = len;
		l->ntopic = (uint16_t)n;	/* what it cuts is refused */
		return check(l->topic, n, true, IPC_E_DATA, err);
	}
	/* Only as far as a topic can reach: payloads may be large. */
	blank = memchr(l->topic, ' ', n > IPC_TOPIC_MAX + 1 ?
	    IPC_TOPIC_MAX + 1 : n);
	l->bare = blank == NULL;
	n = l->bare ? n : (size_t)(blank - l->topic);
	l->ntopic = (uint16_t)n;
	l->payload = (uint32_t)(at + n) + !l->bare;
	return check(l->topic, n, false, IPC_E_DATA, err);
}
