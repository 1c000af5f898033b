/*
 * output: how messages look on stdout (-F, -J).  Internal: made by the plan
 * from options, at the application's side.
 */
#ifndef IPC_STAGE_OUTPUT_H
#define IPC_STAGE_OUTPUT_H

#include "stage/stage.h"

extern const struct ipc_stage_ops ipc_stage_output;

/*
 * Fill the cfg (ops->cfg_size zeroed bytes) from a template; NULL: one JSON
 * object a line.  Template: %p or %s payload, %x payload in hex, %j payload as
 * a JSON string (base64 when it is not UTF-8), %l or %S its length, %t topic,
 * %a peer, %o number, %I time (ISO 8601, UTC), %T milliseconds and %U seconds
 * since 1970, %% a per cent sign; \n \t \r \0 \e \\ \xHH.  Borrows fmt.
 * IPC_E_USAGE for anything else after % or \.
 */
int ipc_output_config(void *cfg, const char *fmt, struct ipc_error *err);

#endif
