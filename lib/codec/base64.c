/* Bytes as text: see base64.h. */
#include "codec/base64.h"

static const char plain[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abcdefghijklmnopqrstuvwxyz0123456789-_";
static const char hex[17] = "0123456789ABCDEF";

size_t
ipc_base_room(enum ipc_base how, size_t n)
{
	return how == IPC_BASE16 ? n * 2 : (n + 2) / 3 * 4;
}

static size_t
base16(uint8_t *to, const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		to[i * 2] = (uint8_t)hex[p[i] >> 4];
		to[i * 2 + 1] = (uint8_t)hex[p[i] & 15];
	}
	return n * 2;
}

size_t
ipc_base_encode(enum ipc_base how, uint8_t *to, const uint8_t *p, size_t n)
{
	const char *set = how == IPC_BASE64 ? plain : url;
	const uint8_t *start = to;
	uint32_t w;

	if (how == IPC_BASE16)
		return base16(to, p, n);
	for (; n >= 3; n -= 3, p += 3) {
		w = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
		*to++ = (uint8_t)set[w >> 18];
		*to++ = (uint8_t)set[w >> 12 & 63];
		*to++ = (uint8_t)set[w >> 6 & 63];
		*to++ = (uint8_t)set[w & 63];
	}
	if (n > 0) {
		w = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0);
		*to++ = (uint8_t)set[w >> 18];
		*to++ = (uint8_t)set[w >> 12 & 63];
		if (n > 1)
			*to++ = (uint8_t)set[w >> 6 & 63];
		for (n = how == IPC_BASE64 ? 3 - n : 0; n > 0; n--)
			*to++ = '=';
	}
	return (size_t)(to - start);
}
