// SPDX-License-Identifier: LGPL-2.1-or-later
/* Memory is taken, zeroed, mapped, and given back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmod_test.h"

/* Of its first range. */
static uint64_t held_start(const char *name)
{
	return strtoull(attribute(name, "memory"), NULL, 16);
}

static bool all_zero(const uint8_t *at, uint64_t bytes)
{
	const uint64_t *word = (const void *)at;
	uint64_t i;

	for (i = 0; i < bytes / 8; i++)
		if (word[i])
			return false;
	return true;
}

void test_memory(void)
{
	long total = meminfo("MemTotal"), less;
	uint64_t a = 0, b = 0;
	char text[100];
	uint8_t *at;
	int err;

	partition(PARKER_IOC_CREATE, "one", NULL);
	CHECK("memory-align-small", take_memory("one", 2 * MIB, MIB, 0, 0, NULL) == -EINVAL, "accepted");
	CHECK("memory-align-odd", take_memory("one", 6 * MIB, 3 * MIB, 0, 0, NULL) == -EINVAL, "accepted");
	CHECK("memory-size-odd", take_memory("one", 3 * MIB, 2 * MIB, 0, 0, NULL) == -EINVAL, "accepted");
	CHECK("memory-size-zero", take_memory("one", 0, 2 * MIB, 0, 0, NULL) == -EINVAL, "accepted");
	err = take_memory("one", 2 * MIB, 2 * MIB, 0, 5, NULL);
	CHECK("memory-no-node", err == -ENXIO && why == PARKER_WHY_NO_SUCH, "%d, why %u", err, why);
	err = take_memory("one", 1ull << 62, 2 * MIB, 0, 0, NULL);
	CHECK("memory-too-much", err == -ENOMEM, "%d", err);
	err = give_memory("one", 0x1000000);
	CHECK("memory-give-not-held", err == -ENXIO && why == PARKER_WHY_NOT_HELD, "%d, why %u", err, why);

	err = take_memory("one", 512 * MIB, 2 * MIB, 0, 0, &a);
	CHECK("take-memory", !err && a >= 1ull << 32 && !(a & (2 * MIB - 1)), "%d: %#llx", err, (unsigned long long)a);
	less = total - meminfo("MemTotal");
	CHECK("memtotal-fell", less == 512 * 1024, "by %ld KiB", less);
	err = take_memory("one", 64 * MIB, 4 * MIB, 1ull << 32, 0, &b);
	CHECK("take-memory-below", !err && b + 64 * MIB <= 1ull << 32 && !(b & (4 * MIB - 1)), "%d: %#llx", err,
	      (unsigned long long)b);
	snprintf(text, sizeof(text), "%#llx-%#llx node 0\n%#llx-%#llx node 0", (unsigned long long)a,
		 (unsigned long long)(a + 512 * MIB), (unsigned long long)b, (unsigned long long)(b + 64 * MIB));
	CHECK("memory-attribute", attribute_is("one", "memory", text), "%s", attribute("one", "memory"));

	at = map(a, 512 * MIB);
	CHECK("memory-zero", at != MAP_FAILED && all_zero(at, 512 * MIB), "not");
	CHECK("private-map-refused", mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, a) == MAP_FAILED, "mapped");
	memset(at, 0x55, 512 * MIB);
	CHECK("destroy-holding-memory", partition(PARKER_IOC_DESTROY, "one", NULL) == -EBUSY, "accepted");
	CHECK("give-memory", !give_memory("one", a) && peek(at) == -1 && peek(at + 512 * MIB - 1) == -1, "%d", peek(at));
	munmap(at, 512 * MIB);
	at = map(0x100000, 4096);
	CHECK("foreign-memory-sigbus", at != MAP_FAILED && peek(at) == -1, "readable");
	munmap(at, 4096);
	CHECK("give-memory-second", !give_memory("one", b), "%d", errno);
	CHECK("memtotal-back", meminfo("MemTotal") == total, "%ld, was %ld", meminfo("MemTotal"), total);

	/* Where other pages are in the way. */
	at = mmap(NULL, 1024 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (at != MAP_FAILED)
		memset(at, 0x77, 1024 * MIB);
	err = take_memory("one", 1536 * MIB, 2 * MIB, 0, 0, &a);
	CHECK("take-memory-in-use", !err && !give_memory("one", a), "%d", err);
	CHECK("migrated-intact", at != MAP_FAILED && peek(at) == 0x77 && peek(at + 1024 * MIB - 1) == 0x77, "lost");
	munmap(at, 1024 * MIB);
	err = take_memory("one", 3584 * MIB, 2 * MIB, 0, 0, &a);
	CHECK("take-nearly-all", err == -ENOMEM && meminfo("MemTotal") == total, "%d", err);
	partition(PARKER_IOC_DESTROY, "one", NULL);
}

/* Numbers only: the emulator's are not a machine's. */
void print_speed(void)
{
	uint64_t bytes = 512 * MIB, start;
	double took, zeroed, set;
	uint8_t *at;

	partition(PARKER_IOC_CREATE, "one", NULL);
	took = seconds();
	if (take_memory("one", bytes, 2 * MIB, 0, 0, &start)) {
		partition(PARKER_IOC_DESTROY, "one", NULL);
		return;
	}
	took = seconds() - took;
	zeroed = seconds();
	give_memory("one", start);
	zeroed = seconds() - zeroed;
	partition(PARKER_IOC_DESTROY, "one", NULL);
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (at == MAP_FAILED)
		return;
	set = seconds();
	memset(at, 0x11, bytes);
	asm volatile("" : : "r"(at) : "memory");
	set = seconds() - set;
	munmap(at, bytes);
	printf("# 512 MiB: taken and zeroed in %.0f ms, zeroed and given in %.0f ms, memset in %.0f ms: zeroing at %.0f %% of memset\n",
	       took * 1e3, zeroed * 1e3, set * 1e3, 100 * set / zeroed);
}

/* While memory is migrated and zeroed for one partition, others are not kept waiting. */
void test_busy(void)
{
	bool busy = false, other = false, still;
	int status = 0;
	pid_t child;

	partition(PARKER_IOC_CREATE, "one", NULL);
	child = fork();
	if (!child)
		_exit(take_memory("one", 1024 * MIB, 2 * MIB, 0, 0, NULL) ? 1 : 0);
	while (!busy && !waitpid(child, &status, WNOHANG))
		busy = give_memory("one", 0x1000000) == -EBUSY && why == PARKER_WHY_BUSY;
	other = busy && !partition(PARKER_IOC_CREATE, "two", NULL) && !partition(PARKER_IOC_DESTROY, "two", NULL);
	CHECK("busy-destroy", busy && partition(PARKER_IOC_DESTROY, "one", NULL) == -EBUSY, "busy %d", busy);
	still = !waitpid(child, &status, WNOHANG);
	CHECK("others-go-on", other && still, "busy %d, done %d, before the end %d", busy, other, still);
	if (still)
		waitpid(child, &status, 0);
	CHECK("busy-take", WIFEXITED(status) && !WEXITSTATUS(status) && !give_memory("one", held_start("one")), "status %d", status);
	partition(PARKER_IOC_DESTROY, "one", NULL);
}

static int round_trip(void)
{
	uint64_t cpus[] = { 1, 2, 3 };
	uint64_t a = 0;
	int bad = 0;

	bad |= partition(PARKER_IOC_CREATE, "round", NULL);
	bad |= set(PARKER_IOC_TAKE_CPUS, "round", 0, 3, cpus);
	bad |= take_memory("round", 256 * MIB, 2 * MIB, 0, 0, &a);
	bad |= give_memory("round", a);
	bad |= set(PARKER_IOC_GIVE_CPUS, "round", 0, 3, cpus);
	bad |= partition(PARKER_IOC_DESTROY, "round", NULL);
	return bad;
}

/* Free memory in KiB, with the pages that each CPU keeps for itself. */
static long free_memory(void)
{
	FILE *f = fopen("/proc/zoneinfo", "r");
	long kib = meminfo("MemFree"), pages;
	char line[200];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %ld", &pages) == 1)
			kib += pages * 4;
	if (f)
		fclose(f);
	return kib;
}

void test_rounds(void)
{
	long total = meminfo("MemTotal"), less;
	int i, bad = round_trip(); /* fills the kernel's own caches */

	less = free_memory();
	for (i = 0; i < 10; i++)
		bad |= round_trip();
	less -= free_memory();
	printf("# ten rounds: %ld KiB less\n", less);
	CHECK("ten-rounds", !bad && sysconf(_SC_NPROCESSORS_ONLN) == 4 && meminfo("MemTotal") == total && less < 2048,
	      "%d, %ld KiB less", bad, less);
}
