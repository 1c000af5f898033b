/* Units: sizes, durations, numbers, and their text forms. */
#include "base/units.h"

#include "base/error.h"
#include "check.h"

typedef int (*parse_fn)(const char *, uint64_t *, struct ipc_error *);

struct good {
	const char *text;
	uint64_t value;
};

static const struct good numbers[] = {
	{ "0", 0 }, { "1", 1 }, { "007", 7 },
	{ "18446744073709551615", UINT64_MAX },
	{ "00000000000000000000000000000000000005", 5 },
	{ NULL, 0 },
};

static const char *const bad_numbers[] = {
	"", " ", "-1", "+1", " 1", "1 ", "1x", "x", "1.0", "0x10", "1e3",
	"18446744073709551616", "99999999999999999999999999", "1k", "١", NULL
};

static const struct good sizes[] = {
	{ "0", 0 }, { "512", 512 }, { "512b", 512 }, { "512B", 512 },
	{ "1k", 1024 }, { "64K", 65536 }, { "1M", 1048576 },
	{ "2g", 2147483648U }, { "1T", 1099511627776U }, { "1KiB", 1024 },
	{ "3MiB", 3145728 }, { "1.5M", 1572864 }, { "0.5k", 512 },
	{ "0.0001k", 0 }, { "1.25G", 1342177280 },
	{ "1.000000000001M", 1048576 }, { "1.99999999999999999k", 2047 },
	{ "18446744073709551615", UINT64_MAX },
	{ "16777215T", 16777215ULL << 40 },
	{ "16777215.999999999T", 18446744073709550516U },
	{ NULL, 0 },
};

static const char *const bad_sizes[] = {
	"", "k", "-1k", "+1k", " 1k", "1k ", "1 k", "1kb", "1MB", "1.5",
	"1.5b", ".5k", "1.k", "1.", "1..5k", "1.5.5k", "1kk", "1P", "0x1k",
	"1,5M", "16777216T", "18446744073709551616", "18446744073709551615k",
	"99999999999999999999999T", "1.5e3k", NULL
};

static const struct good durations[] = {
	{ "0", 0 }, { "3", 3000000000U }, { "3s", 3000000000U },
	{ "500ms", 500000000 }, { "10us", 10000 }, { "7ns", 7 },
	{ "2m", 120000000000U }, { "1h", 3600000000000U },
	{ "1d", 86400000000000U }, { "1.5", 1500000000 },
	{ "1.5s", 1500000000 }, { "0.25ms", 250000 }, { "1.5m", 90000000000U },
	{ "0.000000001", 1 }, { "0.0000000001", 0 },
	{ "0.5d", 43200000000000U },
	{ "0.999999999d", 86399999913600U },
	{ "9223372036.854775807", 9223372036854775807U },
	{ "106751d", 106751ULL * 86400000000000U },
	{ NULL, 0 },
};

static const char *const bad_durations[] = {
	"", "s", "-1s", "+1s", " 1s", "1s ", "1 s", "1M", "1S", "1min", "1.s",
	".5s", "1..s", "inf", "forever", "1e3", "106752d", "9223372037",
	"9223372036.854775808", "18446744073709551616ns", "1:30", "1m30s", NULL
};

static void
check_good(const char *kind, parse_fn parse, const struct good *g)
{
	struct ipc_error err;
	uint64_t v;

	for (; g->text != NULL; g++) {
		v = 12345;
		ok(parse(g->text, &v, &err) == 0, "%s %s", kind, g->text);
		is_u64(v, g->value, "%s %s is right", kind, g->text);
	}
}

static void
check_bad(const char *kind, parse_fn parse, const char *const *s)
{
	struct ipc_error err;
	uint64_t v;

	for (; *s != NULL; s++) {
		v = 12345;
		memset(&err, 'x', sizeof(err));
		ok(parse(*s, &v, &err) == IPC_E_USAGE &&
		    err.code == IPC_E_USAGE && err.what[0] != '\0' &&
		    err.hint[0] != '\0' && err.where[0] == '\0',
		    "bad %s \"%s\" is refused with a hint", kind, *s);
		is_u64(v, 12345, "bad %s \"%s\" stores nothing", kind, *s);
		ok(parse(*s, &v, NULL) == IPC_E_USAGE, "no err is fine");
	}
}

static void
formats(void)
{
	static const struct good size[] = {
		{ "0 B", 0 }, { "1 B", 1 }, { "1023 B", 1023 },
		{ "1.00 KiB", 1024 }, { "1.50 KiB", 1536 },
		{ "1023.99 KiB", 1048575 }, { "1.00 MiB", 1048576 },
		{ "1.21 GiB", 1300000000 }, { "1.00 TiB", 1ULL << 40 },
		{ "1.00 PiB", 1ULL << 50 }, { "15.99 EiB", UINT64_MAX },
		{ NULL, 0 },
	};
	static const struct good time[] = {
		{ "0 ns", 0 }, { "999 ns", 999 }, { "1.00 us", 1000 },
		{ "1.23 us", 1234 }, { "230 us", 230000 },
		{ "999 us", 999999 }, { "1.00 ms", 1000000 },
		{ "21.4 ms", 21450000 }, { "999 ms", 999999999 },
		{ "1.00 s", 1000000000 }, { "1.50 s", 1500000000 },
		{ "59.9 s", 59999999999U }, { "1m00s", 60000000000U },
		{ "3m05s", 185000000000U }, { "1h00m", 3600000000000U },
		{ "23h59m", 86399999999999U }, { "1d00h", 86400000000000U },
		{ "213503d23h", UINT64_MAX }, { NULL, 0 },
	};
	const struct good *g;
	char buf[IPC_UNIT_TEXT];

	for (g = size; g->text != NULL; g++)
		is_str(ipc_format_size(buf, g->value), g->text, "size %s",
		    g->text);
	for (g = time; g->text != NULL; g++)
		is_str(ipc_format_duration(buf, g->value), g->text,
		    "duration %s", g->text);
}

int
main(void)
{
	check_good("number", ipc_parse_u64, numbers);
	check_bad("number", ipc_parse_u64, bad_numbers);
	check_good("size", ipc_parse_size, sizes);
	check_bad("size", ipc_parse_size, bad_sizes);
	check_good("duration", ipc_parse_duration, durations);
	check_bad("duration", ipc_parse_duration, bad_durations);
	formats();
	return done();
}
