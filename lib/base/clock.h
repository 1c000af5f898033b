/* Clocks, in nanoseconds.  No state. */
#ifndef IPC_BASE_CLOCK_H
#define IPC_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define IPC_NS_PER_MS 1000000ULL
#define IPC_NS_PER_S 1000000000ULL
#define IPC_NEVER UINT64_MAX

static inline uint64_t
ipc_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * IPC_NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* For intervals and deadlines: never steps back, stops during suspend. */
static inline uint64_t
ipc_now(void)
{
	return ipc_clock(CLOCK_MONOTONIC);
}

/* For time stamps that leave the process. */
static inline uint64_t
ipc_wall(void)
{
	return ipc_clock(CLOCK_REALTIME);
}

#endif
