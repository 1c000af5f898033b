/*
 * Fuzz: record files.
 *
 * The first byte chooses connection and direction, the rest is the file.  An
 * entry that is accepted must be written back as the same bytes, and replay
 * must give exactly the payloads that a walk over the entries finds, then the
 * end or EBADMSG.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "transport/transport.h"
#include "wire/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const struct ipc_transport ipc_transport_replay;

#define TOTAL (4U << 20)	/* payload bytes compared */

static void
must(bool cond)
{
	if (!cond)
		abort();
}

static void
must_be_written_back(const uint8_t *in, const struct ipc_record *r)
{
	uint8_t out[IPC_RECORD_ENTRY];

	must(r->len <= IPC_RECORD_MAX && r->dir <= 1);
	ipc_record_entry(out, r);
	must(memcmp(out, in, sizeof(out)) == 0);
}

/* The payloads of one connection and direction; *whole: nothing is cut or
 * malformed before the end. */
static size_t
walk(const uint8_t *p, size_t left, uint32_t conn, uint8_t dir, uint8_t *out,
    bool *whole)
{
	struct ipc_record r;
	bool any = conn == 0;
	size_t got = 0;

	for (; left >= IPC_RECORD_ENTRY; left -= r.len, p += r.len) {
		size_t n;

		if (ipc_record_parse_entry(p, &r) != 0)
			break;
		must_be_written_back(p, &r);
		p += IPC_RECORD_ENTRY;
		left -= IPC_RECORD_ENTRY;
		if (any)
			conn = r.conn;
		any = false;
		n = left < r.len ? left : r.len;
		if (conn == r.conn && dir == r.dir && got + n <= TOTAL) {
			memcpy(out + got, p, n);
			got += n;
		}
		if (left < r.len) {
			*whole = false;
			return got;
		}
	}
	*whole = left == 0;
	return got;
}

static int
open_replay(struct ipc_endpoint *ep, struct ipc_conn *c, int fd,
    uint32_t conn, uint8_t dir)
{
	char text[96], key[24];

	snprintf(text, sizeof(text), "replay?speed=max:/proc/self/fd/%d", fd);
	must(ipc_endpoint_parse(ep, text, ipc_transport_shape, NULL) == 0);
	ep->tr = &ipc_transport_replay;
	ep->cfg = calloc(1, ep->tr->cfg_size);
	must(ep->cfg != NULL);
	must(ipc_opt_defaults(ep->tr->opts, ep->cfg, NULL) == 0);
	snprintf(key, sizeof(key), "%u", conn);
	if (conn > 0)
		must(ipc_opt_set(ep->tr->opts, ep->cfg, "conn", key,
		    NULL) == 0);
	must(ipc_opt_set(ep->tr->opts, ep->cfg, "speed", "max", NULL) == 0);
	must(ipc_opt_set(ep->tr->opts, ep->cfg, "dir", dir == 0 ? "out" :
	    "in", NULL) == 0);
	must(ep->tr->check(ep, false, NULL) == 0);
	memset(c, 0, sizeof(*c));
	c->tr = ep->tr;
	c->ep = ep;
	c->rfd = c->wfd = c->rpoll = c->dialfd = c->pidfd = -1;
	c->flags = IPC_CONN_READ;
	return ep->tr->dial(c, NULL, NULL, NULL);
}

/* Everything it gives.  Returns 0 or the errno at the end. */
static int
read_all(struct ipc_conn *c, uint8_t *out, size_t step, size_t *got)
{
	ssize_t n;

	do {
		struct iovec iov = { out + *got,
		    step < TOTAL - *got ? step : TOTAL - *got };

		n = c->tr->readv(c, &iov, 1);
		*got += n > 0 ? (size_t)n : 0;
	} while ((n > 0 && *got < TOTAL) || (n == -1 && errno == EAGAIN));
	return n >= 0 ? 0 : errno;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t want[TOTAL], got[TOTAL];
	uint8_t pick = size > 0 ? data[0] : 0, dir = pick & 1;
	uint32_t conn = (pick >> 1) & 3;
	size_t nwant = 0, ngot = 0;
	struct ipc_endpoint ep;
	struct ipc_conn c;
	uint64_t wall;
	bool whole;
	int fd, rc;

	data += size > 0;
	size -= size > 0;
	fd = memfd_create("record", MFD_CLOEXEC);
	must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	rc = open_replay(&ep, &c, fd, conn, dir);
	if (size < IPC_RECORD_HEAD ||
	    ipc_record_parse_head(data, &wall) != 0) {
		must(rc == IPC_E_NET);
	} else {
		must(rc == 0);
		nwant = walk(data + IPC_RECORD_HEAD, size - IPC_RECORD_HEAD,
		    conn, dir, want, &whole);
		rc = read_all(&c, got, (pick >> 3) + 1U, &ngot);
		must(ngot == nwant && memcmp(got, want, ngot) == 0);
		must(ngot == TOTAL || (whole ? rc == 0 || rc == ENODATA :
		    rc == EBADMSG));
	}
	c.tr->close(&c);
	ipc_endpoint_free(&ep);
	close(fd);
	return 0;
}
