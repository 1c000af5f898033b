/*
 * dir: names and their numbers, nothing overwritten, nothing left half
 * written, a directory that goes away.
 */
#include <linux/limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "check.h"
#include "dgrams.h"

extern const struct ipc_transport ipc_transport_dir;

static const struct ipc_transport *const tr = &ipc_transport_dir;
static struct ipc_error err;
static char dir[] = "/tmp/ipcat-test-dir-XXXXXX";

static int
dir_open(struct ipc_endpoint *ep, struct ipc_conn *c, const char *path)
{
	char text[PATH_MAX];
	int rc;

	conn_init(c, ep, 0);
	snprintf(text, sizeof(text), "dir:%s", path);
	rc = conn_endpoint(ep, tr, text, false, &err);
	return rc != 0 ? rc : conn_dial(c, ep, NULL, IPC_CONN_WRITE, &err);
}

static bool
holds(const char *name, const char *want)
{
	char path[PATH_MAX], buf[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, buf, sizeof(buf));
	close(fd);
	return n == (ssize_t)strlen(want) && memcmp(buf, want, (size_t)n) == 0;
}

static void
put_file(const char *name)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "old", 3) != 3)
		abort();
	close(fd);
}

static unsigned
empty_dir(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[PATH_MAX];
	unsigned n = 0;

	while (d != NULL && (e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		n += unlink(path) == 0;
	}
	closedir(d);
	return n;
}

static void
test_files(void)
{
	struct ipc_endpoint ep;
	struct ipc_conn c;
	static char text[] = "hellox";
	struct ipc_dgram d[3] = {
		{ .iov = { { text, 2 }, { text + 2, 3 } } },
		{ .iov = { { NULL, 0 }, { NULL, 0 } } },
		{ .iov = { { NULL, 0 }, { text + 5, 1 } } },
	};

	ok(dir_open(&ep, &c, dir) == 0, "an empty directory");
	is_u64((uint64_t)tr->sendm(&c, d, 3), 3, "three messages");
	ok(holds("0000000001", "hello") && holds("0000000002", "") &&
	    holds("0000000003", "x"), "a file each, from 1");
	put_file("0000000004");
	ok(dgram_say(&c, "new", 0) && holds("0000000004", "old") &&
	    holds("0000000005", "new"), "a name that was taken is kept");
	tr->close(&c);
	tr->close(&c);
	ipc_endpoint_free(&ep);
	put_file("12");
	put_file("99999999999999999999");
	put_file("0000000007x");
	put_file("0000000041");
	ok(dir_open(&ep, &c, dir) == 0 && dgram_say(&c, "next", 0) &&
	    holds("0000000042", "next"), "the one after the highest");
	tr->close(&c);
	ipc_endpoint_free(&ep);
	is_u64(empty_dir(), 10, "and nothing else is there");
}

static void
test_full(void)
{
	static char big[10000];
	struct ipc_endpoint ep;
	struct ipc_conn c;
	struct rlimit old, few;

	ok(dir_open(&ep, &c, dir) == 0, "open");
	getrlimit(RLIMIT_FSIZE, &old);
	few = old;
	few.rlim_cur = 4096;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &few);
	ok(dgram_put(&c, big, sizeof(big), 0) == -1 && errno == EFBIG,
	    "no room: an error");
	setrlimit(RLIMIT_FSIZE, &old);
	is_u64(empty_dir(), 0, "and no half file, not even a hidden one");
	ok(dgram_say(&c, "x", 0) && holds("0000000001", "x"),
	    "the number is still free");
	is_u64(empty_dir(), 1, "one file");
	tr->close(&c);
	ipc_endpoint_free(&ep);
}

static void
test_bad(void)
{
	struct ipc_endpoint ep;
	struct ipc_conn c;
	char path[PATH_MAX];

	ok(dir_open(&ep, &c, "/no/such/place") == IPC_E_USAGE, "%s",
	    err.what);
	ipc_endpoint_free(&ep);
	ok(dir_open(&ep, &c, "/dev/null") == IPC_E_USAGE, "%s", err.what);
	ipc_endpoint_free(&ep);
	snprintf(path, sizeof(path), "%s/sub", dir);
	if (mkdir(path, 0700) != 0)
		abort();
	ok(dir_open(&ep, &c, path) == 0 && rmdir(path) == 0, "it goes away");
	ok(dgram_put(&c, "x", 1, 0) == -1 && errno == ENOENT,
	    "then nothing can be written");
	tr->close(&c);
	ipc_endpoint_free(&ep);
}

int
main(void)
{
	unsigned before = conn_open_fds();

	if (mkdtemp(dir) == NULL)
		abort();
	test_files();
	test_full();
	test_bad();
	is_u64(conn_open_fds(), before, "no descriptor is left open");
	ok(rmdir(dir) == 0, "and no file");
	return done();
}
