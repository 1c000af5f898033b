/*
 * An exchange without connections, for unit tests of behaviours.
 *
 * It implements every function that exchange.h gives to behaviours, and
 * ipc_backoff(), and records what they did.  All are weak: a test that links
 * the real exchange gets the real ones.  From fake_new() to fake_free() the
 * clock stands still but for fake_time_advance().
 *
 *	struct fake *f = fake_new(&ipc_exchange_pool);
 *	f->set.pool = 1;
 *	fake_start(f);
 *	w = fake_attach(f, IPC_ROLE_WORKER, fake_child(f));
 *	c = fake_attach(f, IPC_ROLE_CLIENT, 0);
 *	fake_put(c, "request");
 *	is_str(fake_take(w), "request", "...");
 *
 * Each function below ends by doing what the event loop would do next: put()
 * for ports that were resumed, detach() for ports that were aborted.  A port
 * that was closed is still there: detach it with fake_detach().
 */
#ifndef IPC_TESTS_FAKE_EXCHANGE_H
#define IPC_TESTS_FAKE_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/exchange.h"
#include "core/pipeline.h"
#include "core/plan.h"
#include "core/settings.h"

#define FAKE_START_NS 1000000000000ULL	/* what the clock shows at first */
#define FAKE_STARTS 65536		/* children and dials remembered */

/* A port and what was done to it; outlives the port. */
struct fake_port {
	struct fake *f;
	struct fake_port *next;
	struct ipc_port *port;	/* owned; NULL once detached */
	struct ipc_pipeline *pl; /* owned; nearly all zero */
	struct ipc_transport tr;
	struct ipc_mq in;	/* put, not taken by the behaviour */
	uint64_t put_id;
	bool	closed, aborted, paused;
	bool	held;		/* put() left messages behind */
	bool	resumed;	/* put() is to be called again */
	struct ipc_error why;	/* of the abort */
};

struct fake_begin {
	uint32_t index;
	bool	whole;
	uint32_t for_port;	/* its id; 0: none */
};

struct fake {
	struct ipc_exchange ex;
	struct ipc_plan plan;		/* change before fake_start() */
	struct ipc_settings set;	/* change before fake_start() */
	struct ipc_point points[IPC_PLAN_ENDS]; /* targets of the plan */
	struct fake_port *ports;	/* owned; newest first */
	uint32_t nports;
	uint64_t now_ns;
	struct ipc_error noted;		/* the first */
	uint32_t notes;
	uint32_t dones;			/* calls of ipc_exchange_done() */
	struct fake_begin *children, *dials; /* owned, FAKE_STARTS */
	uint32_t nchildren, ndials;	/* asked for so far */
	uint32_t child_seen, dial_seen;	/* returned so far */
	uint32_t closed_wrong;		/* sends to a closed port */
	char	*text;			/* owned; last result */
};

struct fake *fake_new(const struct ipc_exchange_ops *ops);
int fake_start(struct fake *f);
/* stop(), then everything else; chunks that are still held are reported by
 * the leak checker. */
void fake_free(struct fake *f);

struct fake_port *fake_attach(struct fake *f, enum ipc_role role,
    uint32_t index);
/* The same for a port of a transport with these IPC_CAP_* bits. */
struct fake_port *fake_attach_caps(struct fake *f, enum ipc_role role,
    uint32_t index, uint32_t caps);
/* One message from the peer.  How many wait because they were not taken. */
uint32_t fake_put(struct fake_port *fp, const char *text);
uint32_t fake_put_tag(struct fake_port *fp, const char *text, uint64_t tag);
uint32_t fake_put_bytes(struct fake_port *fp, const void *data, uint32_t len,
    uint64_t tag, uint8_t flags);
/* Put when the messages that wait are taken. */
void fake_ended(struct fake_port *fp);
/* The connection is over; why NULL: in order. */
void fake_detach(struct fake_port *fp, const char *why, int status);
void fake_failed(struct fake *f, enum ipc_role role, uint32_t index,
    const char *why);

/* "Send" the next queued message: its text, NULL when none is queued.  Valid
 * until the next call for the same fake. */
const char *fake_take(struct fake_port *fp);
const char *fake_take_tag(struct fake_port *fp, uint64_t *tag, uint64_t *id);
/* All that is queued, joined by blanks; "" when none is. */
const char *fake_take_all(struct fake_port *fp);
uint32_t fake_queued(const struct fake_port *fp);
bool fake_is_gone(const struct fake_port *fp);

/* Index of the next child (dial) asked for; -1 when all were returned. */
int64_t fake_child(struct fake *f);
int64_t fake_dial(struct fake *f);

/* Move the clock; expired() is called on the way, at the times asked for. */
void fake_time_advance(struct fake *f, uint64_t ns);
void fake_drain(struct fake *f);
/* What stats() says. */
const char *fake_stats(struct fake *f);
/* The number behind `name` in it; UINT64_MAX: no such line. */
uint64_t fake_stat(struct fake *f, const char *name);

#endif
