/*
 * cpair with ZeroMQ (libzmq), default options.  A high-water mark above its
 * 1,000 messages makes 64 bytes faster and everything larger slower.
 * Nothing can be lost: PUSH waits, and push does not close.
 */
#include "bench.h"
#include "cpair.h"

#include <errno.h>
#include <zmq.h>

static void *sock;
static zmq_msg_t in;

static _Noreturn void
die(const char *what)
{
	bench_die("%s: %s", what, zmq_strerror(zmq_errno()));
}

void
pair_open(enum pair_role role, const char *url)
{
	static const int types[] = {
		[PAIR_PUSH] = ZMQ_PUSH, [PAIR_PULL] = ZMQ_PULL,
		[PAIR_REQ] = ZMQ_REQ, [PAIR_REP] = ZMQ_REP,
	};
	void *ctx = zmq_ctx_new();

	if (ctx == NULL || (sock = zmq_socket(ctx, types[role])) == NULL)
		die("zmq_socket");
	if (role == PAIR_PULL || role == PAIR_REP) {
		if (zmq_bind(sock, url) < 0)
			die("zmq_bind");
	} else if (zmq_connect(sock, url) < 0) {
		die("zmq_connect");
	}
	zmq_msg_init(&in);
}

void
pair_send(const void *data, size_t len)
{
	while (zmq_send(sock, data, len, 0) < 0)
		if (errno != EINTR)
			die("zmq_send");
}

const void *
pair_recv(size_t *len)
{
	while (zmq_msg_recv(&in, sock, 0) < 0)
		if (errno != EINTR)
			die("zmq_msg_recv");
	*len = zmq_msg_size(&in);
	return zmq_msg_data(&in);
}
