// SPDX-License-Identifier: LGPL-2.1-or-later
/* Memory that a partition holds is out of the boot kernel's sight and reach: dump, hot-remove, another's mapping. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmod_test.h"

#define SECRET "SECRET OF A TENANT"

static uint64_t kernel_code(void)
{
	char *text = slurp("/proc/iomem"), *at = strstr(text, "Kernel code");

	while (at && at > text && at[-1] != '\n')
		at--;
	return at ? strtoull(at, NULL, 16) : 0;
}

static void test_kcore(void)
{
	char text[32] = "", own[32] = "";
	uint64_t base = 0, slice = 0;
	uint8_t *at, *low;

	partition(PARKER_IOC_CREATE, "one", &slice);
	take_memory("one", 2 * MIB, 2 * MIB, 0, 0, &base);
	at = map(base, 2 * MIB);
	low = map(slice, 4096);
	strcpy((char *)at, SECRET);
	strcpy((char *)low, SECRET);
	CHECK("kcore-held", core_read("/proc/kcore", base, text, sizeof(text)) && !strstr(text, SECRET), "'%s'", text);
	CHECK("kcore-slice", core_read("/proc/kcore", slice, text, sizeof(text)) && !strstr(text, SECRET), "'%s'", text);
	CHECK("kcore-own", core_read("/proc/kcore", kernel_code(), own, sizeof(own)) &&
			   memcmp(own, (char[32]){}, sizeof(own)),
	      "nothing is to be seen there");
	munmap(at, 2 * MIB);
	munmap(low, 4096);
	give_memory("one", base);
	partition(PARKER_IOC_DESTROY, "one", NULL);
}

/* A mapping is good for the partition that it was made for. */
static void test_mapping_reuse(void)
{
	uint64_t first = 0, second = 0;
	uint8_t *old, *now;

	partition(PARKER_IOC_CREATE, "one", NULL);
	partition(PARKER_IOC_CREATE, "two", NULL);
	take_memory("one", 64 * MIB, 2 * MIB, 0, 0, &first);
	old = map(first, 64 * MIB);
	CHECK("mapping-own", peek(old) == 0, "%d", peek(old));
	give_memory("one", first);
	take_memory("two", 64 * MIB, 2 * MIB, 0, 0, &second);
	now = map(second, 64 * MIB);
	strcpy((char *)now, SECRET);
	CHECK("mapping-of-another", first == second && peek(old) == -1, "%#llx, then %#llx: %d", (unsigned long long)first,
	      (unsigned long long)second, peek(old));
	give_memory("two", second);
	munmap(now, 64 * MIB);
	munmap(old, 64 * MIB);

	old = map(first, 2 * MIB); /* nobody's, when it is made */
	take_memory("one", 64 * MIB, 2 * MIB, 0, 0, &second);
	CHECK("mapping-before", first == second && peek(old) == -1, "%d", peek(old));
	munmap(old, 2 * MIB);
	give_memory("one", second);
	partition(PARKER_IOC_DESTROY, "one", NULL);
	partition(PARKER_IOC_DESTROY, "two", NULL);
}

/* ---- memory blocks ---- */

static uint64_t block_bytes(void)
{
	return strtoull(slurp("/sys/devices/system/memory/block_size_bytes"), NULL, 16);
}

static int block_state(unsigned long block, const char *state)
{
	char path[100];

	snprintf(path, sizeof(path), "/sys/devices/system/memory/memory%lu/state", block);
	return spit(path, state);
}

/* The blocks of the module that is plugged in, which nobody has brought online yet. */
static unsigned int blocks_offline(unsigned long *blocks, unsigned int most)
{
	DIR *dir = opendir("/sys/devices/system/memory");
	struct dirent *entry;
	unsigned int nr = 0;
	char path[320];

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/devices/system/memory/%s/state", entry->d_name);
		if (sscanf(entry->d_name, "memory%lu", &blocks[nr]) == 1 && !strncmp(slurp(path), "offline", 7) && nr + 1 < most)
			nr++;
	}
	closedir(dir);
	return nr;
}

/* Is refused at once; with ACPI this would be a worker that no signal reaches. */
static void test_offline(void)
{
	unsigned long blocks[64];
	unsigned int nr = blocks_offline(blocks, 64), i, offline = 0;
	uint64_t base = 0;
	int err = 0, status = 0;
	pid_t child, done = 0;
	double began;

	if (!CHECK("block-there", nr, "none is offline"))
		return;
	for (i = 0; i < nr; i++)
		err = block_state(blocks[i], "online_movable") ?: err;
	partition(PARKER_IOC_CREATE, "one", NULL);
	err = err ?: take_memory("one", 64 * MIB, 2 * MIB, 0, 0, &base);
	for (i = 0; i < nr && blocks[i] != base / block_bytes(); i++)
		;
	if (!CHECK("block-taken", !err && i < nr, "%d: %#llx", err, (unsigned long long)base))
		return;
	began = seconds();
	child = fork();
	if (!child)
		_exit(-block_state(blocks[i], "offline"));
	while (!done && seconds() - began < 15) {
		usleep(20000);
		done = waitpid(child, &status, WNOHANG);
	}
	CHECK("offline-held", done == child && WEXITSTATUS(status) == EBUSY, "%s, %d after %.1f s", done ? "ended" : "spins",
	      WEXITSTATUS(status), seconds() - began);
	if (!done) {
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
	}
	err = give_memory("one", base) ?: partition(PARKER_IOC_DESTROY, "one", NULL);
	for (i = 0; i < nr; i++)
		offline += !block_state(blocks[i], "offline");
	CHECK("offline-given", !err && offline == nr, "%d: %u of %u blocks", err, offline, nr);
}

void test_hidden(void)
{
	test_kcore();
	test_mapping_reuse();
	test_offline();
}
