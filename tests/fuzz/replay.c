/*
 * Run a fuzz target over stored inputs, for builds without libFuzzer.
 *
 *	replay FILE|DIRECTORY...
 *
 * Every regular file given, or directly inside a directory given, goes once
 * through LLVMFuzzerTestOneInput, in an exact heap block so that a sanitizer
 * sees a read past its end.  Exits 1 when a path cannot be read or nothing
 * was found: a corpus that went missing must not pass.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_MAX (16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
read_all(int fd, uint8_t *data, size_t size)
{
	size_t done = 0;
	ssize_t n;

	while (done < size) {
		n = read(fd, data + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static bool
run_file(int fd, size_t size)
{
	uint8_t *data = malloc(size > 0 ? size : 1);
	bool good = data != NULL && read_all(fd, data, size);

	if (good)
		LLVMFuzzerTestOneInput(data, size);
	free(data);
	return good;
}

/* -1 on failure, else the number of inputs run; subdirectories are skipped. */
static int
run_entry(int dir, const char *name, struct stat *st)
{
	int fd, rc = 0;

	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, st) != 0) {
		perror(name);
		rc = -1;
	} else if (S_ISREG(st->st_mode)) {
		rc = st->st_size <= INPUT_MAX &&
		    run_file(fd, (size_t)st->st_size) ? 1 : -1;
		if (rc < 0)
			fprintf(stderr, "%s: cannot be read\n", name);
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

static int
run_directory(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	struct stat st;
	int total = 0, n;

	if (dir == NULL) {
		perror(path);
		return -1;
	}
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		n = run_entry(dirfd(dir), e->d_name, &st);
		if (n < 0) {
			total = -1;
			break;
		}
		total += n;
	}
	closedir(dir);
	return total;
}

int
main(int argc, char **argv)
{
	struct stat st;
	int i, n, total = 0;

	for (i = 1; i < argc; i++) {
		n = run_entry(AT_FDCWD, argv[i], &st);
		if (n == 0 && S_ISDIR(st.st_mode))
			n = run_directory(argv[i]);
		if (n <= 0) {
			fprintf(stderr, "%s: no inputs\n", argv[i]);
			return 1;
		}
		total += n;
	}
	printf("%d inputs\n", total);
	return total == 0;
}
