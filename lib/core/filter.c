/*
 * tee and exec steps.  See filter.h.
 *
 * The child of an exec step is a connection of the sh transport with framed
 * stdin and stdout, polled by two events that are armed only while the flow
 * has nothing else to do.  Writing and reading never block; what the child
 * does not take stays in one buffer, and then in the step's input.
 */
#include "core/filter.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/flow.h"
#include "core/plan.h"
#include "core/run.h"
#include "core/worker.h"
#include "stage/exec.h"
#include "stage/tee.h"

/* What a reply inherits from its request. */
struct origin {
	uint64_t id, at, tag;
	uint8_t	flags;
};

struct ipc_filter {
	struct ipc_pipeline *pl; /* borrowed */
	struct ipc_dir *d;	/* borrowed */
	struct ipc_endpoint ep;	/* owned: the command */
	struct ipc_conn conn;
	const struct ipc_framing *f; /* borrowed */
	struct event *rev, *wev, *cev; /* owned; NULL until needed */
	struct ipc_chunk *w;	/* owned; [head, tail) is for the child */
	struct ipc_source in;	/* what the child says */
	struct origin sent[IPC_FILTER_DEPTH];
	uint32_t head, n;	/* of sent: messages in the child */
	bool	deaf;		/* it closed its stdin */
	bool	shut;		/* we did */
	bool	eof, gone;	/* its stdout ended; it was reaped */
	int	status;
};

/* --- tee --- */

static bool
is_tee(const struct ipc_stage_ops *ops)
{
	return strcmp(ops->name, "tee") == 0;
}

static int
tee_open(const struct ipc_tee_cfg *cfg, struct ipc_error *err)
{
	int fd = open(cfg->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
	    O_NONBLOCK | O_NOCTTY | (cfg->append ? 0 : O_TRUNC), 0666);
	struct stat st;

	if (fd < 0) {
		ipc_fail(err, IPC_E_NET, errno, NULL, "cannot open it");
	} else if (fstat(fd, &st) < 0 ||
	    (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))) {
		close(fd);
		fd = ipc_fail(err, IPC_E_USAGE, 0, "send --all writes to "
		    "several endpoints", "tee writes to a file, not to this");
	}
	ipc_error_where(err, "tee:%s", cfg->path);
	return fd < 0 ? IPC_E_USAGE : fd;
}

int
ipc_tees_open(struct ipc_run *run, struct ipc_error *err)
{
	for (int s = 0; s < 2; s++) {
		const struct ipc_pipe_spec *p = &run->plan->side[s].pipe;

		for (uint32_t i = 0; i < p->n; i++) {
			struct ipc_tee *t = &run->tee[run->ntees];

			if (!is_tee(p->stage[i].ops))
				continue;
			t->cfg = p->stage[i].cfg;
			t->fd = tee_open(t->cfg, err);
			if (t->fd < 0)
				return err->code;
			run->ntees++;
		}
	}
	return 0;
}

void
ipc_tees_close(struct ipc_run *run)
{
	while (run->ntees > 0)
		close(run->tee[--run->ntees].fd);
}

static int
tee_fd(const struct ipc_run *run, const void *cfg)
{
	for (uint32_t i = 0; i < run->ntees; i++)
		if (run->tee[i].cfg == cfg)
			return run->tee[i].fd;
	return -1;
}

/* One write a message, so that several writers do not mix (O_APPEND). */
static int
tee_write(int fd, const struct ipc_framing *f, const struct ipc_msg *m,
    struct ipc_error *err)
{
	struct ipc_wrap w;
	struct iovec v[3];
	int at = 0;
	size_t want;
	ssize_t n;

	if (ipc_wrap(f, m->data, m->len, (m->flags & IPC_MSG_OPEN) != 0, &w,
	    err) < 0)
		return IPC_E_DATA;
	v[0] = (struct iovec){ w.head, w.nhead };
	v[1] = (struct iovec){ m->data, m->len };
	v[2] = (struct iovec){ w.tail, w.ntail };
	want = (size_t)w.nhead + m->len + w.ntail;
	while (want > 0) {
		n = writev(fd, v + at, 3 - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ipc_fail(err, IPC_E_NET, n < 0 ? errno :
			    ENOSPC, NULL, "tee cannot write");
		want -= (size_t)n;
		/* A short write: the next one says why, or goes on. */
		for (; at < 3 && (size_t)n >= v[at].iov_len; at++)
			n -= (ssize_t)v[at].iov_len;
		if (at < 3) {
			v[at].iov_base = (uint8_t *)v[at].iov_base + n;
			v[at].iov_len -= (size_t)n;
		}
	}
	return 0;
}

static int
tee_step(struct ipc_pipeline *pl, struct ipc_step *s, struct ipc_batch *in,
    struct ipc_batch *out, struct ipc_error *err)
{
	const struct ipc_tee_cfg *cfg = s->st->cfg;
	int fd = tee_fd(pl->w->run, cfg);

	while (ipc_batch_count(in) > 0 && ipc_batch_room(out) > 0) {
		if (s->tx) {
			int r = tee_write(fd, &cfg->framing, &in->m[in->head],
			    err);

			if (r < 0) {
				ipc_error_where(err, "tee:%s", cfg->path);
				return r;
			}
		}
		ipc_batch_move(out, in);
	}
	return 0;
}

/* --- exec --- */

static void
filter_off(struct ipc_filter *f)
{
	if (f->rev != NULL)
		event_del(f->rev);
	if (f->wev != NULL)
		event_del(f->wev);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_filter *f = arg;

	(void)fd;
	(void)what;
	filter_off(f);
	f->d->wait_src = false;
	ipc_pipeline_run(f->pl);
}

static void
on_exit_of(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_filter *f = arg;

	(void)fd;
	(void)what;
	if (f->conn.tr->reap(&f->conn, &f->status) != 0)
		return;
	event_del(f->cev);
	f->gone = true;
	f->d->wait_src = false;
	ipc_pipeline_run(f->pl);
}

static void
arm(struct ipc_filter *f, struct event **ev, int fd, short what)
{
	if (fd < 0)
		return;
	if (*ev == NULL)
		*ev = event_new(f->pl->w->base, fd, what, on_ready, f);
	if (*ev != NULL)
		event_add(*ev, NULL);
}

static struct ipc_filter *
filter_new(struct ipc_pipeline *pl, struct ipc_dir *d,
    const struct ipc_exec_cfg *cfg, const char *cmd, struct ipc_error *err)
{
	const char *words[] = { "/bin/sh", "-c", cmd, NULL };
	struct ipc_filter *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory");
		return NULL;
	}
	f->pl = pl;
	f->d = d;
	f->f = f->in.un.f = &cfg->framing;
	f->conn.rfd = f->conn.wfd = f->conn.rpoll = f->conn.dialfd =
	    f->conn.pidfd = -1;
	f->conn.flags = IPC_CONN_READ | IPC_CONN_WRITE;
	f->conn.tr = ipc_transport_find("exec");
	f->conn.ep = &f->ep;
	if (ipc_endpoint_exec(&f->ep, words, err) == 0) {
		f->ep.tr = f->conn.tr;
		f->ep.cfg = calloc(1, f->conn.tr->cfg_size + 1);
		if (f->ep.cfg != NULL &&
		    ipc_opt_defaults(f->conn.tr->opts, f->ep.cfg, err) == 0 &&
		    f->conn.tr->dial(&f->conn, NULL, &pl->end[0].conn, err)
		    == 0) {
			f->cev = event_new(pl->w->base, f->conn.pidfd,
			    EV_READ | EV_PERSIST, on_exit_of, f);
			f->ep.argv = NULL;	/* was ours */
			if (f->cev != NULL && event_add(f->cev, NULL) == 0)
				return f;
		}
	}
	if (err->code == IPC_OK)
		ipc_fail(err, IPC_E_NET, errno, NULL, "cannot run it");
	ipc_error_where(err, "exec:%s", cmd);
	if (f->conn.pid > 0)
		f->conn.tr->kill(&f->conn, SIGKILL);
	f->conn.tr->close(&f->conn);
	ipc_endpoint_free(&f->ep);
	free(f);
	return NULL;
}

/* A frame for the child behind what it has not taken yet. */
static int
queue_frame(struct ipc_filter *f, const struct ipc_msg *m,
    struct ipc_error *err)
{
	struct ipc_wrap w;
	struct ipc_chunk *c = f->w;
	uint64_t left, need;

	if (ipc_wrap(f->f, m->data, m->len, false, &w, err) < 0)
		return IPC_E_DATA;
	left = c == NULL ? 0 : c->tail - c->head;
	need = left + w.nhead + m->len + w.ntail;
	if (c == NULL || need - left > c->size - c->tail) {
		struct ipc_chunk *n = ipc_chunk_big(need < 65536 ? 65536 :
		    (uint32_t)need);

		if (n == NULL)
			return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
			    "no memory");
		if (left > 0)
			memcpy(n->data, c->data + c->head, left);
		n->tail = (uint32_t)left;
		ipc_chunk_put(c);
		f->w = c = n;
	}
	memcpy(c->data + c->tail, w.head, w.nhead);
	memcpy(c->data + c->tail + w.nhead, m->data, m->len);
	memcpy(c->data + c->tail + w.nhead + m->len, w.tail, w.ntail);
	c->tail += (uint32_t)(need - left);
	return 0;
}

static int
broken(const struct ipc_filter *f, struct ipc_error *err)
{
	const char *how = f->eof ? "ended" : "closed its input";
	const char *hint = "a filter answers each message with one message, "
	    "and reads until there are no more";

	if (f->n == 0)
		ipc_fail(err, IPC_E_REMOTE, 0, hint, "the filter %s before "
		    "the messages did", how);
	else
		ipc_fail(err, IPC_E_REMOTE, 0, hint, "the filter %s with %"
		    PRIu32 " message%s unanswered, from message %" PRIu64
		    " on", how, f->n, f->n == 1 ? "" : "s",
		    f->sent[f->head].id);
	ipc_error_where(err, "%s", f->ep.text);
	return IPC_E_REMOTE;
}

/* What the child said is no frame. */
static int
unreadable(const struct ipc_filter *f, struct ipc_error *err)
{
	char what[sizeof(err->what)], hint[sizeof(err->hint)];

	memcpy(what, err->what, sizeof(what));
	memcpy(hint, err->hint, sizeof(hint));
	ipc_fail(err, IPC_E_REMOTE, 0, hint[0] == '\0' ? NULL : hint,
	    "the filter's answer, %s", what);
	ipc_error_where(err, "%s", f->ep.text);
	return IPC_E_REMOTE;
}

static ssize_t
child_io(struct ipc_filter *f, uint8_t *p, size_t n, bool out)
{
	const struct ipc_transport *tr = f->conn.tr;
	struct iovec v = { p, n };

	return out ? tr->writev(&f->conn, &v, 1) : tr->readv(&f->conn, &v, 1);
}

/* Give the child what it takes. */
static int
feed(struct ipc_filter *f, struct ipc_batch *in, struct ipc_error *err)
{
	for (;;) {
		struct ipc_chunk *c = f->w;
		ssize_t n;

		while (!f->deaf && ipc_batch_count(in) > 0 &&
		    f->n < IPC_FILTER_DEPTH &&
		    (c == NULL || c->tail - c->head < 32768)) {
			struct ipc_msg *m = &in->m[in->head];
			int r = queue_frame(f, m, err);

			/* What came before it is answered first. */
			if (r == IPC_E_DATA && f->n > 0)
				break;
			if (r < 0)
				return r;
			c = f->w;
			f->sent[(f->head + f->n++) % IPC_FILTER_DEPTH] =
			    (struct origin){ m->id, m->at, m->tag,
			    m->flags & IPC_MSG_OPEN };
			ipc_batch_drop(in);
		}
		if (c == NULL || c->head == c->tail || f->deaf)
			return 0;
		n = child_io(f, c->data + c->head, c->tail - c->head, true);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			/* What it has said is taken first; then it is broken,
			 * for it cannot answer this. */
			f->deaf = errno != EAGAIN;
			return 0;
		}
		c->head += (uint32_t)n;
		if (c->head == c->tail)
			c->head = c->tail = 0;
	}
}

/* Room to read into, or NULL. */
static struct ipc_chunk *
reading(struct ipc_filter *f, size_t need)
{
	struct ipc_chunk *c = f->in.chunk, *n;
	uint32_t have = c == NULL ? 0 : c->tail - c->head;

	if (c != NULL && c->size - c->tail >= 4096 &&
	    c->size - c->head >= need)
		return c;
	n = ipc_chunk_big(have * 2 < 65536 ? 65536 : have * 2);
	if (n == NULL)
		return NULL;
	if (have > 0)
		memcpy(n->data, c->data + c->head, have);
	n->tail = have;
	ipc_chunk_put(c);
	f->in.chunk = n;
	return n;
}

/* One reply to the oldest message in the child. */
static int
answer(struct ipc_filter *f, struct ipc_batch *out, const struct ipc_frame *fr,
    struct ipc_error *err)
{
	const struct origin *o = &f->sent[f->head];
	struct ipc_chunk *c = f->in.chunk;
	struct ipc_msg *m;

	if (f->n == 0) {
		ipc_fail(err, IPC_E_REMOTE, 0, "a filter answers each "
		    "message with exactly one", "the filter said more than "
		    "it was asked");
		ipc_error_where(err, "%s", f->ep.text);
		return IPC_E_REMOTE;
	}
	m = ipc_batch_add(out, c, c->data + c->head + fr->off,
	    (uint32_t)fr->len, IPC_MSGS);
	m->id = o->id;
	m->at = o->at;
	m->tag = o->tag;
	m->flags = o->flags;
	f->head = (f->head + 1) % IPC_FILTER_DEPTH;
	f->n--;
	return 0;
}

/* Take what the child has said. */
static int
take(struct ipc_filter *f, struct ipc_batch *out, struct ipc_error *err)
{
	size_t need = 1;
	ssize_t n;

	for (;;) {
		struct ipc_chunk *c = f->in.chunk;
		struct ipc_frame fr = { .used = 0 };
		int r = 0;

		if (ipc_batch_room(out) == 0)
			return 0;
		if (c != NULL && (c->head < c->tail || f->eof)) {
			r = ipc_unframe(&f->in.un, c->data + c->head,
			    c->tail - c->head, f->eof, &fr, &need, err);
			/* Not consumed: it is found again. */
			if (r > 0 && answer(f, out, &fr, err) < 0)
				return IPC_E_REMOTE;
			c->head += (uint32_t)fr.used;
		}
		if (r < 0)
			return r == IPC_E_DATA ? unreadable(f, err) : r;
		if (r > 0)
			continue;
		if (f->eof)
			return f->n > 0 ? broken(f, err) : 0;
		c = reading(f, need);
		if (c == NULL)
			return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
			    "no memory");
		n = child_io(f, c->data + c->tail, c->size - c->tail, false);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		f->eof = n <= 0;
		if (n > 0)
			c->tail += (uint32_t)n;
	}
}

/* The source has ended and all is answered: let the child end. */
static int
wind_up(struct ipc_filter *f, struct ipc_error *err)
{
	if (!f->shut) {
		f->shut = true;
		if (f->wev != NULL) {
			event_free(f->wev);
			f->wev = NULL;
		}
		f->conn.tr->shut_write(&f->conn);
	}
	if (!f->eof || !f->gone || f->status == 0)
		return 0;
	ipc_fail(err, IPC_E_REMOTE, 0, NULL, f->status > 128 ?
	    "the filter was ended by signal %d" :
	    "the filter exited with status %d", f->status > 128 ?
	    f->status - 128 : f->status);
	ipc_error_where(err, "%s", f->ep.text);
	return IPC_E_REMOTE;
}

static int
exec_step(struct ipc_pipeline *pl, struct ipc_dir *d, struct ipc_step *s,
    struct ipc_io *io, bool over, struct ipc_error *err)
{
	struct ipc_batch *in = io->in, *out = io->out;
	const struct ipc_exec_cfg *cfg = s->st->cfg;
	const char *cmd = s->tx ? cfg->cmd : cfg->undo;
	struct ipc_filter *f = s->filter;
	int r;

	if (cmd == NULL) {
		while (ipc_batch_count(in) > 0 && ipc_batch_room(out) > 0)
			ipc_batch_move(out, in);
		return 0;
	}
	if (f == NULL) {
		if (ipc_batch_count(in) == 0)
			return 0;
		f = s->filter = filter_new(pl, d, cfg, cmd, err);
		if (f == NULL)
			return err->code;
	}
	filter_off(f);
	r = feed(f, in, err);
	if (r == 0)
		r = take(f, out, err);
	if (r == 0 && f->deaf && f->n == 0 && ipc_batch_count(in) > 0)
		r = broken(f, err);
	if (r == 0 && over && ipc_batch_count(in) == 0 && f->n == 0 &&
	    (f->w == NULL || f->w->head == f->w->tail))
		r = wind_up(f, err);
	if (r < 0)
		return r;
	if (f->n > 0 || f->shut)
		arm(f, &f->rev, f->eof ? -1 : f->conn.rfd, EV_READ);
	if (f->w != NULL && f->w->head < f->w->tail && !f->deaf)
		arm(f, &f->wev, f->conn.wfd, EV_WRITE);
	return 0;
}

int
ipc_filter_step(struct ipc_pipeline *pl, struct ipc_dir *d,
    struct ipc_step *s, struct ipc_io *io, bool over, struct ipc_error *err)
{
	if (is_tee(s->st->ops))
		return tee_step(pl, s, io->in, io->out, err);
	return exec_step(pl, d, s, io, over, err);
}

bool
ipc_filter_busy(const struct ipc_step *s)
{
	const struct ipc_filter *f = s->filter;

	return f != NULL && !(f->eof && f->gone);
}

bool
ipc_filter_holds(const struct ipc_step *s)
{
	return s->filter != NULL && s->filter->n > 0;
}

void
ipc_filter_free(struct ipc_step *s)
{
	struct ipc_filter *f = s->filter;

	s->filter = NULL;
	if (f == NULL)
		return;
	if (f->rev != NULL)
		event_free(f->rev);
	if (f->wev != NULL)
		event_free(f->wev);
	if (f->cev != NULL)
		event_free(f->cev);
	if (!f->gone) {
		f->conn.tr->kill(&f->conn, SIGTERM);
		f->conn.tr->reap(&f->conn, &f->status);
	}
	f->conn.tr->close(&f->conn);
	ipc_chunk_put(f->w);
	ipc_chunk_put(f->in.chunk);
	ipc_unframe_free(&f->in.un);
	ipc_opt_free(f->ep.tr->opts, f->ep.cfg);
	ipc_endpoint_free(&f->ep);
	free(f);
}
