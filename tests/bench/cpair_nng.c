/*
 * cpair with nng (1.5): messages are allocated and handed over, which is its
 * fast way; queues of 1,024 messages, since its own default is none.
 */
#include "bench.h"
#include "cpair.h"

#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <string.h>

#define QUEUE 1024

static nng_socket sock;
static nng_msg *in;

static void
must(int r, const char *what)
{
	if (r != 0)
		bench_die("%s: %s", what, nng_strerror(r));
}

void
pair_open(enum pair_role role, const char *url)
{
	static int (*const opens[])(nng_socket *) = {
		[PAIR_PUSH] = nng_push0_open, [PAIR_PULL] = nng_pull0_open,
		[PAIR_REQ] = nng_req0_open, [PAIR_REP] = nng_rep0_open,
	};

	must(opens[role](&sock), "nng_open");
	/* Not every protocol has these; then its own way is taken. */
	(void)nng_socket_set_int(sock, NNG_OPT_SENDBUF, QUEUE);
	(void)nng_socket_set_int(sock, NNG_OPT_RECVBUF, QUEUE);
	if (role == PAIR_PULL || role == PAIR_REP)
		must(nng_listen(sock, url, NULL, 0), "nng_listen");
	else
		must(nng_dial(sock, url, NULL, 0), "nng_dial");
}

void
pair_send(const void *data, size_t len)
{
	nng_msg *m;

	must(nng_msg_alloc(&m, len), "nng_msg_alloc");
	memcpy(nng_msg_body(m), data, len);
	must(nng_sendmsg(sock, m, 0), "nng_sendmsg");
}

const void *
pair_recv(size_t *len)
{
	nng_msg_free(in);
	in = NULL;
	must(nng_recvmsg(sock, &in, 0), "nng_recvmsg");
	*len = nng_msg_len(in);
	return nng_msg_body(in);
}
