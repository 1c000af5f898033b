/*
 * Receiving, sending and answering messages on datagram and record sockets.
 * See dgram.h.  State: the receive area, and the table of senders in order of
 * last use.
 */
#include "transport/dgram.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "transport/fdio.h"
#include "transport/transport.h"

#define SLOTS 64
#define CONTROL 128		/* overflow counter, credentials, addresses */
#define BUCKETS 1024
#define NOBODY UINT16_MAX
#define NAMELESS NOBODY		/* the tag of who cannot be answered */

_Static_assert(IPC_DGRAM_SENDERS < NOBODY, "an index is 16 bits");

/* What a message brought besides its bytes. */
struct extras {
	struct ucred cred;	/* unix; known if has_cred */
	struct in_pktinfo to4;	/* where it was sent to */
	struct in6_pktinfo to6;
	int	family;		/* to4, to6, or AF_UNSPEC: unknown */
	bool	has_cred;
};

struct sender {
	struct ipc_addr addr;
	struct extras x;	/* of its last message */
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
	ipc_admit_fn *admit;	/* NULL: everybody */
	void	*admit_arg;	/* borrowed */
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
know(struct senders *w, const struct sockaddr *sa, socklen_t len,
    const struct extras *x)
{
	uint32_t b = bucket_of(sa, len);
	uint16_t i = w->bucket[b];

	if (len <= sizeof(sa->sa_family))
		return NAMELESS;
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
	w->s[i].x = *x;
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

static void
identify(struct ipc_ident *id, const struct sockaddr *sa, socklen_t len,
    const struct extras *x)
{
	ipc_ident_from(id, sa, len);
	if (!x->has_cred)
		return;
	/* Who has no name has no address either. */
	id->family = AF_UNIX;
	id->has_cred = true;
	id->pid = x->cred.pid;
	id->uid = x->cred.uid;
	id->gid = x->cred.gid;
}

bool
ipc_dgram_peer_of(const struct ipc_conn *c, uint64_t tag,
    struct ipc_ident *out)
{
	const struct ipc_dgrams *g = c->impl;
	const struct sender *s = g->who == NULL ? NULL : find(g->who, tag);

	if (s == NULL)
		return false;
	identify(out, &s->addr.sa, s->addr.len, &s->x);
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

/* The kernel counts what it dropped since the socket was made; what a message
 * says is from when it was queued, so it may be behind what we asked. */
static void
note_drops(struct ipc_dgrams *g, uint32_t drops)
{
	if ((int32_t)(drops - g->drops) <= 0)
		return;
	g->lost += drops - g->drops;
	g->drops = drops;
}

static void
read_extra(struct ipc_dgrams *g, const struct cmsghdr *cm, struct extras *x)
{
	const void *p = CMSG_DATA(cm);
	uint32_t drops;

	if (cm->cmsg_level == SOL_SOCKET && cm->cmsg_type == SO_RXQ_OVFL) {
		memcpy(&drops, p, sizeof(drops));
		note_drops(g, drops);
	} else if (cm->cmsg_level == SOL_SOCKET &&
	    cm->cmsg_type == SCM_CREDENTIALS) {
		memcpy(&x->cred, p, sizeof(x->cred));
		x->has_cred = true;
	} else if (cm->cmsg_level == IPPROTO_IP &&
	    cm->cmsg_type == IP_PKTINFO) {
		memcpy(&x->to4, p, sizeof(x->to4));
		x->family = AF_INET;
	} else if (cm->cmsg_level == IPPROTO_IPV6 &&
	    cm->cmsg_type == IPV6_PKTINFO && x->family == AF_UNSPEC) {
		memcpy(&x->to6, p, sizeof(x->to6));
		/* A group is nowhere to answer from, and an IPv4 address says
		 * less than its own kind of message does. */
		if (!IN6_IS_ADDR_MULTICAST(&x->to6.ipi6_addr) &&
		    !IN6_IS_ADDR_V4MAPPED(&x->to6.ipi6_addr))
			x->family = AF_INET6;
	}
}

static void
read_extras(struct ipc_dgrams *g, struct msghdr *h, struct extras *x)
{
	memset(x, 0, sizeof(*x));
	if (g->kind.records)
		return;		/* credentials that nobody asked for */
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(h); cm != NULL;
	    cm = CMSG_NXTHDR(h, cm))
		read_extra(g, cm, x);
}

static bool
admitted(const struct ipc_dgrams *g, const struct msghdr *h,
    const struct extras *x)
{
	struct ipc_ident id;

	if (g->admit == NULL || g->who == NULL)
		return true;
	identify(&id, h->msg_name, h->msg_namelen, x);
	return g->admit(g->admit_arg, &id);
}

int
ipc_dgram_recv(struct ipc_conn *c, struct ipc_dgram *d, int n)
{
	struct ipc_dgrams *g = c->impl;
	struct extras x;
	int got, kept = 0;

	if (g->ended)
		return 0;
	if ((uint32_t)n > g->kind.slots)
		n = (int)g->kind.slots;
	got = receive(g, c->rfd, n);
	if (got < 0)
		return -1;
	for (int i = 0; i < got; i++) {
		struct msghdr *h = &g->mm[i].msg_hdr;

		if (g->kind.records && g->mm[i].msg_len == 0 &&
		    h->msg_controllen == 0) {
			g->ended = true;
			break;
		}
		read_extras(g, h, &x);
		if (!admitted(g, h, &x))
			continue;
		d[kept].iov[0] = (struct iovec){ g->iov[i].iov_base,
		    g->mm[i].msg_len };
		d[kept].cut = (h->msg_flags & MSG_TRUNC) != 0;
		d[kept++].tag = g->who == NULL ? 0 : know(g->who, h->msg_name,
		    h->msg_namelen, &x);
	}
	if (kept > 0 || g->ended)
		return kept;
	errno = EAGAIN;		/* all were refused */
	return -1;
}

void
ipc_dgram_screen(struct ipc_conn *c, ipc_admit_fn *admit, void *arg)
{
	struct ipc_dgrams *g = c->impl;

	g->admit = admit;
	g->admit_arg = arg;
}

uint64_t
ipc_dgram_lost(struct ipc_conn *c, bool ask)
{
	struct ipc_dgrams *g = c->impl;
	uint32_t mem[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(mem);
	uint64_t n;

	if (g == NULL)
		return 0;
	if (ask && c->rfd >= 0 && getsockopt(c->rfd, SOL_SOCKET, SO_MEMINFO,
	    mem, &len) == 0 && len > SK_MEMINFO_DROPS * sizeof(mem[0]))
		note_drops(g, mem[SK_MEMINFO_DROPS]);
	n = g->lost;
	g->lost = 0;
	return n;
}

/* --- sending --- */

static void
put_control(struct msghdr *h, uint8_t *room, int level, int type,
    const void *p, size_t n)
{
	struct cmsghdr *cm;

	h->msg_control = room;
	h->msg_controllen = CMSG_SPACE(n);
	memset(room, 0, CMSG_SPACE(n));
	cm = CMSG_FIRSTHDR(h);
	if (cm == NULL)
		return;
	cm->cmsg_level = level;
	cm->cmsg_type = type;
	cm->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(cm), p, n);
}

/* An answer comes from the address that the question went to: a peer that is
 * connected takes it from no other. */
static void
answer_from(struct msghdr *h, uint8_t *room, const struct extras *x)
{
	if (x->family == AF_INET) {
		struct in_pktinfo p = { .ipi_spec_dst = x->to4.ipi_spec_dst };

		put_control(h, room, IPPROTO_IP, IP_PKTINFO, &p, sizeof(p));
	} else if (x->family == AF_INET6) {
		struct in6_pktinfo p = { .ipi6_addr = x->to6.ipi6_addr };

		put_control(h, room, IPPROTO_IPV6, IPV6_PKTINFO, &p,
		    sizeof(p));
	}
}

/* Where message d goes.  False: nobody. */
static bool
address(struct ipc_dgrams *g, struct msghdr *h, uint8_t *room,
    const struct ipc_dgram *d)
{
	struct sender *s = find(g->who, d->tag);
	struct ipc_addr *to = s == NULL ? NULL : &s->addr;

	if (d->tag == 0 && g->to.len > 0) {
		to = &g->to;
		s = NULL;
	}
	if (to == NULL)
		return false;
	h->msg_name = &to->sa;
	h->msg_namelen = to->len;
	if (s != NULL)
		answer_from(h, room, &s->x);
	return true;
}

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
		if (g->who != NULL && !address(g, h, g->control[i], &d[i]))
			break;
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
