/*
 * clibc: a program that needs nothing but libc, the yardstick of start-up.
 *
 *   clibc                 prints a version, as `ipcat --version` does
 *   clibc HOST PORT       sends stdin over TCP, half-closes, copies what comes
 *   clibc PATH            back to stdout; the same over a unix socket
 *
 * It does what the measured command must at least do, and no more: no option
 * parsing, no host names, no error messages (the exit status tells).
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int
dial_tcp(const char *host, const char *port)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	if (fd < 0 || inet_pton(AF_INET, host, &in.sin_addr) != 1 ||
	    connect(fd, (const struct sockaddr *)&in, sizeof(in)) < 0)
		return -1;
	return fd;
}

static int
dial_unix(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(un.sun_path))
		return -1;
	memcpy(un.sun_path, path, strlen(path) + 1);
	if (connect(fd, (const struct sockaddr *)&un, sizeof(un)) < 0)
		return -1;
	return fd;
}

/* Copy until end of input; the destination of this use takes all or fails. */
static int
copy(int in, int out)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			return -1;
	return n < 0 ? -1 : 0;
}

int
main(int argc, char **argv)
{
	int fd;

	if (argc == 1)
		return puts("clibc 1.0") < 0;
	alarm(10);
	fd = argc == 3 ? dial_tcp(argv[1], argv[2]) : dial_unix(argv[1]);
	if (fd < 0 || copy(STDIN_FILENO, fd) < 0 || shutdown(fd, SHUT_WR) < 0 ||
	    copy(fd, STDOUT_FILENO) < 0)
		return 1;
	return 0;
}
