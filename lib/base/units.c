/*
 * Sizes, durations and counts, to and from text.
 *
 * Layout of a value: DIGITS [ "." DIGITS ] [ UNIT ].  Integers throughout: no
 * floating point, so no rounding surprise and no locale.  Formatters cut, they
 * do not round up: 1023.99 KiB never prints as 1024.00 KiB.
 */
#include "base/units.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

#define FRAC_SCALE 1000000000U	/* nine digits of fraction are kept */

struct unit {
	const char *name;
	uint64_t mult;
};

static const struct unit sizes[] = {
	{ "", 1 },
	{ "b", 1 },
	{ "k", 1ULL << 10 },
	{ "kib", 1ULL << 10 },
	{ "m", 1ULL << 20 },
	{ "mib", 1ULL << 20 },
	{ "g", 1ULL << 30 },
	{ "gib", 1ULL << 30 },
	{ "t", 1ULL << 40 },
	{ "tib", 1ULL << 40 },
	{ NULL, 0 },
};

static const struct unit times[] = {
	{ "", 1000000000ULL },
	{ "ns", 1 },
	{ "us", 1000 },
	{ "ms", 1000000 },
	{ "s", 1000000000ULL },
	{ "m", 60000000000ULL },
	{ "h", 3600000000000ULL },
	{ "d", 86400000000000ULL },
	{ NULL, 0 },
};

struct number {
	uint64_t whole;
	uint32_t frac;		/* in 1/FRAC_SCALE */
	bool	 has_frac;
	bool	 overflow;
	const char *rest;	/* the unit */
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* False when s does not start with a well-formed number. */
static bool
scan_number(const char *s, struct number *n)
{
	uint32_t scale = FRAC_SCALE;

	memset(n, 0, sizeof(*n));
	if (!is_digit(*s))
		return false;
	for (; is_digit(*s); s++) {
		unsigned int digit = (unsigned int)(*s - '0');

		if (__builtin_mul_overflow(n->whole, 10U, &n->whole) ||
		    __builtin_add_overflow(n->whole, digit, &n->whole))
			n->overflow = true;
	}
	if (*s == '.') {
		n->has_frac = true;
		if (!is_digit(*++s))
			return false;
		for (; is_digit(*s); s++) {
			scale /= 10;
			n->frac += (uint32_t)(*s - '0') * scale;
		}
	}
	n->rest = s;
	return true;
}

/* whole * mult + the fraction, or false on overflow. */
static bool
scale_number(const struct number *n, uint64_t mult, uint64_t *out)
{
	uint64_t v, part;

	if (n->overflow || __builtin_mul_overflow(n->whole, mult, &v))
		return false;
	/* mult is split so that frac * mult cannot pass 64 bits. */
	part = n->frac * (mult / FRAC_SCALE) +
	    n->frac * (mult % FRAC_SCALE) / FRAC_SCALE;
	return !__builtin_add_overflow(v, part, out);
}

/* Size units in either case; "1M" of time would be read as a month. */
static const struct unit *
find_unit(const struct unit *tab, const char *name)
{
	int (*same)(const char *, const char *) =
	    tab == times ? strcmp : strcasecmp;

	for (; tab->name != NULL; tab++)
		if (same(tab->name, name) == 0)
			return tab;
	return NULL;
}

int
ipc_parse_u64(const char *s, uint64_t *value, struct ipc_error *err)
{
	struct number n;

	if (!scan_number(s, &n) || n.has_frac || *n.rest != '\0')
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "write a whole number, such as 10",
		    "\"%.60s\" is not a whole number", s);
	if (n.overflow)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "the largest number is 18446744073709551615",
		    "\"%.60s\" is too large", s);
	*value = n.whole;
	return 0;
}

int
ipc_parse_size(const char *s, uint64_t *bytes, struct ipc_error *err)
{
	const struct unit *u = NULL;
	struct number n;
	uint64_t v;

	if (scan_number(s, &n))
		u = find_unit(sizes, n.rest);
	if (u == NULL || (n.has_frac && u->mult == 1))
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "write bytes with k, M, G or T: 512, 64k, 1.5M, 2G",
		    "\"%.60s\" is not a size", s);
	if (!scale_number(&n, u->mult, &v))
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "sizes end below 16777216T",
		    "size \"%.60s\" is too large", s);
	*bytes = v;
	return 0;
}

int
ipc_parse_duration(const char *s, uint64_t *ns, struct ipc_error *err)
{
	const struct unit *u = NULL;
	struct number n;
	uint64_t v;

	if (scan_number(s, &n))
		u = find_unit(times, n.rest);
	if (u == NULL)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "write a number and us, ms, s, m, h or d: 500ms, 3s, 1.5m",
		    "\"%.60s\" is not a duration", s);
	/* Half the range, so that now + duration cannot wrap. */
	if (!scale_number(&n, u->mult, &v) || v > INT64_MAX)
		return ipc_fail(err, IPC_E_USAGE, 0,
		    "durations end at 292 years (106751d)",
		    "duration \"%.60s\" is too long", s);
	*ns = v;
	return 0;
}

char *
ipc_format_size(char buf[IPC_UNIT_TEXT], uint64_t bytes)
{
	static const char *const name[] = { "KiB", "MiB", "GiB", "TiB",
	    "PiB", "EiB" };
	unsigned int i = 0, shift = 10, spare;
	uint64_t rest;

	if (bytes < 1024) {
		snprintf(buf, IPC_UNIT_TEXT, "%u B", (unsigned int)bytes);
		return buf;
	}
	while (i < 5 && (bytes >> shift) >= 1024) {
		i++;
		shift += 10;
	}
	/* rest * 100 must not pass 64 bits: ten bits less for EiB. */
	spare = shift == 60 ? 10 : 0;
	rest = (bytes & ((1ULL << shift) - 1)) >> spare;
	snprintf(buf, IPC_UNIT_TEXT, "%u.%02u %s",
	    (unsigned int)(bytes >> shift),
	    (unsigned int)(rest * 100 >> (shift - spare)), name[i]);
	return buf;
}

/* Three digits: 1.50, 15.0, 150. */
static void
format_three(char buf[IPC_UNIT_TEXT], uint64_t ns, uint64_t unit,
    const char *name)
{
	unsigned int whole = (unsigned int)(ns / unit);
	unsigned int cent = (unsigned int)(ns % unit * 100 / unit);

	if (whole < 10)
		snprintf(buf, IPC_UNIT_TEXT, "%u.%02u %s", whole, cent, name);
	else if (whole < 100)
		snprintf(buf, IPC_UNIT_TEXT, "%u.%u %s", whole, cent / 10,
		    name);
	else
		snprintf(buf, IPC_UNIT_TEXT, "%u %s", whole, name);
}

char *
ipc_format_duration(char buf[IPC_UNIT_TEXT], uint64_t ns)
{
	uint64_t s = ns / 1000000000U;
	unsigned int lo, hi;

	if (ns < 1000) {
		snprintf(buf, IPC_UNIT_TEXT, "%u ns", (unsigned int)ns);
	} else if (ns < 1000000) {
		format_three(buf, ns, 1000, "us");
	} else if (ns < 1000000000) {
		format_three(buf, ns, 1000000, "ms");
	} else if (s < 60) {
		format_three(buf, ns, 1000000000, "s");
	} else if (s < 3600) {
		hi = (unsigned int)(s / 60);
		lo = (unsigned int)(s % 60);
		snprintf(buf, IPC_UNIT_TEXT, "%um%02us", hi, lo);
	} else if (s < 86400) {
		hi = (unsigned int)(s / 3600);
		lo = (unsigned int)(s / 60 % 60);
		snprintf(buf, IPC_UNIT_TEXT, "%uh%02um", hi, lo);
	} else {
		hi = (unsigned int)(s / 86400);
		lo = (unsigned int)(s / 3600 % 24);
		snprintf(buf, IPC_UNIT_TEXT, "%ud%02uh", hi, lo);
	}
	return buf;
}
