/*
 * crun: run a command N times, report wall time and peak resident memory.
 *
 *   crun N INPUT[,OUTPUT] COMMAND ARG...
 *
 * INPUT is opened as stdin, OUTPUT truncated as stdout, each time anew.
 *
 * Prints one JSON line with the median and minimum wall time from before the
 * fork to after the wait, the median peak RSS, and how many runs did not exit
 * with 0.  To be linked statically: a child starts with the size of the parent
 * as its peak, so the parent must be smaller than anything it measures.
 * stderr goes to /dev/null, and so does stdout without an OUTPUT.  It does
 * not look COMMAND up in PATH, and ends a run that takes more than 10 seconds.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_RUNS 10000
#define RUN_SECONDS 10

extern char **environ;

static volatile sig_atomic_t child;

static void
end_child(int sig)
{
	(void)sig;
	if (child > 0)
		kill((pid_t)child, SIGKILL);
}

/* One run: its wall time in ns and peak in KiB; true when it exited with 0. */
static bool
run_once(const posix_spawn_file_actions_t *fa, char **argv, uint64_t *ns,
    uint64_t *kib)
{
	struct rusage ru;
	uint64_t start = bench_now_ns();
	pid_t pid;
	int status;

	errno = posix_spawn(&pid, argv[0], fa, NULL, argv, environ);
	if (errno != 0)
		bench_die_errno(argv[0]);
	child = pid;
	alarm(RUN_SECONDS);
	while (wait4(pid, &status, 0, &ru) < 0)
		if (errno != EINTR)
			bench_die_errno("wait4");
	*ns = bench_now_ns() - start;
	alarm(0);
	child = 0;
	*kib = (uint64_t)ru.ru_maxrss;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int
main(int argc, char **argv)
{
	static uint64_t ns[MAX_RUNS], kib[MAX_RUNS];
	struct sigaction sa = {.sa_handler = end_child};
	posix_spawn_file_actions_t fa;
	unsigned n, failed = 0;
	char *out;

	if (argc < 4)
		bench_die("usage: crun N INPUT[,OUTPUT] COMMAND ARG...");
	n = bench_number(argv[1], 1, MAX_RUNS, "N");
	sigaction(SIGALRM, &sa, NULL);
	posix_spawn_file_actions_init(&fa);
	out = strchr(argv[2], ',');
	if (out != NULL)
		*out++ = '\0';
	posix_spawn_file_actions_addopen(&fa, 0, argv[2], O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&fa, 1, out != NULL ? out :
	    "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_addopen(&fa, 2, "/dev/null", O_WRONLY, 0);
	for (unsigned i = 0; i < n; i++)
		if (!run_once(&fa, argv + 3, &ns[i], &kib[i]))
			failed++;
	bench_sort(ns, n);
	bench_sort(kib, n);
	printf("{\"runs\": %u, \"failed\": %u, \"median_us\": %.1f, "
	    "\"min_us\": %.1f, \"peak_kib\": %" PRIu64 "}\n", n, failed,
	    (double)bench_quantile(ns, n, 0.5) / 1e3, (double)ns[0] / 1e3,
	    bench_quantile(kib, n, 0.5));
	return 0;
}
