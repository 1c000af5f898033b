/*
 * Numbers as people write them: sizes, durations, rates, counts.
 *
 * Every parser takes the whole string, accepts no sign and no surrounding
 * space, and refuses overflow.  Returns 0, or IPC_E_USAGE with *err filled
 * (err->where is left to the caller, who knows the option).
 */
#ifndef IPC_BASE_UNITS_H
#define IPC_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

struct ipc_error;

/* "0" … decimal, at most UINT64_MAX. */
int ipc_parse_u64(const char *s, uint64_t *value, struct ipc_error *err);

/* "512", "64k", "1M", "2G", "1T": powers of 1024, in bytes.  "1.5M" too. */
int ipc_parse_size(const char *s, uint64_t *bytes, struct ipc_error *err);

/* "500ms", "3s", "2m", "1h", "1d", "10us", "0"; a bare number is seconds;
 * "1.5s" too.  Result in nanoseconds. */
int ipc_parse_duration(const char *s, uint64_t *ns, struct ipc_error *err);

/* Longest text the formatters below write, with the NUL. */
#define IPC_UNIT_TEXT 32

/* "1.21 GiB", "512 B".  Returns buf. */
char *ipc_format_size(char buf[IPC_UNIT_TEXT], uint64_t bytes);

/* "1.50 s", "230 us", "3m05s".  Returns buf. */
char *ipc_format_duration(char buf[IPC_UNIT_TEXT], uint64_t ns);

#endif
