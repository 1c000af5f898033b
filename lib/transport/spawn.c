/*
 * Starting a child.
 *
 * vfork(2): no page tables to copy however much we hold.  Child and parent
 * share memory until the exec, so spawn_run() calls the kernel where libc
 * keeps state or talks to other threads (setresuid, sigaction), allocates
 * nothing and writes to nothing of the parent's.  What failed comes back
 * through a close-on-exec pipe, because some tools turn vfork into fork
 * (ThreadSanitizer does).
 *
 * Order in the child: session or group, descriptors, user, directory, death
 * signal (a change of user clears it), signals, exec.
 */
#include "transport/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "transport/fdio.h"
#include "transport/owner.h"

#define KERNEL_NSIG 64
#define KERNEL_SIGSET 8		/* bytes */

/* The calls with 32-bit ids. */
#ifdef SYS_setgroups32
#define SETGROUPS SYS_setgroups32
#define SETRESUID SYS_setresuid32
#define SETRESGID SYS_setresgid32
#else
#define SETGROUPS SYS_setgroups
#define SETRESUID SYS_setresuid
#define SETRESGID SYS_setresgid
#endif

enum spawn_step {
	STEP_SETUP,
	STEP_USER,
	STEP_CWD,
	STEP_EXEC,
};

struct spawn {
	const struct ipc_spawn *ask;
	pid_t	parent;
	int	report[2];	/* pipe; silence is success */
};

/* What goes through the pipe. */
struct spawn_fault {
	int	step;		/* enum spawn_step */
	int	sys;		/* errno */
};

static int
spawn_drop(const struct ipc_owner *o)
{
	gid_t gid = o->has_gid ? o->gid : o->login_gid;
	uid_t real, eff, saved;

	if (!o->has_uid && !o->has_gid)
		return 0;
	if (syscall(SETGROUPS, 1L, &gid) == -1 ||
	    syscall(SETRESGID, gid, gid, gid) == -1)
		return -1;
	if (!o->has_uid)
		return 0;
	if (syscall(SETRESUID, o->uid, o->uid, o->uid) == -1 ||
	    getresuid(&real, &eff, &saved) == -1)
		return -1;
	/* Trust nothing: there must be no way back. */
	if (real != o->uid || eff != o->uid || saved != o->uid ||
	    (o->uid != 0 && syscall(SETRESUID, (uid_t)-1, (uid_t)0,
	    (uid_t)-1) == 0)) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

static int
spawn_stdio(const struct spawn *s)
{
	if (s->ask->session) {
		if (setsid() == -1 || ioctl(s->ask->io[0], TIOCSCTTY, 0) == -1)
			return -1;
	} else if (setpgid(0, 0) == -1) {
		return -1;
	}
	for (int i = 0; i < 3; i++)
		if (s->ask->io[i] != -1 && dup2(s->ask->io[i], i) == -1)
			return -1;
	/* All is close-on-exec; this is for what slipped through. */
	(void)syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
	return 0;
}

static void
spawn_signals(void)
{
	static const uint64_t zero[8]; /* SIG_DFL, no flags, no mask */

	/* Ignored signals would stay ignored (H25: SIGPIPE). */
	for (int sig = 1; sig <= KERNEL_NSIG; sig++)
		(void)syscall(SYS_rt_sigaction, sig, zero, NULL,
		    KERNEL_SIGSET);
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, zero, NULL,
	    KERNEL_SIGSET);
}

/* In the child, on the parent's memory.  Returns only on failure. */
static int
spawn_steps(const struct spawn *s)
{
	if (spawn_stdio(s) == -1)
		return STEP_SETUP;
	if (spawn_drop(s->ask->owner) == -1)
		return STEP_USER;
	if (s->ask->cwd != NULL && chdir(s->ask->cwd) == -1)
		return STEP_CWD;
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != s->parent)
		_exit(127);
	spawn_signals();
	(void)execvpe(s->ask->argv[0], s->ask->argv, s->ask->envp);
	return STEP_EXEC;
}

/* All of a report, in however many pieces: true when there was one. */
static bool
spawn_read(int fd, struct spawn_fault *f)
{
	size_t got = 0;

	while (got < sizeof(*f)) {
		ssize_t n = read(fd, (char *)f + got, sizeof(*f) - got);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return true;
}

static void
spawn_write(int fd, const struct spawn_fault *f)
{
	size_t put = 0;

	while (put < sizeof(*f)) {
		ssize_t n = write(fd, (const char *)f + put,
		    sizeof(*f) - put);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		put += (size_t)n;
	}
}

static void __attribute__((noreturn))
spawn_run(const struct spawn *s)
{
	struct spawn_fault f;

	f.step = spawn_steps(s);
	f.sys = errno == 0 ? EINVAL : errno;
	spawn_write(s->report[1], &f);
	_exit(127);
}

/* Alone in its function: nothing the child does to locals may matter. */
static __attribute__((noinline)) pid_t
spawn_vfork(const struct spawn *s)
{
	pid_t pid = vfork();

	if (pid == 0)
		spawn_run(s);
	return pid;
}

static bool
spawn_wants_shell(char *const *argv)
{
	static const char *const words[] = {
		"|", "||", "&", "&&", ";", "<", ">", ">>", "2>", "2>&1", NULL
	};

	for (; *argv != NULL; argv++)
		for (size_t i = 0; words[i] != NULL; i++)
			if (strcmp(*argv, words[i]) == 0)
				return true;
	return false;
}

static int
spawn_failed(const struct ipc_spawn *ask, const struct spawn_fault *f,
    struct ipc_error *err)
{
	const char *hint = NULL;

	if (f->step == STEP_SETUP)
		return ipc_fail(err, IPC_E_NET, f->sys, NULL,
		    "cannot set up a child");
	if (f->step == STEP_USER)
		return ipc_fail(err, IPC_E_NET, f->sys,
		    "changing user or group takes root; drop the keys user "
		    "and group", "cannot change user or group of the child");
	if (f->step == STEP_CWD)
		return ipc_fail(err, IPC_E_NET, f->sys, NULL,
		    "cannot change to directory %.100s", ask->cwd);
	if (spawn_wants_shell(ask->argv))
		hint = "exec runs no shell: use sh: or -c for pipes and "
		    "redirections";
	else if (f->sys == ENOENT)
		hint = "check the name, the PATH and the script's #! line, "
		    "or give the full path";
	else if (f->sys == EACCES)
		hint = "is it executable (ls -l, chmod +x)? no slash in it: "
		    "may we search every directory of PATH?";
	return ipc_fail(err, IPC_E_NET, f->sys, hint, "cannot run %.100s",
	    ask->argv[0]);
}

/* Both ends above 2, where the child does not put its own. */
static int
spawn_pipe(int p[2])
{
	int low[2];

	if (pipe2(low, O_CLOEXEC) == -1)
		return -1;
	p[0] = low[0];
	p[1] = low[1] > STDERR_FILENO ? low[1] :
	    fcntl(low[1], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (p[1] != low[1])
		ipc_fd_close(&low[1]);
	if (p[1] != -1)
		return 0;
	ipc_fd_close(&p[0]);
	return -1;
}

pid_t
ipc_spawn(const struct ipc_spawn *ask, struct ipc_error *err)
{
	struct spawn s = { .ask = ask, .parent = getpid() };
	struct spawn_fault f;
	sigset_t all, old;
	bool failed;
	pid_t pid;
	int e;

	if (spawn_pipe(s.report) == -1)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot start a child");
	/* Signals wait: a handler must not run in the child. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = spawn_vfork(&s);
	e = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	ipc_fd_close(&s.report[1]);
	failed = pid != -1 && spawn_read(s.report[0], &f);
	ipc_fd_close(&s.report[0]);
	if (pid == -1)
		return ipc_fail(err, IPC_E_NET, e, NULL,
		    "cannot start a child");
	if (!failed)
		return pid;
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	return spawn_failed(ask, &f, err);
}
