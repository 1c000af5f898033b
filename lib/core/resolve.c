/*
 * Name resolution off the loop.  See resolve.h.
 *
 * A lookup belongs to the asking worker except for the time it stands in the
 * thread's queue or hands; the mutex covers queue, `state` and `cancelled`.
 * The pointer itself travels back through the worker's pipe.  A cancelled
 * lookup is freed when it comes back.
 */
#include "core/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/worker.h"

#define CACHE_NS (5 * IPC_NS_PER_S)

struct ipc_lookup {
	struct ipc_lookup *next;
	struct ipc_resolver *r;
	struct ipc_worker *w;
	struct event *ev;	/* readable when the answer is there */
	int	fds[2];		/* the thread writes one byte */
	const struct ipc_endpoint *ep;
	unsigned flags;
	ipc_resolved_fn *fn;
	void	*arg;
	struct ipc_addrs addrs;
	struct ipc_error err;
	bool	cached, cancelled, done;
};

struct cache_entry {
	const struct ipc_endpoint *ep;
	uint64_t until_ns;
	struct ipc_addrs addrs;
};

#define CACHE_SLOTS 16

struct ipc_resolver {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct ipc_lookup *first, **last;
	bool	stop, busy;
	struct cache_entry cache[CACHE_SLOTS];
};

static void
lookup_free(struct ipc_lookup *l)
{
	if (l->ev != NULL)
		event_free(l->ev);
	if (l->fds[0] >= 0)
		close(l->fds[0]);
	if (l->fds[1] >= 0)
		close(l->fds[1]);
	free(l);
}

static void
remember(struct ipc_resolver *r, const struct ipc_lookup *l)
{
	struct cache_entry *oldest = &r->cache[0];

	for (int i = 0; i < CACHE_SLOTS; i++) {
		struct cache_entry *c = &r->cache[i];

		if (c->ep == l->ep) {
			oldest = c;
			break;
		}
		if (c->until_ns < oldest->until_ns)
			oldest = c;
	}
	oldest->ep = l->ep;
	oldest->until_ns = ipc_now() + CACHE_NS;
	oldest->addrs = l->addrs;
}

static bool
recall(struct ipc_resolver *r, struct ipc_lookup *l)
{
	for (int i = 0; i < CACHE_SLOTS; i++)
		if (r->cache[i].ep == l->ep &&
		    r->cache[i].until_ns > ipc_now()) {
			l->addrs = r->cache[i].addrs;
			return true;
		}
	return false;
}

static void *
resolver_main(void *arg)
{
	struct ipc_resolver *r = arg;

	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		struct ipc_lookup *l = r->first;
		int ret = 0;

		if (l == NULL) {
			pthread_cond_wait(&r->more, &r->lock);
			continue;
		}
		r->first = l->next;
		if (r->first == NULL)
			r->last = &r->first;
		if (!l->cancelled && !recall(r, l)) {
			r->busy = true;
			pthread_mutex_unlock(&r->lock);
			ret = l->ep->tr->resolve(l->ep, l->flags, &l->addrs,
			    &l->err);
			pthread_mutex_lock(&r->lock);
			r->busy = false;
			if (ret == 0)
				remember(r, l);
		}
		l->done = true;
		if (l->cancelled)
			lookup_free(l);
		else
			(void)!write(l->fds[1], "", 1);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

struct ipc_resolver *
ipc_resolver_new(struct ipc_error *err)
{
	struct ipc_resolver *r = calloc(1, sizeof(*r));
	sigset_t all, old;
	int e = ENOMEM;

	if (r != NULL) {
		r->last = &r->first;
		pthread_mutex_init(&r->lock, NULL);
		pthread_cond_init(&r->more, NULL);
		/* Signals belong to the main thread. */
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &old);
		e = pthread_create(&r->thread, NULL, resolver_main, r);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		if (e == 0)
			return r;
	}
	free(r);
	ipc_fail(err, IPC_E_NET, e, NULL, "cannot start name resolution");
	return NULL;
}

void
ipc_resolver_free(struct ipc_resolver *r)
{
	if (r == NULL)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_signal(&r->more);
	if (r->busy) {
		/* The name service may take its time; the process ends now.
		 * The thread keeps what it still touches. */
		pthread_mutex_unlock(&r->lock);
		pthread_detach(r->thread);
		return;
	}
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	while (r->first != NULL) {
		struct ipc_lookup *l = r->first;

		r->first = l->next;
		lookup_free(l);
	}
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->more);
	free(r);
}

static void
on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_lookup *l = arg;

	(void)fd;
	(void)what;
	/* The lock orders this after the thread's last touch. */
	pthread_mutex_lock(&l->r->lock);
	pthread_mutex_unlock(&l->r->lock);
	if (l->err.code != IPC_OK)
		l->fn(l->arg, NULL, &l->err);
	else
		l->fn(l->arg, &l->addrs, NULL);
	lookup_free(l);
}

struct ipc_lookup *
ipc_lookup_start(struct ipc_resolver *r, struct ipc_worker *w,
    const struct ipc_endpoint *ep, unsigned flags, ipc_resolved_fn *fn,
    void *arg)
{
	struct ipc_lookup *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->r = r;
	l->w = w;
	l->ep = ep;
	l->flags = flags;
	l->fn = fn;
	l->arg = arg;
	if (pipe2(l->fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		free(l);
		return NULL;
	}
	l->ev = event_new(w->base, l->fds[0], EV_READ, on_answer, l);
	if (l->ev == NULL || event_add(l->ev, NULL) < 0) {
		lookup_free(l);
		return NULL;
	}
	pthread_mutex_lock(&r->lock);
	*r->last = l;
	r->last = &l->next;
	pthread_cond_signal(&r->more);
	pthread_mutex_unlock(&r->lock);
	return l;
}

void
ipc_lookup_cancel(struct ipc_lookup *l)
{
	bool done;

	/* event_free here: the loop must not see it again. */
	event_free(l->ev);
	l->ev = NULL;
	pthread_mutex_lock(&l->r->lock);
	l->cancelled = true;
	done = l->done;
	pthread_mutex_unlock(&l->r->lock);
	if (done)
		lookup_free(l);
}
