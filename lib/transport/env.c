/*
 * Building a child's environment: a list of owned strings, at most one for a
 * name.  Values that come from a peer are addresses and numbers formatted by
 * us, never bytes it sent.
 */
#include "transport/env.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/opt.h"
#include "transport/transport.h"

/* A trailing '*' stands for any rest. */
static const char *const kept[] = {
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_*", "TZ",
	"TERM", "TMPDIR", NULL,
};

static const char *const never[] = {
	"LISTEN_*", "LD_*", "NOTIFY_SOCKET", "WATCHDOG_*", "PROTO",
	"TCPREMOTE*", "TCPLOCAL*", "UNIXREMOTE*", "UNIXLOCAL*", "IPCAT_*",
	NULL,
};

static bool
env_listed(const char *const *list, const char *name, size_t len)
{
	for (; *list != NULL; list++) {
		size_t n = strlen(*list);

		if ((*list)[n - 1] == '*') {
			if (len >= n - 1 && memcmp(*list, name, n - 1) == 0)
				return true;
		} else if (len == n && memcmp(*list, name, n) == 0) {
			return true;
		}
	}
	return false;
}

/* Takes over `s`, "NAME=VALUE"; NULL is lack of memory. */
static void
env_own(struct ipc_env *e, char *s)
{
	size_t len = s == NULL ? 0 : strcspn(s, "=") + 1;
	char **v;

	for (size_t i = 0; s != NULL && i < e->n; i++) {
		if (strncmp(e->v[i], s, len) != 0)
			continue;
		free(e->v[i]);
		e->v[i] = s;
		return;
	}
	if (s != NULL && e->n + 2 > e->cap) {
		size_t cap = e->cap == 0 ? 32 : e->cap * 2;

		v = realloc(e->v, cap * sizeof(*v));
		if (v != NULL) {
			e->v = v;
			e->cap = cap;
		}
	}
	if (s == NULL || e->n + 2 > e->cap) {
		e->failed = true;
		free(s);
		return;
	}
	e->v[e->n++] = s;
	e->v[e->n] = NULL;
}

static void env_add(struct ipc_env *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
env_add(struct ipc_env *e, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	env_own(e, n < 0 ? NULL : s);
}

static void
env_inherit(struct ipc_env *e, bool pass_all)
{
	for (char **p = environ; p != NULL && *p != NULL; p++) {
		size_t len = strcspn(*p, "=");

		if ((*p)[len] == '\0' || len == 0 ||
		    env_listed(never, *p, len))
			continue;
		if (pass_all || env_listed(kept, *p, len))
			env_own(e, strdup(*p));
	}
}

static bool
env_local(const struct ipc_conn *c, struct ipc_ident *id)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd = c->rfd != -1 ? c->rfd : c->wfd;

	memset(&ss, 0, sizeof(ss));
	if (fd == -1 || getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
		return false;
	ipc_ident_from(id, (const struct sockaddr *)&ss, len);
	return true;
}

static void
env_peer_inet(struct ipc_env *e, const struct ipc_ident *peer,
    const struct ipc_ident *local)
{
	char text[IPC_IDENT_TEXT];

	env_add(e, "PROTO=TCP");
	env_add(e, "TCPREMOTEIP=%s", ipc_ident_host(text, peer));
	env_add(e, "TCPREMOTEPORT=%u", peer->port);
	env_add(e, "IPCAT_PEER_IP=%s", text);
	env_add(e, "IPCAT_PEER_PORT=%u", peer->port);
	if (local == NULL)
		return;
	env_add(e, "TCPLOCALIP=%s", ipc_ident_host(text, local));
	env_add(e, "TCPLOCALPORT=%u", local->port);
}

static void
env_peer_unix(struct ipc_env *e, const struct ipc_ident *peer)
{
	env_add(e, "PROTO=UNIX");
	if (!peer->has_cred)
		return;
	env_add(e, "UNIXREMOTEPID=%ld", (long)peer->pid);
	env_add(e, "UNIXREMOTEEUID=%lu", (unsigned long)peer->uid);
	env_add(e, "UNIXREMOTEEGID=%lu", (unsigned long)peer->gid);
	env_add(e, "IPCAT_PEER_PID=%ld", (long)peer->pid);
	env_add(e, "IPCAT_PEER_UID=%lu", (unsigned long)peer->uid);
	env_add(e, "IPCAT_PEER_GID=%lu", (unsigned long)peer->gid);
}

static void
env_peer(struct ipc_env *e, const struct ipc_conn *c)
{
	char text[IPC_IDENT_TEXT];
	struct ipc_ident local;
	bool known;

	memset(&local, 0, sizeof(local));
	known = env_local(c, &local);
	if (c->tr != NULL)
		env_add(e, "IPCAT_SCHEME=%s", c->tr->scheme);
	env_add(e, "IPCAT_PID=%ld", (long)getpid());
	if (c->peer.family != 0)
		env_add(e, "IPCAT_PEER=%s", ipc_ident_text(text, &c->peer));
	if (c->peer.family == AF_INET || c->peer.family == AF_INET6)
		env_peer_inet(e, &c->peer, known ? &local : NULL);
	if (c->peer.family == AF_UNIX)
		env_peer_unix(e, &c->peer);
	if (known && local.family != AF_UNIX)
		env_add(e, "IPCAT_LOCAL=%s", ipc_ident_text(text, &local));
	else if (known && c->ep != NULL && c->ep->path != NULL)
		env_add(e, "IPCAT_LOCAL=%s", c->ep->path);
}

int
ipc_env_build(struct ipc_env *e, bool pass_all,
    const struct ipc_strings *extra, const struct ipc_conn *other)
{
	env_inherit(e, pass_all);
	if (other != NULL)
		env_peer(e, other);
	for (uint32_t i = 0; i < extra->n; i++)
		env_own(e, strdup(extra->v[i]));
	/* execve(2) takes an empty list, but not none. */
	if (e->v == NULL && !e->failed) {
		e->v = calloc(1, sizeof(*e->v));
		e->cap = e->v == NULL ? 0 : 1;
		e->failed = e->v == NULL;
	}
	if (!e->failed)
		return 0;
	errno = ENOMEM;
	return -1;
}

void
ipc_env_free(struct ipc_env *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->v[i]);
	free(e->v);
	memset(e, 0, sizeof(*e));
}
