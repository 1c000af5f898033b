/*
 * Log lines on stderr.
 *
 * The state is set once before threads start and only read afterwards, so it
 * needs no lock; one write(2) a line keeps lines of several threads and
 * processes whole (a line is at most PIPE_BUF bytes as text).  A line that
 * stderr does not take at once (non-blocking and full) is dropped: a log must
 * not stop the data.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"

#define LOG_RAW 2048		/* bytes of message before escaping */
#define LOG_LINE 4096		/* bytes of a text line: PIPE_BUF */

static struct {
	const char *verb;
	enum ipc_level level;
	bool	 json;
} state = { NULL, IPC_LOG_WARN, false };

static const char *const level_name[] = {
	"none", "error", "warn", "info", "debug"
};

void
ipc_log_setup(const char *verb, enum ipc_level level, bool json)
{
	state.verb = verb;
	state.level = level;
	state.json = json;
}

enum ipc_level
ipc_log_level(void)
{
	return state.level;
}

bool
ipc_log_is_json(void)
{
	return state.json;
}

static void
write_line(const char *s, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, s, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		s += n;
		len -= (size_t)n;
	}
}

/* Append escaped text; room for the newline is always left. */
static size_t
put_escaped(char *line, size_t o, const char *s)
{
	if (LOG_LINE - 1 - o < 8)
		return o;
	ipc_escape(line + o, LOG_LINE - 1 - o, s, strlen(s));
	return o + strlen(line + o);
}

static void
text_line(enum ipc_level level, const char *where, const char *msg)
{
	char line[LOG_LINE];
	size_t o = 0;

	o = put_escaped(line, o, "ipcat");
	if (state.verb != NULL) {
		o = put_escaped(line, o, "[");
		o = put_escaped(line, o, state.verb);
		o = put_escaped(line, o, "]");
	}
	o = put_escaped(line, o, " ");
	o = put_escaped(line, o, level_name[level]);
	o = put_escaped(line, o, ": ");
	if (where != NULL && where[0] != '\0') {
		o = put_escaped(line, o, where);
		o = put_escaped(line, o, ": ");
	}
	o = put_escaped(line, o, msg);
	line[o++] = '\n';
	write_line(line, o);
}

static void
json_string(struct ipc_text *t, const char *key, const char *value)
{
	ipc_text_add(t, ",\"%s\":\"", key);
	ipc_text_json(t, value, strlen(value));
	ipc_text_put(t, "\"", 1);
}

static void
json_line(enum ipc_level level, const char *where, const char *msg,
    const struct ipc_error *err)
{
	struct ipc_text t = { 0 };
	uint64_t wall = ipc_wall();
	time_t sec = (time_t)(wall / IPC_NS_PER_S);
	char stamp[40] = "1970-01-01T00:00:00";
	struct tm tm;

	if (gmtime_r(&sec, &tm) != NULL)
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	ipc_text_add(&t, "{\"t\":\"%s.%03uZ\",\"mono\":%llu", stamp,
	    (unsigned int)(wall % IPC_NS_PER_S / IPC_NS_PER_MS),
	    (unsigned long long)ipc_now());
	json_string(&t, "level", level_name[level]);
	if (state.verb != NULL)
		json_string(&t, "verb", state.verb);
	if (where != NULL && where[0] != '\0')
		json_string(&t, "where", where);
	json_string(&t, "msg", msg);
	if (err != NULL) {
		ipc_text_add(&t, ",\"exit\":%d", ipc_exit_code(err));
		if (err->hint[0] != '\0')
			json_string(&t, "fix", err->hint);
	}
	ipc_text_put(&t, "}\n", 2);
	/* Half an object would break the reader; without memory say nothing. */
	if (!t.failed)
		write_line(t.s, t.len);
	ipc_text_free(&t);
}

static bool
is_wanted(enum ipc_level level)
{
	return level > IPC_LOG_NONE && level <= state.level &&
	    level <= IPC_LOG_DEBUG;
}

static void
emit(enum ipc_level level, const char *where, const char *msg,
    const struct ipc_error *err)
{
	int saved = errno;

	if (state.json)
		json_line(level, where, msg, err);
	else
		text_line(level, where, msg);
	errno = saved;
}

void
ipc_log(enum ipc_level level, const char *where, const char *fmt, ...)
{
	char msg[LOG_RAW];
	va_list ap;
	int n;

	if (!is_wanted(level))
		return;
	va_start(ap, fmt);
	n = vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(msg))
		memcpy(msg + sizeof(msg) - 4, "...", 4);
	emit(level, where, msg, NULL);
}

void
ipc_log_error(enum ipc_level level, const struct ipc_error *err)
{
	char msg[sizeof(err->what) + sizeof(err->where) + 4];

	if (err == NULL || !is_wanted(level))
		return;
	if (state.json || err->where[0] == '\0') {
		emit(level, err->where, err->what, err);
		return;
	}
	snprintf(msg, sizeof(msg), "%s (%s)", err->what, err->where);
	emit(level, NULL, msg, err);
}

bool
ipc_log_allow(struct ipc_log_limit *l, uint64_t now_ns, uint64_t *suppressed)
{
	if (now_ns < l->next_ns) {
		l->suppressed++;
		return false;
	}
	if (suppressed != NULL)
		*suppressed = l->suppressed;
	l->suppressed = 0;
	l->next_ns = now_ns + IPC_NS_PER_S;
	return true;
}
