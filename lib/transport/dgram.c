/*
 * Receiving, sending and answering messages on datagram and record sockets.
 * See dgram.h.  State: the receive area, and the table of senders in order of
 * last use.
 */
#include "transport/dgram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "transport/fdio.h"
#include "transport/transport.h"

#define SLOTS 64
#define CONTROL 64		/* overflow counter, or credentials */
#define BUCKETS 1024
#define NOBODY UINT16_MAX

_Static_assert(IPC_DGRAM_SENDERS < NOBODY, "an index is 16 bits");

struct sender {
	struct ipc_addr addr;
	uint32_t gen;		/* of the slot; a tag must have the same */
	uint16_t chain;		/* next in its bucket */
	uint16_t newer, older;	/* in order of use */
};

struct senders {
	struct sender s[IPC_DGRAM_SENDERS];
	uint16_t bucket[BUCKETS];
	uint16_t newest, oldest;
	uint16_t used;
};

struct ipc_dgrams {
	struct ipc_dgram_kind kind;
	uint8_t	*area;		/* owned: slots x slot bytes */
	struct senders *who;	/* owned; NULL: connected */
	void	*own;		/* the transport's */
	struct ipc_addr to;	/* len 0: untagged goes to the newest */
	uint64_t lost;		/* not told to core yet */
	uint32_t drops;		/* SO_RXQ_OVFL, as last seen */
	bool	ended;		/* SOCK_SEQPACKET: the end was seen */
	struct mmsghdr mm[SLOTS];
	struct iovec iov[SLOTS];
	struct sockaddr_storage from[SLOTS];
	_Alignas(struct cmsghdr) uint8_t control[SLOTS][CONTROL];
};

int
ipc_dgram_open(struct ipc_conn *c, const struct ipc_dgram_kind *kind,
    struct ipc_error *err)
{
	struct ipc_dgrams *g = calloc(1, sizeof(*g));
	void *area;

	c->impl = g;
	if (g == NULL)
		return ipc_fail(err, IPC_E_NET, ENOMEM, NULL, "no memory");
	g->kind = *kind;
	area = mmap(NULL, (size_t)kind->slot * kind->slots,
	    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
	    MAP_NORESERVE, -1, 0);
	if (area == MAP_FAILED)
		return ipc_fail(err, IPC_E_NET, errno, NULL, "no memory");
	g->area = area;
	if (kind->senders) {
		g->who = calloc(1, sizeof(*g->who));
		if (g->who == NULL)
			return ipc_fail(err, IPC_E_NET, ENOMEM, NULL,
			    "no memory");
		memset(g->who->bucket, 0xff, sizeof(g->who->bucket));
		g->who->newest = g->who->oldest = NOBODY;
	}
	return 0;
}

void **
ipc_dgram_own(struct ipc_conn *c)
{
	struct ipc_dgrams *g = c->impl;

	return g == NULL ? NULL : &g->own;
}

void
ipc_dgram_to(struct ipc_conn *c, const struct ipc_addr *addr)
{
	struct ipc_dgrams *g = c->impl;

	g->to = *addr;
}

void
ipc_dgram_close(struct ipc_conn *c)
{
	struct ipc_dgrams *g = c->impl;

	if (g != NULL) {
		if (g->area != NULL)
			munmap(g->area, (size_t)g->kind.slot * g->kind.slots);
		free(g->who);
		free(g);
	}
	c->impl = NULL;
	ipc_conn_close_fds(c);
}

/* --- senders --- */

static uint32_t
bucket_of(const struct sockaddr *sa, socklen_t len)
{
	const uint8_t *p = (const uint8_t *)sa;
	uint32_t h = 2166136261U;

	for (socklen_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 16777619U;
	return h % BUCKETS;
}

static void
unlink_use(struct senders *w, uint16_t i)
{
	struct sender *s = &w->s[i];

	if (s->newer != NOBODY)
		w->s[s->newer].older = s->older;
	else
		w->newest = s->older;
	if (s->older != NOBODY)
		w->s[s->older].newer = s->newer;
	else
		w->oldest = s->newer;
}

static void
link_newest(struct senders *w, uint16_t i)
{
	w->s[i].older = w->newest;
	w->s[i].newer = NOBODY;
	if (w->newest != NOBODY)
		w->s[w->newest].newer = i;
	else
		w->oldest = i;
	w->newest = i;
}

/* A slot for a new sender: an unused one, or that of the oldest. */
static uint16_t
take_slot(struct senders *w)
{
	uint16_t i, *at;

	if (w->used < IPC_DGRAM_SENDERS) {
		i = w->used++;
	} else {
		i = w->oldest;
		unlink_use(w, i);
		at = &w->bucket[bucket_of(&w->s[i].addr.sa, w->s[i].addr.len)];
		while (*at != i)
			at = &w->s[*at].chain;
		*at = w->s[i].chain;
	}
	w->s[i].gen++;
	return i;
}

static uint64_t
tag_of(const struct senders *w, uint16_t i)
{
	return (uint64_t)w->s[i].gen << 16 | (i + 1U);
}

/* The tag of a sender, who is now the newest. */
static uint64_t
know(struct senders *w, const struct sockaddr *sa, socklen_t len)
{
	uint32_t b = bucket_of(sa, len);
	uint16_t i = w->bucket[b];

	if (len <= sizeof(sa->sa_family))
		return 0;		/* it has no name: nobody to answer */
	while (i != NOBODY && (w->s[i].addr.len != len ||
	    memcmp(&w->s[i].addr.sa, sa, len) != 0))
		i = w->s[i].chain;
	if (i == NOBODY) {
		i = take_slot(w);
		w->s[i].addr.len = len;
		memcpy(&w->s[i].addr.ss, sa, len);
		w->s[i].chain = w->bucket[b];
		w->bucket[b] = i;
		link_newest(w, i);
	} else if (w->newest != i) {
		unlink_use(w, i);
		link_newest(w, i);
	}
	return tag_of(w, i);
}

/* Whom a tag means; 0 is the newest.  NULL: nobody any more. */
static struct sender *
find(struct senders *w, uint64_t tag)
{
	uint16_t i = (uint16_t)((tag & 0xffff) - 1);

	if (tag == 0)
		i = w->newest;
	if (i >= w->used || (tag != 0 && tag_of(w, i) != tag))
		return NULL;
	return &w->s[i];
}

bool
ipc_dgram_peer_of(const struct ipc_conn *c, uint64_t tag,
    struct ipc_ident *out)
{
	const struct ipc_dgrams *g = c->impl;
	const struct sender *s = g->who == NULL ? NULL : find(g->who, tag);

	if (s == NULL)
		return false;
	ipc_ident_from(out, &s->addr.sa, s->addr.len);
	return true;
}

/* --- receiving --- */

static int
receive(struct ipc_dgrams *g, int fd, int n)
{
	for (int i = 0; i < n; i++) {
		struct msghdr *h = &g->mm[i].msg_hdr;

		g->iov[i].iov_base = g->area + (size_t)i * g->kind.slot;
		g->iov[i].iov_len = g->kind.slot;
		memset(h, 0, sizeof(*h));
		h->msg_iov = &g->iov[i];
		h->msg_iovlen = 1;
		h->msg_name = g->who == NULL ? NULL : &g->from[i];
		h->msg_namelen = g->who == NULL ? 0 : sizeof(g->from[i]);
		h->msg_control = g->control[i];
		h->msg_controllen = CONTROL;
	}
	return recvmmsg(fd, g->mm, (unsigned)n, MSG_DONTWAIT, NULL);
}

/* The kernel counts what it dropped since the socket was made. */
static void
note_drops(struct ipc_dgrams *g, struct msghdr *h)
{
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(h); cm != NULL;
	    cm = CMSG_NXTHDR(h, cm)) {
		uint32_t drops;

		if (cm->cmsg_level != SOL_SOCKET ||
		    cm->cmsg_type != SO_RXQ_OVFL)
			continue;
		memcpy(&drops, CMSG_DATA(cm), sizeof(drops));
		g->lost += drops - g->drops;
		g->drops = drops;
	}
}

int
ipc_dgram_recv(struct ipc_conn *c, struct ipc_dgram *d, int n)
{
	struct ipc_dgrams *g = c->impl;
	int got, i;

	if (g->ended)
		return 0;
	if ((uint32_t)n > g->kind.slots)
		n = (int)g->kind.slots;
	got = receive(g, c->rfd, n);
	if (got < 0)
		return -1;
	for (i = 0; i < got; i++) {
		struct msghdr *h = &g->mm[i].msg_hdr;

		if (g->kind.records && g->mm[i].msg_len == 0 &&
		    h->msg_controllen == 0) {
			g->ended = true;
			break;
		}
		d[i].iov[0] = (struct iovec){ g->iov[i].iov_base,
		    g->mm[i].msg_len };
		d[i].cut = (h->msg_flags & MSG_TRUNC) != 0;
		d[i].tag = g->who == NULL ? 0 : know(g->who, h->msg_name,
		    h->msg_namelen);
		if (!g->kind.records)
			note_drops(g, h);
	}
	return i;
}

uint64_t
ipc_dgram_lost(struct ipc_conn *c)
{
	struct ipc_dgrams *g = c->impl;
	uint64_t n = g->lost;

	g->lost = 0;
	return n;
}

/* --- sending --- */

int
ipc_dgram_send(struct ipc_conn *c, const struct ipc_dgram *d, int n)
{
	struct ipc_dgrams *g = c->impl;
	int i, r;

	for (i = 0; i < n && i < SLOTS; i++) {
		struct msghdr *h = &g->mm[i].msg_hdr;

		memset(h, 0, sizeof(*h));
		/* sendmmsg(2) does not write through it. */
		memcpy(&h->msg_iov, &(const struct iovec *){ d[i].iov },
		    sizeof(h->msg_iov));
		h->msg_iovlen = 2;
		if (g->who != NULL) {
			struct sender *s = find(g->who, d[i].tag);
			struct ipc_addr *to = d[i].tag == 0 && g->to.len > 0 ?
			    &g->to : s == NULL ? NULL : &s->addr;

			if (to == NULL)
				break;
			h->msg_name = &to->sa;
			h->msg_namelen = to->len;
		}
	}
	if (i == 0) {
		errno = ENOENT;
		return -1;
	}
	r = sendmmsg(c->wfd, g->mm, (unsigned)i, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (r < 0 && errno == ENOBUFS)
		errno = EAGAIN;
	return r;
}

int
ipc_dgram_shut_write(struct ipc_conn *c)
{
	if (c->wfd >= 0 && c->wfd != c->rfd)
		c->dialfd = c->wfd;
	c->wfd = -1;
	return 0;
}

ssize_t
ipc_dgram_unsent(struct ipc_conn *c)
{
	int fd = c->wfd >= 0 ? c->wfd : c->dialfd >= 0 ? c->dialfd : c->rfd;
	int sys = 0;
	socklen_t len = sizeof(sys);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &sys, &len) == 0 && sys == 0)
		return 0;
	errno = sys;
	return -1;
}
