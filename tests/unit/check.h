/*
 * A TAP harness: each check prints "ok N - name", done() the plan and the exit
 * code.  Names are printf formats; is_str and is_u64 take (got, want, name).
 * ok() returns its condition.  Not for threads.
 */
#ifndef IPC_TESTS_CHECK_H
#define IPC_TESTS_CHECK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static unsigned int check_count, check_failed;

#define CHECK_AT __FILE__, __LINE__
#define ok(cond, ...) check_ok((cond), CHECK_AT, __VA_ARGS__)
#define is_str(a, b, ...) check_str((a), (b), CHECK_AT, __VA_ARGS__)
#define is_u64(a, b, ...) check_u64((a), (b), CHECK_AT, __VA_ARGS__)
#define CHECK_PRINTF(n, m) __attribute__((format(printf, n, m)))

CHECK_PRINTF(4, 0) static inline bool
check_line(bool cond, const char *file, int line, const char *fmt, va_list ap)
{
	printf("%sok %u - ", cond ? "" : "not ", ++check_count);
	vprintf(fmt, ap);
	printf("\n");
	check_failed += !cond;
	if (!cond)
		printf("# failed at %s:%d\n", file, line);
	return cond;
}

CHECK_PRINTF(4, 5) static inline bool
check_ok(bool cond, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	check_line(cond, file, line, fmt, ap);
	va_end(ap);
	return cond;
}

CHECK_PRINTF(5, 6) static inline void
check_str(const char *a, const char *b, const char *file, int line,
    const char *fmt, ...)
{
	bool same = a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
	va_list ap;

	va_start(ap, fmt);
	if (!check_line(same, file, line, fmt, ap))
		printf("#   got: %s\n#  want: %s\n", a != NULL ? a : "NULL",
		    b != NULL ? b : "NULL");
	va_end(ap);
}

CHECK_PRINTF(5, 6) static inline void
check_u64(uint64_t a, uint64_t b, const char *file, int line,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!check_line(a == b, file, line, fmt, ap))
		printf("#   got: %ju\n#  want: %ju\n", (uintmax_t)a,
		    (uintmax_t)b);
	va_end(ap);
}

static inline int
done(void)
{
	printf("1..%u\n", check_count);
	return check_failed != 0;
}

#endif
