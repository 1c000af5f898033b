/*
 * The subcommands of cload, one function each; argv[0] is the subcommand.
 * Each returns the exit status and prints its result as one JSON line.
 */
#ifndef IPCAT_BENCH_CLOAD_H
#define IPCAT_BENCH_CLOAD_H

#include "bench.h"

int cload_sink(int argc, char **argv);		/* cload_bulk.c */
int cload_blast(int argc, char **argv);
int cload_pingpong(int argc, char **argv);	/* cload_pingpong.c */
int cload_connrate(int argc, char **argv);	/* cload_conn.c */
int cload_idle(int argc, char **argv);

#endif
