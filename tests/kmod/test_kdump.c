// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The boot kernel panics, with a kernel for its dump loaded, while a partition runs. The dump has nothing of it;
 * the partition runs on until the dump's kernel restarts the machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kmod_test.h"

#define WORD "parker_test="

enum { ON_CRASH = 2, SECRET_BYTES = 24, OFFSET_SECRET = 0x200000, SLICE_SECRET = 0x8000 };

/* Not as such in this program, which is in memory too. */
static void make_secret(uint8_t *at)
{
	static const uint8_t hidden[SECRET_BYTES] = "Plgqljkw#lq#wkh#fhoodu1";
	int i;

	for (i = 0; i < SECRET_BYTES - 1; i++)
		at[i] = hidden[i] - 3;
	at[i] = 0;
}

/* Returns only if it fails. */
void kdump_crash(const char *kernel, const char *initrd)
{
	int image = open(kernel, O_RDONLY), files = open(initrd, O_RDONLY), err;
	struct application a;
	char words[300];
	uint8_t *slice;
	cpu_set_t first;

	/* The emulated timer's interrupt goes there, and the dump's kernel has the CPU that panics alone. */
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	sched_setaffinity(0, sizeof(first), &first);
	err = application_begin(&a, "one", 2) ?: application_start(&a);
	CHECK("kdump-start", !err, "%d, why %u", err, why);
	slice = map(a.slice, PARKER_SLICE_BYTES);
	make_secret(a.memory + OFFSET_SECRET);
	make_secret(slice + SLICE_SECRET);
	snprintf(words, sizeof(words), "console=ttyS0 nr_cpus=1 reset_devices no_timer_check panic=-1 tsc=reliable lpj=10000000 "
		 "cryptomgr.notests quiet loglevel=4 " WORD "%llx", (unsigned long long)a.base);
	err = syscall(SYS_kexec_file_load, image, files, strlen(words) + 1, words, ON_CRASH) ? -errno : 0;
	if (CHECK("kdump-loaded", !err, "%d", err))
		spit("/proc/sysrq-trigger", "c");
}

struct search {
	const char *text;
	size_t bytes, found;
};

static void look_for(struct search *search, const uint8_t *at, size_t bytes)
{
	const uint8_t *end = at + bytes;

	while ((at = memmem(at, end - at, search->text, search->bytes))) {
		search->found++;
		at += search->bytes;
	}
}

/* What makedumpfile writes of the dump, at the level that Debian has by default. */
static uint64_t filtered(struct search *one, struct search *two)
{
	static uint8_t buffer[1 << 20];
	const size_t overlap = 64;
	uint64_t total = 0;
	size_t kept = 0, n;
	FILE *f = popen("makedumpfile -F -d 31 /proc/vmcore 2> /tmp/makedumpfile", "r");

	while (f && (n = fread(buffer + kept, 1, sizeof(buffer) - kept, f)) > 0) {
		total += n;
		n += kept;
		look_for(one, buffer, n);
		look_for(two, buffer, n);
		kept = n < overlap ? n : overlap;
		memmove(buffer, buffer + n - kept, kept);
	}
	if (!f || pclose(f)) {
		printf("# %s\n", slurp("/tmp/makedumpfile"));
		return 0;
	}
	return total;
}

/* In the dump's kernel. */
void kdump_look(void)
{
	unsigned long long base = 0;
	char *words = strstr(slurp("/proc/cmdline"), WORD);
	char secret[SECRET_BYTES], seen[SECRET_BYTES] = "";
	struct search tenant = { secret, SECRET_BYTES - 1, 0 }, own = { "Linux version ", 14, 0 };
	uint64_t before = 0, after = 0, bytes;

	make_secret((uint8_t *)secret);
	CHECK("kdump-words", words && sscanf(words, WORD "%llx", &base) == 1, "none");
	/* So that one knows that this test looks at the right place. What is below 1 MiB Linux leaves out itself. */
	CHECK("kdump-unfiltered", core_read("/proc/vmcore", base + OFFSET_SECRET, seen, sizeof(seen)) && !strcmp(seen, secret),
	      "'%s'", seen);
	core_read("/proc/vmcore", base + OFFSET_PARAMS, &before, sizeof(before));
	usleep(100000);
	CHECK("kdump-runs-on",
	      core_read("/proc/vmcore", base + OFFSET_PARAMS, &after, sizeof(after)) && after > before, "%llu, %llu",
	      (unsigned long long)before, (unsigned long long)after);
	bytes = filtered(&tenant, &own);
	printf("# %llu KiB of a dump\n", (unsigned long long)bytes >> 10);
	CHECK("kdump-tenant", bytes && !tenant.found, "%zu times", tenant.found);
	CHECK("kdump-own", own.found, "nothing of the boot kernel either");
	printf("# %d failures\n", failures);
}
