// SPDX-License-Identifier: LGPL-2.1-or-later
/* The commands of /dev/parker as functions, and what a check prints. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "kmod_test.h"

int fd = -1;
int failures;
unsigned int why;
unsigned long long failed;

__attribute__((format(printf, 4, 5)))
bool check(int line, const char *name, bool good, const char *format, ...)
{
	va_list args;

	if (good) {
		printf("ok %s\n", name);
	} else {
		failures++;
		printf("FAIL %s: line %d: ", name, line);
		va_start(args, format);
		vprintf(format, args);
		va_end(args);
		printf("\n");
	}
	fflush(stdout);
	return good;
}

int call(unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) ? -errno : 0;
}

int partition(unsigned long cmd, const char *name, uint64_t *slice)
{
	struct parker_partition a = { .size = sizeof(a) };
	int err;

	strncpy(a.name, name, sizeof(a.name));
	err = call(cmd, &a);
	why = a.why;
	if (slice)
		*slice = a.slice;
	return err;
}

int set(unsigned long cmd, const char *name, unsigned int flags, unsigned int nr, const uint64_t *items)
{
	struct parker_set a = { .size = sizeof(a), .flags = flags, .items = (uintptr_t)items, .nr = nr };
	int err;

	strncpy(a.name, name, sizeof(a.name));
	err = call(cmd, &a);
	why = a.why;
	failed = a.failed;
	return err;
}

int set1(unsigned long cmd, const char *name, unsigned int flags, uint64_t item)
{
	return set(cmd, name, flags, 1, &item);
}

int take_memory(const char *name, uint64_t bytes, uint64_t align, uint64_t below, uint32_t node, uint64_t *start)
{
	struct parker_memory a = { .size = sizeof(a), .bytes = bytes, .align = align, .below = below, .node = node };
	int err;

	strncpy(a.name, name, sizeof(a.name));
	err = call(PARKER_IOC_TAKE_MEMORY, &a);
	why = a.why;
	if (start)
		*start = a.start;
	return err;
}

int give_memory(const char *name, uint64_t start)
{
	struct parker_memory a = { .size = sizeof(a), .start = start };
	int err;

	strncpy(a.name, name, sizeof(a.name));
	err = call(PARKER_IOC_GIVE_MEMORY, &a);
	why = a.why;
	return err;
}

int start(const char *name, uint64_t entry, uint64_t boot_params, uint64_t page_table, uint32_t cpu)
{
	struct parker_start a = { .size = sizeof(a), .entry = entry, .boot_params = boot_params,
				  .page_table = page_table, .cpu = cpu };
	int err;

	strncpy(a.name, name, sizeof(a.name));
	err = call(PARKER_IOC_START, &a);
	why = a.why;
	return err;
}

int kill_partition(const char *name)
{
	struct parker_kill a = { .size = sizeof(a) };

	strncpy(a.name, name, sizeof(a.name));
	return call(PARKER_IOC_KILL, &a);
}

void *map(uint64_t start, uint64_t bytes)
{
	return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, start);
}
