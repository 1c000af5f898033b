/*
 * dgram: the table of senders as it fills and forgets, batches, truncation.
 * On socket pairs and abstract names; the schemes have tests of their own.
 */
#include <stddef.h>
#include <sys/un.h>

#include "check.h"
#include "dgrams.h"
#include "transport/dgram.h"

static struct ipc_error err;

/* As much of a transport as dgram.c needs. */
static const struct ipc_transport bare = {
	.scheme = "bare",
	.recvm = ipc_dgram_recv,
	.sendm = ipc_dgram_send,
	.close = ipc_dgram_close,
};

static socklen_t
named(struct sockaddr_un *sa, unsigned i)
{
	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
	    (size_t)snprintf(sa->sun_path + 1, sizeof(sa->sun_path) - 1,
	    "ipcat-test-dgram-%d-%u", (int)getpid(), i));
}

static int
named_socket(unsigned i)
{
	struct sockaddr_un sa;
	socklen_t len = named(&sa, i);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, len) != 0)
		abort();
	return fd;
}

static void
open_on(struct ipc_conn *c, int fd, const struct ipc_dgram_kind *kind)
{
	conn_init(c, NULL, 0);
	c->tr = &bare;
	c->rfd = c->wfd = fd;
	if (ipc_dgram_open(c, kind, &err) != 0)
		abort();
}

/* One message from a sender called i; its tag. */
static uint64_t
tag_from(struct ipc_conn *c, unsigned i)
{
	struct sockaddr_un to;
	socklen_t len = named(&to, 0);
	struct ipc_dgram d;
	int fd = named_socket(i);
	bool sent = sendto(fd, "m", 1, 0, (struct sockaddr *)&to, len) == 1;

	close(fd);
	return sent && dgram_get(c, &d) == 1 ? d.tag : 0;
}

static void
test_forgetting(void)
{
	static const struct ipc_dgram_kind kind = { .slot = 4096, .slots = 4,
		.senders = true };
	static uint64_t tag[IPC_DGRAM_SENDERS + 2];
	struct ipc_conn c;
	struct ipc_ident id;
	unsigned n, twice = 0;

	open_on(&c, named_socket(0), &kind);
	for (n = 1; n <= IPC_DGRAM_SENDERS; n++)
		tag[n] = tag_from(&c, n);
	for (n = 2; n <= IPC_DGRAM_SENDERS; n++)
		twice += tag[n] == 0 || tag[n] == tag[n - 1];
	is_u64(twice, 0, "%d senders, each with a tag of its own",
	    IPC_DGRAM_SENDERS);
	ok(ipc_dgram_peer_of(&c, tag[1], &id), "the first is known");
	/* The first is heard again, so the second is the oldest. */
	is_u64(tag_from(&c, 1), tag[1], "and has its tag still");
	tag[n] = tag_from(&c, n);
	ok(tag[n] != 0 && tag[n] != tag[2], "one more has a new tag");
	ok(!ipc_dgram_peer_of(&c, tag[2], &id), "the oldest is forgotten");
	ok(ipc_dgram_peer_of(&c, tag[1], &id) &&
	    ipc_dgram_peer_of(&c, tag[3], &id), "the others are not");
	ok(!dgram_say(&c, "x", tag[2]) && errno == ENOENT,
	    "an old tag reaches nobody, not who took its place");
	ok(tag_from(&c, 2) != tag[2], "who comes back is new");
	ipc_dgram_close(&c);
	ok(c.impl == NULL && c.rfd == -1, "closed");
	ipc_dgram_close(&c);
}

static void
test_batch(void)
{
	static const struct ipc_dgram_kind kind = { .slot = 16, .slots = 4 };
	struct ipc_conn c;
	struct ipc_dgram d[8];
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fd) != 0)
		abort();
	open_on(&c, fd[0], &kind);
	for (int i = 0; i < 6; i++)
		if (write(fd[1], "0123456789abcdef-", (size_t)(12 + i)) < 0)
			abort();
	is_u64((uint64_t)c.tr->recvm(&c, d, 8), 4, "as many as it has slots");
	ok(dgram_is(&d[0], "0123456789ab", 12) && !d[0].cut && d[0].tag == 0 &&
	    dgram_is(&d[3], "0123456789abcde", 15), "whole, in order");
	is_u64((uint64_t)c.tr->recvm(&c, d, 8), 2, "and the rest");
	ok(!d[0].cut && dgram_is(&d[0], "0123456789abcdef", 16),
	    "as long as a slot");
	ok(d[1].cut && dgram_is(&d[1], "0123456789abcdef", 16),
	    "one that is longer is cut, and says so");
	ok(c.tr->recvm(&c, d, 8) == -1 && errno == EAGAIN, "no more");
	ok(ipc_dgram_unsent(&c) == 0 && ipc_dgram_lost(&c, true) == 0,
	    "nothing is wrong");
	ok(ipc_dgram_shut_write(&c) == 0 && c.wfd == -1, "shut");
	ipc_dgram_close(&c);
	close(fd[1]);
}

static void
test_never_opened(void)
{
	struct ipc_conn c;

	conn_init(&c, NULL, 0);
	ok(ipc_dgram_own(&c) == NULL, "nothing of its own before open");
	is_u64(ipc_dgram_lost(&c, true), 0, "nothing lost");
	ipc_dgram_close(&c);
	ok(c.rfd == -1, "closed all the same");
}

int
main(void)
{
	unsigned before = conn_open_fds();

	test_never_opened();
	test_batch();
	test_forgetting();
	is_u64(conn_open_fds(), before, "no descriptor is left open");
	return done();
}
