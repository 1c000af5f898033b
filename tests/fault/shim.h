/*
 * What the files of the shim share.  shim.c explains what it does.
 */
#ifndef FAULT_SHIM_H
#define FAULT_SHIM_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>

/* We define functions of libc, and use statement expressions. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wpedantic"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

enum fault_mode { OFF, SHORT, INTR, AGAIN, MFILE, NOMEM };

/* The function behind ours. */
#define REAL(name) \
	({ \
		static typeof(&name) fn_; \
		if (fn_ == NULL) \
			*(void **)&fn_ = dlsym(RTLD_NEXT, #name); \
		fn_; \
	})

/* Is this one of the calls that mode m is to fail?  Then errno is err. */
bool nth(enum fault_mode m, int err, const char *what);

/* Should a call that may wait on fd be interrupted?  Then errno is EINTR. */
bool interrupted(const char *what, int fd);

#endif
