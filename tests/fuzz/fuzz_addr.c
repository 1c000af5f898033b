/*
 * Fuzz: address rules and socket addresses.
 *
 * The input up to the first NUL is a rule and a unix path; the rest is a
 * sockaddr as the kernel might hand it over.  An identity must match the rule
 * that its own text spells, and a rule that failed must match nobody.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool cond)
{
	if (!cond)
		abort();
}

static void
check_ident(const struct ipc_ident *id)
{
	char *text = malloc(IPC_IDENT_TEXT), *host = malloc(IPC_IDENT_TEXT);
	struct ipc_rule r;

	must(text != NULL && host != NULL);
	must(strlen(ipc_ident_text(text, id)) < IPC_IDENT_TEXT);
	must(strlen(ipc_ident_host(host, id)) < IPC_IDENT_TEXT);
	must(text[0] != '\0' && ipc_ident_same_host(id, id));
	if (id->family == AF_INET || id->family == AF_INET6) {
		must(ipc_rule_parse(&r, host, NULL) == 0);
		must(ipc_rule_match(&r, id));
		must(!ipc_rules_admit(NULL, 0, &r, 1, id));
		must(ipc_rules_admit(&r, 1, NULL, 0, id));
	}
	free(text);
	free(host);
}

static void
check_rule(const char *text, const struct ipc_ident *id)
{
	struct ipc_error err;
	struct ipc_rule r;
	bool named = (strncmp(text, "uid=", 4) == 0 ||
	    strncmp(text, "gid=", 4) == 0) &&
	    (text[4] < '0' || text[4] > '9');

	if (named)		/* reads /etc/passwd: too slow here */
		return;
	memset(&r, 0xFF, sizeof(r));
	if (ipc_rule_parse(&r, text, &err) == 0) {
		must(r.bits <= 128);
		ipc_rule_match(&r, id);
		return;
	}
	must(err.code == IPC_E_USAGE && err.hint[0] != '\0');
	must(!ipc_rule_match(&r, id));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = strnlen((const char *)data, size), rest;
	char *text = strndup((const char *)data, len);
	struct sockaddr *sa;
	struct ipc_error err;
	struct ipc_addr a;
	struct ipc_ident id;

	must(text != NULL);
	rest = len < size ? size - len - 1 : 0;
	sa = malloc(rest > 0 ? rest : 1);
	must(sa != NULL);
	if (rest > 0)
		memcpy(sa, data + len + 1, rest);
	ipc_ident_from(&id, sa, (socklen_t)rest);
	check_ident(&id);
	check_rule(text, &id);
	if (ipc_addr_unix(&a, text, &err) == 0)
		must(a.len <= sizeof(a.un) && len <= 107);
	free(sa);
	free(text);
	return 0;
}
