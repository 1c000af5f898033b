/* What cjansson.c and cjansson_cbor.c share: a place in bytes in memory. */
#ifndef IPCAT_BENCH_CJANSSON_H
#define IPCAT_BENCH_CJANSSON_H

#include "bench.h"

#include <jansson.h>

struct bytes {
	const uint8_t *p;
	size_t n, off;
};

/* The value at the place, which moves behind it; NULL when it is bad. */
json_t *cbor_next(struct bytes *in);

#endif
