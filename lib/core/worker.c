/*
 * Workers: event base, run queue, and the bounded pool of splice pipes.
 *
 * The run queue is served from a zero timer, not from event_active(): libevent
 * runs events that were activated by events in the same pass, so an always
 * ready pipeline would keep the loop from ever asking the kernel again.
 */
#include "core/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "core/pipeline.h"

static void
run_queue(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_worker *w = arg;
	struct ipc_list now;

	(void)fd;
	(void)what;
	ipc_list_init(&now);
	ipc_list_take_all(&now, &w->runq);
	while (!ipc_list_empty(&now)) {
		struct ipc_pipeline *pl = ipc_list_entry(now.next,
		    struct ipc_pipeline, runq);

		ipc_list_remove(&pl->runq);
		ipc_pipeline_run(pl);
	}
}

static void
watch_half(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_worker *w = arg;

	(void)fd;
	(void)what;
	while (!ipc_list_empty(&w->half)) {
		struct ipc_pipeline *pl = ipc_list_entry(w->half.next,
		    struct ipc_pipeline, half);

		ipc_list_remove(&pl->half);
		for (int i = 0; i < 2; i++)
			if (pl->dir[i].done && !pl->dir[1 - i].done &&
			    pl->dir[1 - i].dst == pl->dir[i].src)
				ipc_end_watch(pl->dir[i].src, w);
	}
}

int
ipc_worker_init(struct ipc_worker *w, struct ipc_run *run, uint32_t index,
    struct ipc_error *err)
{
	struct event_config *cfg = event_config_new();

	w->run = run;
	w->index = index;
	ipc_list_init(&w->pipelines);
	ipc_list_init(&w->runq);
	ipc_list_init(&w->half);
	ipc_list_init(&w->servers);
	ipc_pool_init(&w->chunks, IPC_POOL_CHUNK, 4);
	ipc_pool_init(&w->small, IPC_SMALL_CHUNK, 16);
	if (cfg != NULL) {
		event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
		/* No surprises from the environment (H: EVENT_NOEPOLL…). */
		event_config_set_flag(cfg, EVENT_BASE_FLAG_IGNORE_ENV);
		w->base = event_base_new_with_config(cfg);
		event_config_free(cfg);
	}
	if (w->base == NULL)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot create an event loop");
	evtimer_assign(&w->runq_ev, w->base, run_queue, w);
	evtimer_assign(&w->half_ev, w->base, watch_half, w);
	return 0;
}

void
ipc_worker_free(struct ipc_worker *w)
{
	while (w->pipes != NULL) {
		struct ipc_pipe *p = w->pipes;

		w->pipes = p->next;
		close(p->rfd);
		close(p->wfd);
		free(p);
	}
	free(w->spare);
	free(w->room);
	free(w->batches);
	w->spare = NULL;
	ipc_pool_free(&w->chunks);
	ipc_pool_free(&w->small);
	if (w->base != NULL) {
		event_del(&w->runq_ev);
		event_del(&w->half_ev);
		event_base_free(w->base);
	}
	w->base = NULL;
}

void
ipc_timer_in(struct event *ev, uint64_t ns)
{
	uint64_t us = ns / 1000 + (ns % 1000 != 0);
	struct timeval tv = {
		.tv_sec = (time_t)(us / 1000000),
		.tv_usec = (suseconds_t)(us % 1000000),
	};

	if (ev != NULL)
		event_add(ev, &tv);
}

void
ipc_worker_defer(struct ipc_worker *w, struct ipc_pipeline *pl)
{
	static const struct timeval zero = { 0, 0 };

	if (!ipc_list_empty(&pl->runq))
		return;
	if (ipc_list_empty(&w->runq))
		event_add(&w->runq_ev, &zero);
	ipc_list_append(&w->runq, &pl->runq);
}

void
ipc_worker_half_open(struct ipc_worker *w, struct ipc_pipeline *pl)
{
	static const struct timeval later = { 1, 0 };

	if (!ipc_list_empty(&pl->half))
		return;
	if (ipc_list_empty(&w->half))
		event_add(&w->half_ev, &later);
	ipc_list_append(&w->half, &pl->half);
}

struct ipc_chunk *
ipc_worker_chunk(struct ipc_worker *w)
{
	if (w->chunks.live < IPC_BIG_CHUNKS)
		return ipc_chunk_get(&w->chunks);
	return ipc_chunk_get(&w->small);
}

struct ipc_chunk *
ipc_worker_shrink(struct ipc_worker *w, struct ipc_chunk *c)
{
	uint32_t left = c->tail - c->head;
	struct ipc_chunk *s;

	if (left > IPC_SMALL_CHUNK || c->pool == &w->small ||
	    (s = ipc_chunk_get(&w->small)) == NULL)
		return c;
	memcpy(s->data, c->data + c->head, left);
	s->tail = left;
	ipc_chunk_put(c);
	return s;
}

static struct ipc_pipe *
pipe_new(struct ipc_worker *w)
{
	struct ipc_pipe *p = calloc(1, sizeof(*p));
	int fds[2], size;

	if (p == NULL)
		return NULL;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		free(p);
		return NULL;
	}
	p->rfd = fds[0];
	p->wfd = fds[1];
	size = fcntl(p->wfd, F_SETPIPE_SZ, (int)IPC_PIPE_BYTES);
	if (size < (int)IPC_PIPE_LEAST) {
		/* A small pipe is slower than a large buffer (DESIGN.md 3):
		 * the quota of pipe pages is used up; do not ask again. */
		close(p->rfd);
		close(p->wfd);
		free(p);
		w->pipes_failed = true;
		return NULL;
	}
	p->size = (uint32_t)size;
	w->npipes++;
	return p;
}

struct ipc_pipe *
ipc_pipe_get(struct ipc_worker *w)
{
	struct ipc_pipe *p = w->pipes;

	if (p != NULL) {
		w->pipes = p->next;
		w->nfreepipes--;
		p->next = NULL;
		return p;
	}
	if (w->pipes_failed || w->npipes >= IPC_PIPES_MAX)
		return NULL;
	return pipe_new(w);
}

void
ipc_pipe_put(struct ipc_worker *w, struct ipc_pipe *p)
{
	if (p->held > 0 || w->nfreepipes >= IPC_PIPES_KEEP) {
		close(p->rfd);
		close(p->wfd);
		free(p);
		w->npipes--;
		w->pipes_failed = false;
		return;
	}
	p->next = w->pipes;
	w->pipes = p;
	w->nfreepipes++;
}
