/*
 * vsock://CID:PORT: streams between a virtual machine and its host.
 *
 * A connection is `connecting` (dialfd set) or `up`.  Context ids are
 * numbers or host, local, any; there is no name service.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Needs struct sockaddr. */
#include <linux/vm_sockets.h>

#include "base/units.h"
#include "transport/fdio.h"
#include "transport/resolve.h"
#include "transport/sockopt.h"
#include "transport/transport.h"

struct vsock_cfg {
	uint64_t rcvbuf, backlog;
};

#define AT(member) offsetof(struct vsock_cfg, member)

static const struct ipc_opt vsock_opts[] = {
	{ .name = "rcvbuf", .type = IPC_OPT_SIZE, .argname = "SIZE",
	    .offset = AT(rcvbuf), .max = "1G",
	    .help = "receive buffer, which is what the peer may send ahead" },
	{ .name = "backlog", .type = IPC_OPT_INT, .argname = "N",
	    .offset = AT(backlog), .min = "1", .max = "65535",
	    .dflt = "1024", .help = "connections that wait to be accepted" },
	{ .type = IPC_OPT_END },
};

static const char *const listen_only[] = { "backlog", NULL };
static const char *const dial_only[] = { NULL };

#define SYNTAX_HINT "write vsock://CID:PORT; CID is a number, host or local"

static int
parse_cid(const char *text, bool binds, unsigned *cid, struct ipc_error *err)
{
	uint64_t v;

	if (text == NULL || text[0] == '\0' || strcmp(text, "any") == 0)
		*cid = VMADDR_CID_ANY;
	else if (strcmp(text, "host") == 0)
		*cid = VMADDR_CID_HOST;
	else if (strcmp(text, "local") == 0)
		*cid = VMADDR_CID_LOCAL;
	else if (ipc_parse_u64(text, &v, NULL) == 0 && v < UINT32_MAX)
		*cid = (unsigned)v;
	else
		return ipc_fail(err, IPC_E_USAGE, 0, SYNTAX_HINT,
		    "bad vsock context id \"%s\"", text);
	if (*cid == VMADDR_CID_ANY && !binds)
		return ipc_fail(err, IPC_E_USAGE, 0, SYNTAX_HINT,
		    "no context id to connect to");
	return 0;
}

static int
parse(const struct ipc_endpoint *ep, bool binds, struct sockaddr_vm *vm,
    struct ipc_error *err)
{
	uint64_t port;
	int rc;

	memset(vm, 0, sizeof(*vm));
	vm->svm_family = AF_VSOCK;
	rc = parse_cid(ep->host, binds, &vm->svm_cid, err);
	if (rc != 0)
		return rc;
	if (ep->port == NULL || ipc_parse_u64(ep->port, &port, NULL) != 0 ||
	    port >= UINT32_MAX || (port == 0 && !binds))
		return ipc_fail(err, IPC_E_USAGE, 0, SYNTAX_HINT,
		    "bad vsock port \"%s\"", ep->port == NULL ? "" : ep->port);
	vm->svm_port = port == 0 ? VMADDR_PORT_ANY : (unsigned)port;
	return 0;
}

static int
vsock_check(const struct ipc_endpoint *ep, bool binds, struct ipc_error *err)
{
	struct sockaddr_vm vm;
	int rc = parse(ep, binds, &vm, err);

	if (rc != 0)
		return rc;
	if (ep->path[0] != '\0' && strcmp(ep->path, "/") != 0)
		return ipc_fail(err, IPC_E_USAGE, 0, SYNTAX_HINT,
		    "\"%s\" after the port means nothing to vsock", ep->path);
	return ipc_sock_role_keys(ep, binds, listen_only, dial_only, err);
}

/* A non-blocking socket with its options. */
static int
open_socket(const struct vsock_cfg *cfg, int *fd, struct ipc_error *err)
{
	uint64_t size = cfg->rcvbuf;

	*fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return ipc_fail(err, IPC_E_NET, errno,
		    "this kernel may have no vsock: modprobe vsock",
		    "cannot make a vsock socket");
	if (size == 0)
		return 0;
	if (setsockopt(*fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_MAX_SIZE, &size,
	    sizeof(size)) != 0 || setsockopt(*fd, AF_VSOCK,
	    SO_VM_SOCKETS_BUFFER_SIZE, &size, sizeof(size)) != 0)
		return ipc_fail(err, IPC_E_NET, errno, NULL,
		    "cannot set \"rcvbuf\"");
	return 0;
}

static int
cannot_connect(struct ipc_error *err)
{
	int sys = errno;

	return ipc_fail(err, IPC_E_NET, sys, sys == ENODEV ?
	    "this machine has no vsock device: is it a guest, is "
	    "vhost_vsock loaded?" : NULL, "cannot connect");
}

static int
vsock_dial(struct ipc_conn *c, const struct ipc_addr *addr,
    const struct ipc_conn *other, struct ipc_error *err)
{
	struct ipc_addr to = { .len = sizeof(struct sockaddr_vm) };
	struct sockaddr_vm vm;
	int fd, rc = parse(c->ep, false, &vm, err);

	(void)addr;
	(void)other;
	if (rc != 0)
		return rc;
	memcpy(&to.ss, &vm, sizeof(vm));
	ipc_ident_from(&c->peer, &to.sa, to.len);
	rc = open_socket(c->ep->cfg, &fd, err);
	ipc_sock_take(c, fd, true);
	if (rc != 0)
		return rc;
	rc = ipc_sock_connect(fd, &to, false);
	if (rc == 0)
		c->dialfd = -1;
	return rc < 0 ? cannot_connect(err) : rc;
}

static int
vsock_dialed(struct ipc_conn *c, struct ipc_error *err)
{
	int rc = ipc_sock_dialed(c->dialfd);

	if (rc == 0)
		c->dialfd = -1;
	return rc < 0 ? cannot_connect(err) : rc;
}

static int
vsock_listen(struct ipc_listener *l, const struct ipc_addr *addr,
    bool reuseport, struct ipc_error *err)
{
	const struct vsock_cfg *cfg = l->ep->cfg;
	struct sockaddr_vm vm;
	int rc;

	(void)addr;
	(void)reuseport;	/* vsock has none */
	l->fd = l->lockfd = -1;
	rc = parse(l->ep, true, &vm, err);
	if (rc == 0)
		rc = open_socket(cfg, &l->fd, err);
	if (rc != 0)
		return rc;
	l->bound.len = sizeof(l->bound.ss);
	if (bind(l->fd, (const struct sockaddr *)&vm, sizeof(vm)) != 0 ||
	    listen(l->fd, (int)cfg->backlog) != 0 ||
	    getsockname(l->fd, &l->bound.sa, &l->bound.len) != 0)
		return ipc_fail(err, IPC_E_NET, errno, errno == EADDRINUSE ?
		    "choose another port, or 0 for a free one" : NULL,
		    "cannot listen");
	return 0;
}

static void
vsock_unlisten(struct ipc_listener *l)
{
	ipc_fd_close(&l->fd);
}

/* Our own context id, which is what the other side has to dial. */
static unsigned
local_cid(void)
{
	unsigned cid = VMADDR_CID_ANY;
	int fd = open("/dev/vsock", O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || ioctl(fd, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid) != 0)
		cid = VMADDR_CID_ANY;
	ipc_fd_close(&fd);
	return cid;
}

static char *
vsock_bound_text(const struct ipc_listener *l, char *buf, size_t size)
{
	struct ipc_addr shown = l->bound;
	struct sockaddr_vm vm;

	memcpy(&vm, &shown.ss, sizeof(vm));
	if (vm.svm_cid == VMADDR_CID_ANY) {
		vm.svm_cid = local_cid();
		memcpy(&shown.ss, &vm, sizeof(vm));
	}
	return ipc_addr_endpoint(&shown, buf, size);
}

const struct ipc_transport ipc_transport_vsock = {
	.scheme = "vsock",
	.syntax = "vsock://CID:PORT",
	.summary = "between a virtual machine and its host",
	.shape = IPC_EP_HOSTPORT,
	.caps = IPC_CAP_DIAL | IPC_CAP_LISTEN | IPC_CAP_SPLICE |
	    IPC_CAP_HALFCLOSE,
	.opts = vsock_opts,
	.cfg_size = sizeof(struct vsock_cfg),
	.check = vsock_check,
	.dial = vsock_dial,
	.dialed = vsock_dialed,
	.listen = vsock_listen,
	.accept = ipc_sock_accept,
	.unlisten = vsock_unlisten,
	.bound_text = vsock_bound_text,
	.shut_write = ipc_sock_shut_write,
	.unsent = ipc_sock_unsent,
	.close = ipc_conn_close_fds,
};
