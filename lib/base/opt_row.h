/*
 * Between opt.c, opt_argv.c and opt_help.c only: one row of an option table
 * and its value.  Not for use outside of lib/base.
 */
#ifndef IPC_BASE_OPT_ROW_H
#define IPC_BASE_OPT_ROW_H

#include "base/opt.h"

/* The row's field inside cfg. */
void *ipc_opt_field(const struct ipc_opt *row, void *cfg);

/* FLAG and COUNT rows: no value is needed. */
bool ipc_opt_is_switch(const struct ipc_opt *row);

/* A row that can occur: neither a heading nor the end. */
bool ipc_opt_is_real(const struct ipc_opt *row);

/* Parse value and store it; nothing is stored on failure. */
int ipc_opt_store(const struct ipc_opt *row, void *cfg, const char *value,
    struct ipc_error *err);

/* The row occurred without a value. */
int ipc_opt_store_bare(const struct ipc_opt *row, void *cfg,
    struct ipc_error *err);

/* The row called `name`, or NULL; fails with the nearest one in the hint.
 * `kind` is "option" or "key", `dashes` is put before names in the hint. */
const struct ipc_opt *ipc_opt_lookup(const struct ipc_opt *tab,
    const char *name, const char *kind, const char *dashes,
    struct ipc_error *err);

/* Set bit `row - tab` of *seen; seen may be NULL. */
void ipc_opt_mark(const struct ipc_opt *tab, const struct ipc_opt *row,
    struct ipc_opt_seen *seen);

#endif
