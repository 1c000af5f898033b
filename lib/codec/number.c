/*
 * Numbers as text: see number.h.
 *
 * Printing looks for digits D and a power of ten so that D * 10^-k is the
 * shortest decimal that reads back as the value:
 *	- up to 15 digits and k <= 22 exactly, with one division: both D and
 *	  10^k are doubles without error, so the quotient is rounded once and
 *	  is what a correct reader makes of the decimal;
 *	- else the C library's %.Ne for N = 15, 16, 17 digits (from 1 for
 *	  subnormal values), read back.
 * Reading has the same exact path for up to 2^53 and |exponent| <= 22.
 */
#include "codec/number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_INT 9007199254740992.0	/* 2^53 */
#define LONG_TEXT 64			/* longer numbers are copied to heap */

static const double tens[23] = {
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
};

/* digits[0..n) without zeros at either end (zero itself is "0"); the value
 * is 0.DIGITS * 10^point. */
struct decimal {
	char	digits[20];
	int	n, point;
};

static const char pairs[201] =
    "00010203040506070809101112131415161718192021222324"
    "25262728293031323334353637383940414243444546474849"
    "50515253545556575859606162636465666768697071727374"
    "75767778798081828384858687888990919293949596979899";

size_t
ipc_number_uint(char *to, uint64_t v)
{
	char buf[20], *p = buf + sizeof(buf);
	size_t n;

	if (v < 10) {
		to[0] = (char)('0' + v);
		return 1;
	}
	for (; v >= 100; v /= 100) {
		p -= 2;
		memcpy(p, pairs + v % 100 * 2, 2);
	}
	if (v >= 10) {
		p -= 2;
		memcpy(p, pairs + v * 2, 2);
	} else {
		*--p = (char)('0' + v);
	}
	n = (size_t)(buf + sizeof(buf) - p);
	memcpy(to, p, n);
	return n;
}

/* --- shortest digits --- */

static void
strip_zeros(struct decimal *d)
{
	while (d->n > 1 && d->digits[d->n - 1] == '0')
		d->n--;
}

static bool
short_decimal(struct decimal *d, double v)
{
	double scaled, m;
	int k;

	for (k = 0; k <= 22; k++) {
		scaled = v * tens[k];
		if (scaled >= 1e15)
			return false;
		m = (double)(int64_t)(scaled + 0.5);
		if (fabs(scaled - m) < 0.25 && m > 0 && m / tens[k] == v) {
			d->n = (int)ipc_number_uint(d->digits, (uint64_t)m);
			d->point = d->n - k;
			strip_zeros(d);
			return true;
		}
	}
	return false;
}

static bool
reads_back(const struct decimal *d, double v)
{
	char text[40];
	double back;
	int n;

	n = snprintf(text, sizeof(text), "%.*se%d", d->n, d->digits,
	    d->point - d->n);
	return n > 0 && ipc_number_parse(text, (size_t)n, &back) == 0 &&
	    back == v;
}

/* v rounded to n digits. */
static void
round_to(struct decimal *d, double v, int n)
{
	char text[48];
	const char *p = text;

	snprintf(text, sizeof(text), "%.*e", n - 1, v);
	/* Whatever the locale puts between the digits is passed over. */
	for (d->n = 0; *p != 'e' && *p != '\0'; p++)
		if (*p >= '0' && *p <= '9' && d->n < 18)
			d->digits[d->n++] = *p;
	d->point = (*p == 'e' ? atoi(p + 1) : 0) + 1;
}

/* One more in the last place. */
static void
next_up(struct decimal *d)
{
	int i = d->n - 1;

	while (i >= 0 && d->digits[i] == '9')
		d->digits[i--] = '0';
	if (i >= 0) {
		d->digits[i]++;
		return;
	}
	d->digits[0] = '1';	/* 99 -> 10, one power up */
	d->point++;
}

/*
 * Below a power of two doubles lie twice as dense, so the nearest decimal of n
 * digits may belong to a neighbour while the one above it still is ours.
 */
static bool
round_up_fits(struct decimal *d, double v)
{
	int e;

	if (frexp(v, &e) != 0.5)
		return false;
	next_up(d);
	return reads_back(d, v);
}

static void
shortest(struct decimal *d, double v)
{
	int n = v < 2.2250738585072014e-308 ? 1 : 15;

	if (short_decimal(d, v))
		return;
	for (; n < 17; n++) {
		round_to(d, v, n);
		if (reads_back(d, v) || round_up_fits(d, v)) {
			strip_zeros(d);
			return;
		}
	}
	round_to(d, v, 17);
	strip_zeros(d);
}

/* --- layout --- */

static size_t
exponent(char *to, const struct decimal *d)
{
	int e = d->point - 1;
	size_t n = 0;

	to[n++] = d->digits[0];
	if (d->n > 1) {
		to[n++] = '.';
		memcpy(to + n, d->digits + 1, (size_t)d->n - 1);
		n += (size_t)d->n - 1;
	}
	to[n++] = 'e';
	to[n++] = e < 0 ? '-' : '+';
	return n + ipc_number_uint(to + n, (uint64_t)(e < 0 ? -e : e));
}

/* ECMA-262 Number::toString: plain from 1e-6 to below 1e21. */
static size_t
layout(char *to, const struct decimal *d)
{
	size_t n = (size_t)d->n, p;

	if (d->point > 21 || d->point < -5)
		return exponent(to, d);
	if (d->point <= 0) {			/* 0.000123 */
		p = (size_t)-d->point;
		memcpy(to, "0.000000", 8);
		memcpy(to + 2 + p, d->digits, n);
		return 2 + p + n;
	}
	p = (size_t)d->point;
	if (n <= p) {				/* 12300 */
		memcpy(to, d->digits, n);
		memset(to + n, '0', p - n);
		return p;
	}
	memcpy(to, d->digits, p);		/* 12.3 */
	to[p] = '.';
	memcpy(to + p + 1, d->digits + p, n - p);
	return n + 1;
}

size_t
ipc_number_es6(char *to, double v)
{
	struct decimal d;
	size_t sign = v < 0;

	if (v == 0) {
		to[0] = '0';
		return 1;
	}
	to[0] = '-';
	shortest(&d, fabs(v));
	return sign + layout(to + sign, &d);
}

size_t
ipc_number_real(char *to, double v)
{
	struct decimal d;
	size_t sign = signbit(v) != 0, n;

	to[0] = '-';
	if (v == 0) {
		memcpy(to + sign, "0.0", 3);
		return sign + 3;
	}
	shortest(&d, fabs(v));
	n = sign + (d.point > 17 ? exponent(to + sign, &d) :
	    layout(to + sign, &d));
	if (d.n <= d.point && d.point <= 17) {
		to[n++] = '.';
		to[n++] = '0';
	}
	return n;
}

/* --- reading --- */

static size_t
digits(const char *s, size_t i, size_t n)
{
	while (i < n && s[i] >= '0' && s[i] <= '9')
		i++;
	return i;
}

size_t
ipc_number_scan(const char *s, size_t n, bool *real)
{
	size_t i = n > 0 && s[0] == '-', at = i;

	*real = false;
	i = digits(s, i, n);
	if (i == at)
		return 0;
	if (s[at] == '0' && i > at + 1)		/* 01 */
		return 0;
	if (i < n && s[i] == '.') {
		at = ++i;
		i = digits(s, i, n);
		if (i == at)
			return 0;
		*real = true;
	}
	if (i < n && (s[i] == 'e' || s[i] == 'E')) {
		i++;
		if (i < n && (s[i] == '+' || s[i] == '-'))
			i++;
		at = i;
		i = digits(s, i, n);
		if (i == at)
			return 0;
		*real = true;
	}
	return i;
}

/* Of any length: the C library, asked in the locale "C". */
static int
parse_slow(const char *s, size_t n, double *v)
{
	char text[LONG_TEXT], *heap = NULL, *t = text;
	locale_t posix, before;

	if (n >= sizeof(text)) {
		heap = t = malloc(n + 1);
		if (heap == NULL)
			return -1;
	}
	memcpy(t, s, n);
	t[n] = '\0';
	posix = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (posix == (locale_t)0) {
		free(heap);
		return -1;
	}
	before = uselocale(posix);
	*v = strtod(t, NULL);
	uselocale(before);
	freelocale(posix);
	free(heap);
	return 0;
}

/* Up to 19 digits without point, the exponent to go with them. */
struct parts {
	uint64_t m;
	int	ndigits, exp;
};

static size_t
mantissa(struct parts *p, const char *s, size_t i, size_t n)
{
	for (; i < n && s[i] >= '0' && s[i] <= '9'; i++) {
		if (p->ndigits < 19)
			p->m = p->m * 10 + (uint64_t)(s[i] - '0');
		p->ndigits += p->ndigits > 0 || s[i] != '0';
	}
	return i;
}

int
ipc_number_parse(const char *s, size_t n, double *v)
{
	struct parts p = { 0, 0, 0 };
	size_t i = n > 0 && s[0] == '-', neg = i, point;
	int e = 0;
	bool down;

	if (n >= LONG_TEXT)
		return parse_slow(s, n, v);
	i = mantissa(&p, s, i, n);
	if (i < n && s[i] == '.') {
		point = i + 1;
		i = mantissa(&p, s, point, n);
		p.exp = -(int)(i - point);
	}
	if (i < n) {				/* 'e' */
		down = s[++i] == '-';
		i += down || s[i] == '+';
		for (; i < n && e < 10000; i++)
			e = e * 10 + s[i] - '0';
		p.exp += down ? -e : e;
	}
	if (p.ndigits > 19 || p.m > (uint64_t)EXACT_INT || p.exp > 22 ||
	    p.exp < -22)
		return parse_slow(s, n, v);
	*v = (double)p.m;
	*v = p.exp < 0 ? *v / tens[-p.exp] : *v * tens[p.exp];
	if (neg)
		*v = -*v;
	return 0;
}
