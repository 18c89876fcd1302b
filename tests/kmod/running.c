// SPDX-License-Identifier: LGPL-2.1-or-later
/* A partition that is ready to run the small application kernel. */
#include <errno.h>
#include <sys/mman.h>

#include "kmod_test.h"

enum { BYTES = 16 * MIB };

int application_begin(struct application *a, const char *name, uint32_t cpu)
{
	int err = partition(PARKER_IOC_CREATE, name, &a->slice) ?: set1(PARKER_IOC_TAKE_CPUS, name, 0, cpu) ?:
		  take_memory(name, BYTES, 2 * MIB, 0, 0, &a->base);

	a->name = name;
	a->cpu = cpu;
	if (err)
		return err;
	a->memory = map(a->base, BYTES);
	if (a->memory == MAP_FAILED)
		return -errno;
	load(a->memory, a->base, a->slice, 0, spin_start, spin_end - spin_start);
	return 0;
}

int application_start(const struct application *a)
{
	return start_loaded(a->name, a->base, a->cpu);
}

int application_end(const struct application *a)
{
	munmap(a->memory, BYTES);
	return set1(PARKER_IOC_GIVE_CPUS, a->name, 0, a->cpu) ?: give_memory(a->name, a->base) ?:
	       partition(PARKER_IOC_DESTROY, a->name, NULL);
}
