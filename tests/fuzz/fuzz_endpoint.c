/*
 * Fuzz: endpoint strings.
 *
 * The input is the text.  What is accepted must be consistent: every part a
 * terminated string inside the store, caps kept, the text unchanged, and the
 * same text must give the same answer without an error to fill.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool cond)
{
	if (!cond)
		abort();
}

static int
shape_of(const char *scheme)
{
	static const char *const names[] = { "unix", "fd", "stdio", "tcp",
	    "ws", "vsock", "exec", "sh" };
	static const int shapes[] = { IPC_EP_OPAQUE, IPC_EP_OPAQUE,
	    IPC_EP_OPAQUE, IPC_EP_HOSTPORT, IPC_EP_HOSTPORT, IPC_EP_HOSTPORT,
	    IPC_EP_COMMAND, IPC_EP_COMMAND };
	size_t i;

	for (i = 0; scheme[i] != '\0'; i++)
		must(strchr("abcdefghijklmnopqrstuvwxyz0123456789", scheme[i])
		    != NULL);
	must(i > 0 && i < 32);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], scheme) == 0)
			return shapes[i];
	return -1;
}

/* A part must not be longer than the text that made it. */
static void
check_part(const struct ipc_endpoint *ep, const char *part)
{
	if (part != NULL)
		must(strlen(part) <= strlen(ep->text) + 5);
}

static void
check(const struct ipc_endpoint *ep, const char *text)
{
	uint32_t i;

	must(ep->text != NULL && strcmp(ep->text, text) == 0);
	must(ep->scheme != NULL && ep->scheme[0] != '\0');
	must(ep->path != NULL && ep->nlayers <= IPC_EP_LAYERS);
	must(ep->nkeys <= IPC_EP_KEYS && ep->cfg == NULL && ep->argv == NULL);
	must(ep->port == NULL || (ep->host != NULL && ep->port[0] != '\0'));
	check_part(ep, ep->scheme);
	check_part(ep, ep->host);
	check_part(ep, ep->port);
	check_part(ep, ep->path);
	for (i = 0; i < ep->nlayers; i++)
		must(ep->layers[i] != NULL && ep->layers[i][0] != '\0');
	for (i = 0; i < ep->nkeys; i++) {
		must(ep->keys[i].key[0] != '\0');
		check_part(ep, ep->keys[i].key);
		check_part(ep, ep->keys[i].value);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipc_endpoint ep;
	struct ipc_error err;
	char *text = malloc(size + 1);
	int rc;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	memset(&err, 0, sizeof(err));
	rc = ipc_endpoint_parse(&ep, text, shape_of, &err);
	if (rc == 0) {
		check(&ep, text);
	} else {
		must(rc == IPC_E_USAGE && err.code == IPC_E_USAGE);
		must(err.what[0] != '\0' && err.hint[0] != '\0');
	}
	ipc_endpoint_free(&ep);
	must(ipc_endpoint_parse(&ep, text, shape_of, NULL) == rc);
	ipc_endpoint_free(&ep);
	free(text);
	return 0;
}
