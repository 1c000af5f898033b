/*
 * What cpair.c needs of a messaging library.  One file implements it with
 * ZeroMQ, one with nng; both end the program when something fails.
 */
#ifndef IPCAT_BENCH_CPAIR_H
#define IPCAT_BENCH_CPAIR_H

#include <stddef.h>

enum pair_role { PAIR_PUSH, PAIR_PULL, PAIR_REQ, PAIR_REP };

/* PULL and REP listen on url, PUSH and REQ dial it. */
void pair_open(enum pair_role role, const char *url);

/* Returns when the library has taken the message. */
void pair_send(const void *data, size_t len);

/* The next message; it is valid until the next call. */
const void *pair_recv(size_t *len);

#endif
