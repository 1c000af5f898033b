/*
 * What the tests of handler pools share: a fake exchange with a pool, and the
 * port of each worker.
 */
#ifndef IPC_TESTS_POOL_CASE_H
#define IPC_TESTS_POOL_CASE_H

#include <stdio.h>

#include "base/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/fake_exchange.h"

#define MS IPC_NS_PER_MS
#define MOST_WORKERS 8

static struct fake *f;
static struct fake_port *w[MOST_WORKERS];

/* A pool with all its workers there. */
static inline void
begin(uint64_t pool)
{
	f = fake_new(&ipc_exchange_pool);
	f->set.shell = "handler";
	f->set.pool = pool;
}

static inline void
workers(void)
{
	uint64_t n = f->set.pool;

	fake_start(f);
	for (uint64_t i = 0; i < n; i++)
		w[i] = fake_attach(f, IPC_ROLE_WORKER,
		    (uint32_t)fake_child(f));
}

static inline struct fake_port *
client(void)
{
	return fake_attach(f, IPC_ROLE_CLIENT, 0);
}

/* Nothing was said to a closed port, and no chunk or list is left. */
static inline void
end(const char *name)
{
	is_u64(f->closed_wrong, 0, "%s: nothing said to a closed port", name);
	fake_free(f);
}

/* Worker i takes its request and answers "REQUEST=". */
static inline const char *
answer(int i)
{
	static char text[64];
	const char *r = fake_take(w[i]);

	snprintf(text, sizeof(text), "%s=", r != NULL ? r : "nothing");
	fake_put(w[i], text);
	return text;
}

#endif
