/*
 * The calls that make descriptors or take memory, of which FAULT=emfile and
 * FAULT=enomem fail the n-th.  Each is one line of a table.
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* --- descriptors --- */

#define MAKES_FD(ret, bad, name, params, ...) \
	ret name params \
	{ \
		return nth(MFILE, EMFILE, #name) ? (ret)(bad) : \
		    REAL(name)(__VA_ARGS__); \
	}
#define OPENS(name, ...) \
	{ \
		va_list ap; \
		va_start(ap, flags); \
		mode_t m = flags & (O_CREAT | __O_TMPFILE) ? \
		    va_arg(ap, mode_t) : 0; \
		va_end(ap); \
		return nth(MFILE, EMFILE, #name) ? -1 : \
		    REAL(name)(__VA_ARGS__, flags, m); \
	}
#define ACCEPTS(name, params, ...) \
	int name params \
	{ \
		return interrupted(#name, fd) || nth(MFILE, EMFILE, #name) ? \
		    -1 : REAL(name)(__VA_ARGS__); \
	}

int open(const char *p, int flags, ...) OPENS(open, p)
int open64(const char *p, int flags, ...) OPENS(open64, p)
int openat(int d, const char *p, int flags, ...) OPENS(openat, d, p)
int openat64(int d, const char *p, int flags, ...) OPENS(openat64, d, p)
/* What _FORTIFY_SOURCE calls instead. */
int __open_2(const char *p, int f) { return open(p, f); }
int __open64_2(const char *p, int f) { return open64(p, f); }
int __openat_2(int d, const char *p, int f) { return openat(d, p, f); }
ACCEPTS(accept, (int fd, struct sockaddr *a, socklen_t *l), fd, a, l)
ACCEPTS(accept4, (int fd, struct sockaddr *a, socklen_t *l, int f), fd, a, l, f)
MAKES_FD(FILE *, 0, fopen, (const char *p, const char *m), p, m)
MAKES_FD(int, -1, socket, (int d, int t, int p), d, t, p)
MAKES_FD(int, -1, socketpair, (int d, int t, int p, int v[2]), d, t, p, v)
MAKES_FD(int, -1, pipe, (int v[2]), v)
MAKES_FD(int, -1, pipe2, (int v[2], int f), v, f)
MAKES_FD(int, -1, dup, (int fd), fd)
int pidfd_open(pid_t, unsigned);
MAKES_FD(int, -1, eventfd, (unsigned n, int f), n, f)
MAKES_FD(int, -1, epoll_create1, (int f), f)
MAKES_FD(int, -1, timerfd_create, (int c, int f), c, f)
MAKES_FD(int, -1, memfd_create, (const char *n, unsigned f), n, f)
MAKES_FD(int, -1, inotify_init1, (int f), f)
MAKES_FD(int, -1, pidfd_open, (pid_t p, unsigned f), p, f)

/* --- memory --- */

#define ALLOC(name, params, real, args) \
	void *real params; \
	void *name params \
	{ \
		return nth(NOMEM, ENOMEM, #name) ? NULL : real args; \
	}
ALLOC(malloc, (size_t n), __libc_malloc, (n))
ALLOC(calloc, (size_t n, size_t m), __libc_calloc, (n, m))
ALLOC(realloc, (void *p, size_t n), __libc_realloc, (p, n))
ALLOC(aligned_alloc, (size_t a, size_t n), __libc_memalign, (a, n))

int
posix_memalign(void **p, size_t a, size_t n)
{
	void *m = aligned_alloc(a, n);

	if (m != NULL)
		*p = m;
	return m == NULL ? ENOMEM : 0;
}
