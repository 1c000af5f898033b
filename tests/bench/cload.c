/*
 * cload: the load side of the benchmarks, one subcommand per kind of load.
 *
 *   cload sink ADDR COUNT SECONDS       accept and discard COUNT connections
 *   cload blast ADDR MILLISECONDS       send as much as possible, half-close
 *   cload pingpong ADDR COUNT [CPU|- [reply]]
 *                                       64-byte round trips, one at a time
 *   cload connrate ADDR MILLISECONDS    connect, echo 64 bytes, close, repeat
 *   cload idle ADDR COUNT               hold COUNT connections until stdin ends
 *
 * Results are JSON, one line each, on stdout.  This file only dispatches.
 * cload does not start the thing it loads and does not judge the figures.
 */
#include "cload.h"

#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} subcommands[] = {
	{.name = "sink", .run = cload_sink},
	{.name = "blast", .run = cload_blast},
	{.name = "pingpong", .run = cload_pingpong},
	{.name = "connrate", .run = cload_connrate},
	{.name = "idle", .run = cload_idle},
};

int
main(int argc, char **argv)
{
	if (argc < 2)
		bench_die("usage: cload sink|blast|pingpong|connrate|idle "
		    "ADDR ...");
	for (size_t i = 0; i < sizeof(subcommands) / sizeof(*subcommands); i++)
		if (strcmp(argv[1], subcommands[i].name) == 0)
			return subcommands[i].run(argc - 1, argv + 1);
	bench_die("unknown subcommand '%s'", argv[1]);
}
