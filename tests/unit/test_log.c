/* Log lines, read back from a pipe in place of stderr. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "check.h"

static int pipe_fd = -1;

/* What was logged since the last call. */
static const char *
logged(void)
{
	static char buf[65536];
	ssize_t n = read(pipe_fd, buf, sizeof(buf) - 1);

	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

static void
levels(void)
{
	static const enum ipc_level all[] = { IPC_LOG_NONE, IPC_LOG_ERROR,
	    IPC_LOG_WARN, IPC_LOG_INFO, IPC_LOG_DEBUG };
	size_t i, j;

	ok(ipc_log_level() == IPC_LOG_WARN && !ipc_log_is_json(),
	    "the default is warn, text");
	ipc_log(IPC_LOG_WARN, NULL, "early");
	is_str(logged(), "ipcat warn: early\n", "before the set-up");
	for (i = 0; i < 5; i++) {
		ipc_log_setup("send", all[i], false);
		for (j = 0; j < 5; j++) {
			ipc_log(all[j], NULL, "x");
			ok((logged()[0] != '\0') == (j > 0 && j <= i),
			    "level %zu at %zu", j, i);
		}
	}
}

static void
text_lines(void)
{
	char big[10000];
	const char *s;
	size_t n;

	ipc_log_setup("relay", IPC_LOG_DEBUG, false);
	errno = 77;
	ipc_log(IPC_LOG_INFO, "tcp://h:1", "hello %d", 5);
	ok(errno == 77, "errno is kept");
	is_str(logged(), "ipcat[relay] info: tcp://h:1: hello 5\n", "a line");
	ipc_log(IPC_LOG_DEBUG, "", "no place");
	is_str(logged(), "ipcat[relay] debug: no place\n", "an empty where");
	ipc_log(IPC_LOG_WARN, "a\nb", "c\x1b[2J\r\nd\\");
	is_str(logged(), "ipcat[relay] warn: a\\x0ab: "
	    "c\\x1b[2J\\x0d\\x0ad\\\\\n", "everything is escaped");

	memset(big, '\n', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	ipc_log(IPC_LOG_WARN, big, "%s", big);
	s = logged();
	n = strlen(s);
	ok(n > 4000 && n <= 4096 && s[n - 1] == '\n' &&
	    strchr(s, '\n') == s + n - 1, "a long line is cut to one line");
	memset(big, 'a', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	ipc_log(IPC_LOG_WARN, NULL, "%s", big);
	s = logged();
	n = strlen(s);
	ok(n > 2000 && n <= 4096 && strcmp(s + n - 4, "...\n") == 0,
	    "a long message is marked as cut");
}

static void
json_lines(void)
{
	char big[10000];
	const char *s;

	ipc_log_setup("send", IPC_LOG_INFO, true);
	ok(ipc_log_is_json(), "json is on");
	ipc_log(IPC_LOG_INFO, "unix:/a\"b", "x\n\xFF");
	s = logged();
	ok(strncmp(s, "{\"t\":\"20", 8) == 0 && s[29] == 'Z' && s[30] == '"',
	    "starts with the time");
	ok(strstr(s, "\",\"mono\":") != NULL, "has the monotonic clock");
	ok(strstr(s, ",\"level\":\"info\",\"verb\":\"send\","
	    "\"where\":\"unix:/a\\\"b\",\"msg\":\"x\\n\xEF\xBF\xBD\"}\n") !=
	    NULL, "has the rest");
	ipc_log(IPC_LOG_INFO, NULL, "y");
	ok(strstr(logged(), "\"where\"") == NULL, "where may be absent");
	memset(big, '\x01', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	ipc_log(IPC_LOG_INFO, NULL, "%s", big);
	s = logged();
	ok(strcmp(s + strlen(s) - 6, "...\"}\n") == 0, "a cut object is whole");
}

static void
errors(void)
{
	struct ipc_error err;

	ipc_log_setup("relay", IPC_LOG_WARN, false);
	ipc_fail(&err, IPC_E_NET, ECONNREFUSED, NULL, "cannot connect");
	ipc_log_error(IPC_LOG_ERROR, &err);
	is_str(logged(), "ipcat[relay] error: cannot connect: connection "
	    "refused\n", "an error without a place");
	ipc_error_where(&err, "tcp://h:1");
	ipc_log_error(IPC_LOG_ERROR, &err);
	is_str(logged(), "ipcat[relay] error: cannot connect: connection "
	    "refused (tcp://h:1)\n", "an error with a place");
	ipc_log_error(IPC_LOG_INFO, &err);
	ipc_log_error(IPC_LOG_ERROR, NULL);
	is_str(logged(), "", "below the level, and none");
	ipc_log_setup("relay", IPC_LOG_WARN, true);
	ipc_log_error(IPC_LOG_ERROR, &err);
	ok(strstr(logged(), "\"where\":\"tcp://h:1\",\"msg\":\"cannot connect: "
	    "connection refused\",\"exit\":1,\"fix\":\"") != NULL,
	    "an error as json");
}

static void
limits(void)
{
	struct ipc_log_limit l = { 0 };
	uint64_t n = 99, now = 5 * IPC_NS_PER_S;
	int i;

	ok(ipc_log_allow(&l, now, &n) && n == 0, "the first passes");
	for (i = 0; i < 1000; i++)
		if (ipc_log_allow(&l, now + (uint64_t)i * 999999, &n))
			break;
	ok(i == 1000, "a thousand within a second do not");
	ok(ipc_log_allow(&l, now + IPC_NS_PER_S, &n), "after it one does");
	is_u64(n, 1000, "and tells how many were not");
	ok(!ipc_log_allow(&l, now + IPC_NS_PER_S, NULL), "next");
	ok(ipc_log_allow(&l, now + 9 * IPC_NS_PER_S, NULL), "NULL is fine");
}

int
main(void)
{
	int fds[2];

	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0 || dup2(fds[1], 2) < 0)
		return 1;
	pipe_fd = fds[0];
	levels();
	text_lines();
	json_lines();
	errors();
	limits();
	return done();
}
