/* words: the messages of -m, in order, then the end; what comes back. */
#include <fcntl.h>

#include "check.h"
#include "dgrams.h"

extern const struct ipc_transport ipc_transport_words;

static const struct ipc_transport *const tr = &ipc_transport_words;
static struct ipc_error err;

static void
test_words(void)
{
	static const char *const argv[] = { "", "one", "three words here",
		"\xff\n", NULL };
	struct ipc_endpoint ep;
	struct ipc_conn c;
	struct ipc_dgram d[8];

	ok(ipc_endpoint_words(&ep, "words", argv, &err) == 0, "an endpoint");
	ep.tr = tr;
	ok(conn_dial(&c, &ep, NULL, IPC_CONN_READ, &err) == 0 && c.wfd == -1,
	    "open for reading alone");
	ok(conn_wait(c.rfd, POLLIN), "readable at once");
	is_u64((uint64_t)tr->recvm(&c, d, 2), 2, "no more than asked for");
	ok(dgram_is(&d[0], "", 0) && dgram_is(&d[1], "one", 3) &&
	    d[0].tag == 0 && !d[0].cut, "the first two, one of them empty");
	is_u64((uint64_t)tr->recvm(&c, d, 8), 2, "the rest");
	ok(dgram_is(&d[0], "three words here", 16) &&
	    dgram_is(&d[1], "\xff\n", 2), "bytes as they are");
	ok(tr->recvm(&c, d, 8) == 0 && tr->recvm(&c, d, 8) == 0 &&
	    conn_wait(c.rfd, POLLIN), "then the end, and it stays");
	tr->close(&c);
	tr->close(&c);
	ok(c.rfd == -1 && c.impl == NULL, "closed");
	ipc_endpoint_free(&ep);
}

/* Standard output is what it writes to; it stays what it was. */
static void
test_output(void)
{
	static const char *const argv[] = { "x", NULL };
	struct ipc_endpoint ep;
	struct ipc_conn c;
	int fd[2], keep = dup(STDOUT_FILENO), rc;
	char buf[8] = "";
	bool wrote, shut;

	if (pipe2(fd, O_CLOEXEC) != 0 || keep < 0)
		abort();
	fflush(stdout);
	dup2(fd[1], STDOUT_FILENO);
	ipc_endpoint_words(&ep, "words", argv, &err);
	ep.tr = tr;
	rc = conn_dial(&c, &ep, NULL, IPC_CONN_READ | IPC_CONN_WRITE, &err);
	wrote = rc == 0 && c.wfd == STDOUT_FILENO &&
	    write(c.wfd, "back", 4) == 4;
	shut = rc == 0 && tr->shut_write(&c) == 0 && c.wfd == -1;
	tr->close(&c);
	close(fd[1]);
	dup2(keep, STDOUT_FILENO);
	close(keep);
	ok(rc == 0 && wrote, "what comes back goes to standard output");
	ok(shut, "and ends there");
	ok(read(fd[0], buf, sizeof(buf)) == 4 && memcmp(buf, "back", 4) == 0 &&
	    read(fd[0], buf, sizeof(buf)) == 0, "all of it");
	close(fd[0]);
	ipc_endpoint_free(&ep);
}

int
main(void)
{
	unsigned before = conn_open_fds();

	test_words();
	test_output();
	is_u64(conn_open_fds(), before, "no descriptor is left open");
	return done();
}
