/*
 * Fuzz: finding a member of a JSON object.
 *
 * The first byte is the length of the name, which follows; the rest is the
 * object.  What is found must lie inside it, must be found again as the only
 * member of a new object, and behind one more member of another name; and an
 * object that holds it twice must be refused.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/member.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct out {
	uint8_t	*p;
	size_t	len;
};

static void
must(bool cond)
{
	if (!cond)
		abort();
}

static void
put(struct out *o, const void *p, size_t len)
{
	if (len > 0)
		memcpy(o->p + o->len, p, len);
	o->len += len;
}

/* The name as a string in which every byte below 0x80 is an escape. */
static void
put_name(struct out *o, const uint8_t *name, size_t nlen)
{
	static const char hex[] = "0123456789abcdef";
	char esc[6] = "\\u00";
	size_t i;

	put(o, "\"", 1);
	for (i = 0; i < nlen; i++) {
		esc[4] = hex[name[i] >> 4];
		esc[5] = hex[name[i] & 15];
		put(o, name[i] < 0x80 ? (const void *)esc : name + i,
		    name[i] < 0x80 ? 6 : 1);
	}
	put(o, "\":", 2);
}

static void
again(const uint8_t *name, size_t nlen, const uint8_t *value, size_t vlen)
{
	const uint8_t *got;
	struct out o = { malloc(14 * nlen + 2 * vlen + 64), 0 };
	size_t glen, at, twice;

	must(o.p != NULL);
	put(&o, " { ", 3);
	put_name(&o, name, nlen);
	at = o.len;
	put(&o, value, vlen);
	twice = o.len;
	put(&o, " } ", 3);
	must(ipc_member_find(o.p, o.len, (const char *)name, nlen, &got,
	    &glen) == IPC_MEMBER_FOUND);
	must(got == o.p + at && glen == vlen);
	must(memcmp(got, value, vlen) == 0);

	o.len = twice;
	put(&o, ",", 1);
	put_name(&o, name, nlen);
	put(&o, value, vlen);
	put(&o, "}", 1);
	must(ipc_member_find(o.p, o.len, (const char *)name, nlen, &got,
	    &glen) == IPC_MEMBER_TWICE);
	must(got == NULL && glen == 0);
	free(o.p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *name, *json, *value;
	enum ipc_member rc;
	size_t nlen, len, vlen;
	uint8_t *copy;

	if (size == 0)
		return 0;
	nlen = data[0] < size - 1 ? data[0] : size - 1;
	name = data + 1;
	len = size - 1 - nlen;
	copy = malloc(len + 1);	/* of its own, to see a read behind it */
	must(copy != NULL);
	json = copy + 1;
	memcpy(copy + 1, name + nlen, len);
	rc = ipc_member_find(json, len, (const char *)name, nlen, &value,
	    &vlen);
	if (rc == IPC_MEMBER_FOUND) {
		must(value > json && vlen > 0 && vlen < len);
		must(value + vlen < json + len);
		again(name, nlen, value, vlen);
	} else {
		must(value == NULL && vlen == 0);
	}
	free(copy);
	return 0;
}
