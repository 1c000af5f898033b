/*
 * rate: no more than so many messages or bytes a second towards the wire.
 *
 * State: the time up to which what was sent has used up the rate.  A message
 * may go while that time is less than BURST ahead of now, and moves it on by
 * its own cost; so a message larger than the burst goes too, and the next one
 * waits the longer.  What waits stays in `in`, and nothing is dropped.  The
 * way back passes unchanged.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "stage/stage.h"

#define BURST (100 * IPC_NS_PER_MS)
#define RATE_MAX (1ULL << 40)	/* a second; products stay below 2^64 */
#define RATE_TEXT 32

struct rate_cfg {
	uint64_t per_s;		/* 1 to RATE_MAX */
	bool	 bytes;		/* else messages */
};

struct rate {
	uint64_t used_ns;	/* CLOCK_MONOTONIC: paid up to here */
	uint64_t rest;		/* of the division by per_s */
	bool	 waiting;	/* a message waits for its time */
};

static int
rate_bad(const char *arg, struct ipc_error *err)
{
	return ipc_fail(err, IPC_E_USAGE, 0,
	    "write rate:100msg/s, rate:64k/s or rate:500B/s",
	    "\"%.40s\" is not a rate", arg);
}

/* Take `tail` off the end of s, if it is there. */
static bool
take_tail(char *s, const char *tail)
{
	size_t n = strlen(s), len = strlen(tail);

	if (n < len || strcmp(s + n - len, tail) != 0)
		return false;
	s[n - len] = '\0';
	return true;
}

/* A bare number could be either, so it is refused. */
static int
rate_arg(void *cfg, const char *arg, struct ipc_error *err)
{
	struct rate_cfg *c = cfg;
	char s[RATE_TEXT];
	bool unit;
	int rc;

	if (arg == NULL || strlen(arg) >= sizeof(s))
		return rate_bad(arg == NULL ? "" : arg, err);
	memcpy(s, arg, strlen(arg) + 1);
	if (!take_tail(s, "/s"))
		return rate_bad(arg, err);
	if (take_tail(s, "msg")) {
		rc = ipc_parse_u64(s, &c->per_s, NULL);
	} else {
		c->bytes = true;
		unit = take_tail(s, "B") ||
		    s[strspn(s, "0123456789.")] != '\0';
		rc = unit ? ipc_parse_size(s, &c->per_s, NULL) : IPC_E_USAGE;
	}
	if (rc != 0)
		return rate_bad(arg, err);
	if (c->per_s == 0 || c->per_s > RATE_MAX)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "a rate is from 1 to 1T a second",
		    "\"%.40s\" is out of range", arg);
	return 0;
}

static void
pay(struct rate *s, const struct rate_cfg *c, uint64_t now_ns, uint32_t len)
{
	uint64_t cost = (c->bytes ? len : 1) * IPC_NS_PER_S + s->rest;

	if (s->used_ns < now_ns) {
		/* Time that nobody used is not saved up. */
		s->used_ns = now_ns;
		cost -= s->rest;
	}
	s->used_ns += cost / c->per_s;
	s->rest = cost % c->per_s;
}

static int
rate_tx(struct ipc_stage *st, struct ipc_io *io, struct ipc_error *err)
{
	struct rate *s = st->state;

	(void)err;
	s->waiting = false;
	while (ipc_batch_count(io->in) > 0 && ipc_batch_room(io->out) > 0) {
		if (s->used_ns >= io->now_ns + BURST) {
			s->waiting = true;
			break;
		}
		pay(s, st->cfg, io->now_ns, io->in->m[io->in->head].len);
		ipc_batch_move(io->out, io->in);
	}
	return 0;
}

static uint64_t
rate_deadline(const struct ipc_stage *st)
{
	const struct rate *s = st->state;

	return s->waiting ? s->used_ns - BURST + 1 : IPC_NEVER;
}

const struct ipc_stage_ops ipc_stage_rate = {
	.name = "rate",
	.summary = "so many messages or bytes a second towards the wire",
	.syntax = "rate:Nmsg/s or rate:SIZE/s",
	.cfg_size = sizeof(struct rate_cfg),
	.arg = rate_arg,
	.state_size = sizeof(struct rate),
	.rank = IPC_RANK_FILTER,
	.app_unit = IPC_MSGS,
	.wire_unit = IPC_MSGS,
	.tx = rate_tx,
	.deadline = rate_deadline,
	.expired = rate_tx,
};
