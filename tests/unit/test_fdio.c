/*
 * Adopting, restoring, releasing and classifying plain descriptors: pipes,
 * FIFOs, terminals, sockets, files.
 */
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#include "check.h"
#include "conn.h"
#include "transport/fdio.h"

static char dir[] = "/tmp/ipcat-test-fdio-XXXXXX";

static bool
nonblocking(int fd)
{
	return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
}

static void
test_pipe(void)
{
	int p[2], shared;
	bool restore = true;

	if (pipe(p) != 0 || (shared = dup(p[0])) < 0)
		abort();
	ok(ipc_fd_adopt(p[0], false, &restore) == 0 && !restore &&
	    nonblocking(p[0]) && !nonblocking(shared),
	    "pipe: ours does not block, the shared description still does");
	ok((fcntl(p[0], F_GETFD) & FD_CLOEXEC) != 0, "close-on-exec");
	ok(conn_carries(p[1], p[0], "data"), "the same pipe");
	ok(ipc_fd_adopt(p[0], false, &restore) == 0 && !restore, "twice");
	ok(ipc_fd_adopt(p[0], true, &restore) == -1 && errno == EBADF,
	    "not for writing");
	ok(ipc_fd_adopt(p[1], false, &restore) == -1 && errno == EBADF,
	    "nor the other for reading");
	close(p[0]);
	close(shared);
	ok(ipc_fd_adopt(p[1], true, &restore) == 0 && nonblocking(p[1]),
	    "write end without a reader");
	ipc_fd_restore(p[1]);
	ok(!nonblocking(p[1]), "restored");
	close(p[1]);
	ok(ipc_fd_adopt(p[1], true, &restore) == -1 && errno == EBADF,
	    "not open");
}

/* End of input must be seen whatever the writers did before. */
static void
test_fifo(void)
{
	char path[PATH_MAX];
	bool restore;
	int r, w;

	snprintf(path, sizeof(path), "%s/fifo", dir);
	if (mkfifo(path, 0600) != 0)
		abort();
	r = open(path, O_RDONLY | O_NONBLOCK);
	w = open(path, O_WRONLY);
	if (r < 0 || w < 0 || fcntl(r, F_SETFL, 0) != 0 ||
	    write(w, "x", 1) != 1)
		abort();
	ok(ipc_fd_adopt(r, false, &restore) == 0 && !restore &&
	    nonblocking(r), "FIFO with a writer: reopened");
	close(w);
	ok(read(r, path + PATH_MAX - 1, 1) == 1 && conn_at_end(r),
	    "data, then end of input");
	close(r);

	r = open(path, O_RDONLY | O_NONBLOCK);
	w = open(path, O_WRONLY);
	if (fcntl(r, F_SETFL, 0) != 0 || write(w, "x", 1) != 1)
		abort();
	close(w);
	ok(ipc_fd_adopt(r, false, &restore) == 0 && restore &&
	    nonblocking(r), "FIFO whose writer left: marked");
	ok(read(r, path + PATH_MAX - 1, 1) == 1 && conn_at_end(r),
	    "data, then end of input, polled");
	close(r);
	unlink(path);
}

static void
test_tty(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave, shared;
	bool restore;
	struct ipc_conn c;

	if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0 ||
	    (slave = open(ptsname(master), O_RDWR | O_NOCTTY)) < 0 ||
	    (shared = dup(slave)) < 0) {
		ok(true, "terminal # SKIP no pty");
		return;
	}
	ok(ipc_fd_adopt(slave, false, &restore) == 0 && !restore &&
	    nonblocking(slave) && !nonblocking(shared), "tty: reopened");
	ok(ipc_fd_adopt(slave, true, &restore) == 0, "still for writing");
	ok(ipc_fd_adopt(master, false, &restore) == 0 && restore,
	    "pty master: marked, not opened again");
	ok(conn_carries(slave, master, "to the master"), "the same terminal");
	conn_init(&c, NULL, 0);
	c.rfd = c.wfd = slave;
	ipc_conn_classify(&c);
	is_u64(c.flags, IPC_CONN_NOSPLICE, "tty: not for splice");
	close(master);
	close(slave);
	close(shared);
}

static void
test_others(void)
{
	int s[2], fd;
	bool restore;
	char path[PATH_MAX];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0)
		abort();
	ok(ipc_fd_adopt(s[0], true, &restore) == 0 && restore &&
	    nonblocking(s[0]), "socket: marked");
	ok(ipc_fd_release(&s[0], restore) == 0 && s[0] == -1, "released");
	close(s[1]);
	snprintf(path, sizeof(path), "%s/file", dir);
	fd = open(path, O_CREAT | O_RDWR, 0600);
	ok(ipc_fd_adopt(fd, true, &restore) == 0 && !restore &&
	    !nonblocking(fd), "file: left alone");
	close(fd);
	unlink(path);
	fd = open("/dev/null", O_RDWR);
	ok(ipc_fd_adopt(fd, true, &restore) == 0 && !restore &&
	    !nonblocking(fd), "/dev/null: left alone");
	close(fd);
	fd = open("/dev/null", O_PATH);
	ok(ipc_fd_adopt(fd, false, &restore) == -1 && errno == EBADF,
	    "O_PATH: not readable");
	close(fd);
	fd = -1;
	ipc_fd_close(&fd);
	ok(ipc_fd_release(&fd, true) == 0, "-1 is closed already");
}

/* Numbers 0 to 2 stay taken; a file system's late error is told. */
static void
test_release(void)
{
	struct stat st, null_st;
	int status, p[2], one = 1;
	pid_t pid;

	if (stat("/dev/null", &null_st) != 0 || pipe(p) != 0)
		abort();
	if ((pid = fork()) == 0) {
		if (dup2(p[1], 1) != 1)
			_exit(1);
		close(p[1]);
		if (ipc_fd_release(&one, false) != 0 || one != -1)
			_exit(2);
		if (fstat(1, &st) != 0 || st.st_rdev != null_st.st_rdev)
			_exit(3);
		_exit(conn_at_end(p[0]) ? 0 : 4);
	}
	close(p[1]);
	waitpid(pid, &status, 0);
	is_u64((uint64_t)status, 0, "released stdout is /dev/null, and its "
	    "reader sees the end");
	close(p[0]);
}

static unsigned
facts(int rfd, int wfd)
{
	struct ipc_conn c;

	conn_init(&c, NULL, 0);
	c.rfd = rfd;
	c.wfd = wfd;
	ipc_conn_classify(&c);
	return c.flags;
}

static void
test_classify(void)
{
	char path[PATH_MAX];
	int s[2], d[2], p[2], null_fd, file, app;

	snprintf(path, sizeof(path), "%s/file", dir);
	null_fd = open("/dev/null", O_RDWR);
	file = open(path, O_CREAT | O_RDWR, 0600);
	app = open(path, O_WRONLY | O_APPEND);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0 || pipe(p) != 0 ||
	    socketpair(AF_UNIX, SOCK_DGRAM, 0, d) != 0)
		abort();
	is_u64(facts(s[0], s[0]), IPC_CONN_SOCKET, "socket");
	is_u64(facts(s[0], -1), IPC_CONN_SOCKET, "socket, input only");
	is_u64(facts(p[0], s[0]), 0, "pipe in, socket out");
	is_u64(facts(d[0], d[0]), IPC_CONN_SOCKET | IPC_CONN_NOSPLICE,
	    "datagram socket");
	is_u64(facts(p[0], p[1]), 0, "pipes");
	is_u64(facts(file, -1), 0, "file in");
	is_u64(facts(-1, file), 0, "file out");
	is_u64(facts(-1, app), IPC_CONN_NOSPLICE, "file to append to");
	is_u64(facts(-1, null_fd), 0, "/dev/null takes");
	is_u64(facts(null_fd, -1), IPC_CONN_NOSPLICE, "/dev/null gives not");
	is_u64(facts(-1, -1), 0, "nothing");
	close(s[0]);
	close(s[1]);
	close(d[0]);
	close(d[1]);
	close(p[0]);
	close(p[1]);
	close(null_fd);
	close(file);
	close(app);
	unlink(path);
}

static void
test_close_fds(void)
{
	struct ipc_conn c;
	int p[2];

	if (pipe(p) != 0)
		abort();
	conn_init(&c, NULL, 0);
	c.rfd = c.wfd = c.dialfd = p[0];
	c.rpoll = p[1];
	ipc_conn_close_fds(&c);
	ok(c.rfd == -1 && c.wfd == -1 && c.dialfd == -1 && c.rpoll == -1 &&
	    fcntl(p[0], F_GETFD) == -1 && fcntl(p[1], F_GETFD) == -1,
	    "all closed, once");
	ipc_conn_close_fds(&c);
	ok(true, "and again");
}

int
main(void)
{
	unsigned before;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (mkdtemp(dir) == NULL)
		return 1;
	before = conn_open_fds();
	test_pipe();
	test_fifo();
	test_tty();
	test_others();
	test_release();
	test_classify();
	test_close_fds();
	is_u64(conn_open_fds(), before, "no descriptor left behind (H21)");
	rmdir(dir);
	return done();
}
