/*
 * Numbers as text: JSON grammar, exact, in no locale.
 *
 * Short decimals take an exact path of a few multiplications; the rest goes
 * through the C library, whose decimal point is never looked at.
 */
#ifndef IPC_CODEC_NUMBER_H
#define IPC_CODEC_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IPC_NUMBER_TEXT 32	/* room for any of the printers */

/* Decimal digits of v; returns how many.  No NUL. */
size_t ipc_number_uint(char *to, uint64_t v);

/*
 * The shortest decimal that reads back as v (finite), closest to v if there
 * are several: "1.0", "-0.0", "0.1", "1e+22", always with '.' or 'e', so that
 * it stays a real.  Returns its length.  No NUL.
 */
size_t ipc_number_real(char *to, double v);
/* The same digits laid out as ECMAScript does (RFC 8785): "1", "0", "1e+22". */
size_t ipc_number_es6(char *to, double v);

/*
 * How long the JSON number at s is (0: there is none; what follows it is not
 * looked at); *real: it has a fraction or an exponent.
 */
size_t ipc_number_scan(const char *s, size_t n, bool *real);

/* The value of the JSON number s[0..n), n as ipc_number_scan() said; rounded
 * to nearest, infinite when too large.  0, or -1 without memory. */
int ipc_number_parse(const char *s, size_t n, double *v);

#endif
