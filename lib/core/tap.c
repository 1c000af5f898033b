/*
 * Taps.  The record format is lib/wire/record.h; the hex dump is
 *
 *	> 00000000  68 65 6c 6c 6f 0a                                 |hello.|
 *
 * with `>` for FROM to TO and `<` for the way back.  One lock for all workers
 * keeps lines and records whole.
 */
#include "core/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "core/pipeline.h"
#include "core/plan.h"
#include "core/run.h"
#include "wire/record.h"

int
ipc_taps_open(struct ipc_taps *t, bool hexdump, const char *record,
    struct ipc_error *err)
{
	uint8_t head[IPC_RECORD_HEAD];
	int fd;

	t->hexdump = hexdump;
	t->record_path = record;
	t->start_ns = ipc_now();
	if (record == NULL)
		return 0;
	fd = open(record, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0)
		t->record = fdopen(fd, "wb");
	if (t->record == NULL) {
		ipc_fail(err, IPC_E_NET, errno, NULL, "cannot record");
		ipc_error_where(err, "option -o %s", record);
		if (fd >= 0)
			close(fd);
		return IPC_E_NET;
	}
	ipc_record_head(head, ipc_wall());
	if (fwrite(head, sizeof(head), 1, t->record) != 1)
		t->failed = errno;
	return 0;
}

int
ipc_taps_close(struct ipc_taps *t, struct ipc_error *err)
{
	if (t->record == NULL)
		return 0;
	if (fclose(t->record) != 0 && t->failed == 0)
		t->failed = errno;
	t->record = NULL;
	if (t->failed == 0)
		return 0;
	ipc_fail(err, IPC_E_NET, t->failed, NULL, "the record is incomplete");
	ipc_error_where(err, "option -o %s", t->record_path);
	return IPC_E_NET;
}

static void
record(struct ipc_taps *t, const struct ipc_pipeline *pl,
    const struct ipc_dir *d, const uint8_t *data, size_t len)
{
	struct ipc_record r = {
		.ns = ipc_now() - t->start_ns,
		.conn = pl->id,
		.dir = d->index,
		.len = (uint32_t)len,
	};
	uint8_t head[IPC_RECORD_ENTRY];

	ipc_record_entry(head, &r);
	/* Flushed at once: a record is most wanted after a crash. */
	if (t->failed == 0 && (fwrite(head, sizeof(head), 1, t->record) != 1 ||
	    fwrite(data, 1, len, t->record) != len ||
	    fflush(t->record) != 0))
		t->failed = errno;
}

static size_t
hex_line(char *out, char arrow, uint64_t off, const uint8_t *p, size_t n)
{
	static const char digit[] = "0123456789abcdef";
	size_t o = (size_t)sprintf(out, "%c %08llx ", arrow,
	    (unsigned long long)off);

	for (size_t i = 0; i < 16; i++) {
		if (i % 8 == 0)
			out[o++] = ' ';
		out[o++] = i < n ? digit[p[i] >> 4] : ' ';
		out[o++] = i < n ? digit[p[i] & 15] : ' ';
		out[o++] = ' ';
	}
	out[o++] = ' ';
	out[o++] = '|';
	for (size_t i = 0; i < n; i++)
		out[o++] = p[i] >= 0x20 && p[i] < 0x7f ? (char)p[i] : '.';
	out[o++] = '|';
	out[o++] = '\n';
	return o;
}

static void
hexdump(struct ipc_taps *t, const struct ipc_dir *d, const uint8_t *data,
    size_t len)
{
	char buf[8192];
	size_t o = 0;

	for (size_t i = 0; i < len; i += 16) {
		size_t n = len - i < 16 ? len - i : 16;

		o += hex_line(buf + o, d->index == 0 ? '>' : '<',
		    t->off[d->index], data + i, n);
		t->off[d->index] += n;
		if (o > sizeof(buf) - 128 || i + 16 >= len) {
			(void)!write(STDERR_FILENO, buf, o);
			o = 0;
		}
	}
}

void
ipc_tap_bytes(struct ipc_pipeline *pl, const struct ipc_dir *d,
    const uint8_t *data, size_t len)
{
	struct ipc_run *run = pl->w->run;

	pthread_mutex_lock(&run->lock);
	if (run->taps.hexdump)
		hexdump(&run->taps, d, data, len);
	if (run->taps.record != NULL)
		record(&run->taps, pl, d, data, len);
	pthread_mutex_unlock(&run->lock);
}
