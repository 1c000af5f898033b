/* Readiness, progress, statistics.  See report.h. */
#include "core/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/units.h"
#include "core/exchange.h"
#include "core/run.h"
#include "core/server.h"

/* sd_notify(3): one datagram; the protocol is stable and needs no library. */
static void
notify_manager(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	static const char msg[] = "READY=1";
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t len;
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return;
	len = strlen(path);
	if (len >= sizeof(sa.sun_path))
		return;
	memcpy(sa.sun_path, path, len);
	if (path[0] == '@')
		sa.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)!sendto(fd, msg, sizeof(msg) - 1, MSG_NOSIGNAL,
	    (struct sockaddr *)&sa,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

/* Did the kernel choose what it is called? */
static bool
unknown(const struct ipc_endpoint *ep)
{
	return strcmp(ep->scheme, "pty") == 0 ||
	    (ep->port != NULL && strcmp(ep->port, "0") == 0);
}

/* FIFOs by the name they were given, ptys by what the kernel named them. */
static void
created(const struct ipc_run *run, struct ipc_text *out)
{
	for (uint32_t i = 0; i < run->plan->nfrom; i++) {
		const struct ipc_point *pt = &run->plan->from[i];
		const char *name = pt->ep.text;

		if (!pt->binds || pt->accepts ||
		    (pt->ep.tr->caps & IPC_CAP_CREATE) == 0)
			continue;
		if (run->created[i][0] != '\0')
			name = run->created[i];
		ipc_text_add(out, "%s\n", name);
		/* A name that only the kernel knew has to be told. */
		ipc_log(name == run->created[i] && unknown(&pt->ep) &&
		    run->plan->set->ready_fd == UINT64_MAX ? IPC_LOG_WARN :
		    IPC_LOG_INFO, NULL, "created %s", name);
	}
}

static bool
picked_port(const struct ipc_server *s)
{
	return s->l.ep->port != NULL && strcmp(s->l.ep->port, "0") == 0;
}

void
ipc_report_ready(struct ipc_run *run)
{
	const struct ipc_settings *set = run->plan->set;
	struct ipc_text out = { 0 };
	size_t at = 0;

	for (uint32_t i = 0; i < run->nservers; i++) {
		const struct ipc_server *s = &run->servers[i];
		char buf[4096];

		if (s->w->index != 0)
			continue;
		s->l.tr->bound_text(&s->l, buf, sizeof(buf));
		ipc_text_add(&out, "%s\n", buf);
		/* A port the kernel picked is news in any case. */
		if (set->ready_fd == UINT64_MAX && picked_port(s))
			ipc_log(IPC_LOG_WARN, NULL, "listening on %s", buf);
		else
			ipc_log(IPC_LOG_INFO, NULL, "listening on %s", buf);
	}
	created(run, &out);
	if (set->ready_fd != UINT64_MAX) {
		int fd = (int)set->ready_fd;

		while (at < out.len) {
			ssize_t n = write(fd, out.s + at, out.len - at);

			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)
				break;
			at += (size_t)n;
		}
		close(fd);
	}
	ipc_text_free(&out);
	notify_manager();
}

void
ipc_run_totals(struct ipc_run *run, struct ipc_totals *t)
{
	memset(t, 0, sizeof(*t));
	for (uint32_t i = 0; i < run->plan->workers; i++) {
		const struct ipc_counters *c = &run->workers[i].counters;

		t->bytes[0] += ipc_counted(&c->bytes[0]);
		t->bytes[1] += ipc_counted(&c->bytes[1]);
		t->splice_bytes += ipc_counted(&c->splice_bytes);
		t->accepted += ipc_counted(&c->accepted);
		t->refused += ipc_counted(&c->refused);
		t->opened += ipc_counted(&c->opened);
		t->closed += ipc_counted(&c->closed);
		t->failed += ipc_counted(&c->failed);
		t->dropped_bytes += ipc_counted(&c->dropped_bytes);
		t->redials += ipc_counted(&c->redials);
		t->msgs[0] += ipc_counted(&c->msgs[0]);
		t->msgs[1] += ipc_counted(&c->msgs[1]);
		t->skipped += ipc_counted(&c->skipped);
		t->passed += ipc_counted(&c->passed);
		t->kernel_lost += ipc_counted(&c->kernel_lost);
	}
}

void
ipc_run_kernel_lost(struct ipc_run *run)
{
	struct ipc_totals t;
	bool mild = !run->has_result || run->result.code == IPC_E_DEADLINE ||
	    run->result.code == IPC_E_SIGNAL;

	ipc_run_totals(run, &t);
	if (t.kernel_lost == 0 || !mild)
		return;
	memset(&run->result, 0, sizeof(run->result));
	ipc_fail(&run->result, IPC_E_DATA, 0, "give the endpoint a larger "
	    "rcvbuf=, up to net.core.rmem_max, or send more slowly",
	    "%" PRIu64 " messages were lost: they came faster than they were "
	    "read", t.kernel_lost);
	run->has_result = true;
}

static uint64_t
rate_of(uint64_t bytes, uint64_t ns)
{
	return ns == 0 ? 0 : (uint64_t)((double)bytes * (double)IPC_NS_PER_S /
	    (double)ns);
}

void
ipc_report_stats(struct ipc_run *run)
{
	uint64_t ns = ipc_now() - run->start_ns;
	char a[IPC_UNIT_TEXT], b[IPC_UNIT_TEXT], c[IPC_UNIT_TEXT];
	struct ipc_text out = { 0 };
	struct ipc_totals t;

	ipc_run_totals(run, &t);
	ipc_text_add(&out, "ipcat: %" PRIu64 " bytes out, %" PRIu64
	    " bytes back in %s (%s/s out, %s/s back)\n", t.bytes[0],
	    t.bytes[1], ipc_format_duration(a, ns),
	    ipc_format_size(b, rate_of(t.bytes[0], ns)),
	    ipc_format_size(c, rate_of(t.bytes[1], ns)));
	ipc_text_add(&out, "ipcat: connections %" PRIu64 " opened, %" PRIu64
	    " open, %" PRIu64 " failed, %" PRIu64 " refused, %" PRIu64
	    " redialed; %" PRIu64 " bytes by splice, %" PRIu64
	    " bytes dropped\n", t.opened, t.opened - t.closed, t.failed,
	    t.refused, t.redials, t.splice_bytes, t.dropped_bytes);
	if (run->plan->messages)
		ipc_text_add(&out, "ipcat: messages %" PRIu64 " out, %" PRIu64
		    " back; %" PRIu64 " skipped, %" PRIu64 " passed as they "
		    "were, %" PRIu64 " lost by the kernel\n", t.msgs[0],
		    t.msgs[1], t.skipped, t.passed, t.kernel_lost);
	if (run->ex != NULL && run->ex->ops->stats != NULL)
		run->ex->ops->stats(run->ex, &out);
	if (out.s != NULL && run->report != NULL)
		run->report(out.s);
	ipc_text_free(&out);
}

static void
eta(struct ipc_text *out, const struct ipc_run *run, uint64_t done,
    uint64_t rate)
{
	char left[IPC_UNIT_TEXT];

	if (run->size == 0 || done > run->size)
		return;
	ipc_text_add(out, " %3" PRIu64 "%%", done * 100 / run->size);
	if (rate > 0 && done < run->size)
		ipc_text_add(out, " ETA %s", ipc_format_duration(left,
		    (run->size - done) / rate * IPC_NS_PER_S));
}

void
ipc_report_progress(struct ipc_run *run, bool last)
{
	bool tty = isatty(STDERR_FILENO) == 1;
	uint64_t now = ipc_now(), total, since;
	char a[IPC_UNIT_TEXT], b[IPC_UNIT_TEXT], c[IPC_UNIT_TEXT];
	struct ipc_text out = { 0 };
	struct ipc_totals t;

	ipc_run_totals(run, &t);
	total = t.bytes[0] + t.bytes[1];
	since = last ? run->start_ns : run->last_tick_ns;
	ipc_text_add(&out, "%s%s %s [%s/s]", tty ? "\r\033[K" : "",
	    ipc_format_size(a, total),
	    ipc_format_duration(b, now - run->start_ns), ipc_format_size(c,
	    rate_of(total - (last ? 0 : run->last_tick_bytes), now - since)));
	eta(&out, run, t.bytes[0], rate_of(t.bytes[0], now - run->start_ns));
	if (!tty || last)
		ipc_text_add(&out, "\n");
	run->last_tick_ns = now;
	run->last_tick_bytes = total;
	if (out.s != NULL && run->report != NULL)
		run->report(out.s);
	ipc_text_free(&out);
}
