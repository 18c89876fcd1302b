// SPDX-License-Identifier: GPL-2.0-only
/*
 * START: the partition's first CPU goes through the trampoline in the low slice
 * and into the application kernel.
 */
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/security.h>
#include <linux/string.h>
#include <asm/pgtable_types.h>

#include "parker.h"

/* trampoline.S begins with this. */
struct trampoline {
	u8 jump[8];
	u64 page_table;
	u64 entry;
	u64 boot_params;
	u64 control;
	u32 tables; /* temporary PML4 */
	u32 long_mode; /* far pointer; offset into the trampoline, made an address here */
	u16 code_segment;
	u16 gdt_limit;
	u32 gdt; /* as long_mode */
} __packed;

extern const u8 parker_trampoline[], parker_trampoline_end[];

/* In the part of the slice that is the application kernel's RAM afterwards. */
#define TRAMPOLINE (PARKER_SLICE_RAM)
#define TABLES     (PARKER_SLICE_RAM + PAGE_SIZE)

/* Identity for the lowest 2 MiB: all that the way to long mode needs. */
static void build_tables(phys_addr_t tables)
{
	u64 *pml4 = __va(tables), *pdpt = __va(tables + PAGE_SIZE), *pd = __va(tables + 2 * PAGE_SIZE);

	memset(pml4, 0, 3 * PAGE_SIZE);
	pml4[0] = (tables + PAGE_SIZE) | _PAGE_PRESENT | _PAGE_RW;
	pdpt[0] = (tables + 2 * PAGE_SIZE) | _PAGE_PRESENT | _PAGE_RW;
	pd[0] = _PAGE_PRESENT | _PAGE_RW | _PAGE_PSE;
}

static void build_trampoline(struct parker_part *part, const struct parker_start *a)
{
	phys_addr_t addr = part->slice + TRAMPOLINE;
	struct trampoline *t = __va(addr);

	memcpy(t, parker_trampoline, parker_trampoline_end - parker_trampoline);
	t->page_table = a->page_table;
	t->entry = a->entry;
	t->boot_params = a->boot_params;
	t->control = part->slice + PARKER_SLICE_CONTROL;
	t->tables = part->slice + TABLES;
	t->long_mode += addr;
	t->gdt += addr;
	build_tables(part->slice + TABLES);
}

/* What the application kernel's side writes; the daemon's fields stay. */
static void clear_control(struct parker_part *part)
{
	void *control = parker_control(part);

	WRITE_ONCE(*(u32 *)(control + PARKER_CTL_STARTED), 0);
	WRITE_ONCE(*(u32 *)(control + PARKER_CTL_EXIT), PARKER_EXIT_NONE);
	WRITE_ONCE(*(u64 *)(control + PARKER_CTL_EXIT_STATUS), 0);
	WRITE_ONCE(*(u64 *)(control + PARKER_CTL_HEARTBEAT), 0);
	WRITE_ONCE(*(u32 *)(control + PARKER_CTL_COMMAND), PARKER_COMMAND_NONE);
}

static bool wait_started(struct parker_part *part, unsigned int us)
{
	u32 *started = parker_control(part) + PARKER_CTL_STARTED;
	ktime_t end = ktime_add_us(ktime_get(), us);

	do {
		if (READ_ONCE(*started))
			return true;
		usleep_range(50, 100);
	} while (ktime_before(ktime_get(), end));
	return READ_ONCE(*started);
}

/* SIPI to the waiting CPU, and again if it missed the first (SDM 3A, 9.4.4). */
static bool launch(struct parker_part *part, unsigned int cpu)
{
	usleep_range(10000, 11000); /* after the INIT */
	parker_cpu_startup(cpu, part->slice + TRAMPOLINE);
	if (wait_started(part, 200))
		return true;
	parker_cpu_startup(cpu, part->slice + TRAMPOLINE);
	return wait_started(part, 1000000);
}

int parker_start(struct parker_part *part, void *arg, const u64 *items)
{
	struct parker_start *a = arg;
	bool started;

	if (security_locked_down(LOCKDOWN_KEXEC)) {
		a->why = PARKER_WHY_LOCKDOWN;
		return -EPERM;
	}
	if (a->cpu >= nr_cpu_ids || !cpumask_test_cpu(a->cpu, &part->cpus)) {
		a->why = PARKER_WHY_NOT_HELD;
		return -ENXIO;
	}
	if (!IS_ALIGNED(a->page_table, PAGE_SIZE) || !parker_holds(part, a->page_table, PAGE_SIZE) ||
	    !parker_holds(part, a->boot_params, PAGE_SIZE) || !parker_holds(part, a->entry, 1)) {
		a->why = PARKER_WHY_OUTSIDE;
		return -EFAULT;
	}
	if (parker_devices_whole(part)) {
		a->why = PARKER_WHY_SHARED_BUS;
		return -EPERM;
	}

	BUILD_BUG_ON(sizeof(struct trampoline) != 56);
	down_write(&parker_view);
	started = !parker_stop(part); /* all CPUs leave this kernel's idle loop */
	up_write(&parker_view);
	if (!started) {
		a->why = PARKER_WHY_NO_ANSWER;
		return -ETIMEDOUT;
	}
	if (parker_devices_renew(part)) {
		a->why = PARKER_WHY_RESET;
		return -EIO;
	}
	build_trampoline(part, a);
	clear_control(part);

	/*
	 * RUNNING is only said once it runs: until then neither the watch nor
	 * anybody else looks, because all but them needs parker_lock.
	 */
	started = launch(part, a->cpu);
	down_write(&parker_view);
	if (started)
		parker_set_state(part, PARKER_RUNNING, PARKER_EXIT_NONE);
	else
		parker_stop(part);
	up_write(&parker_view);
	if (!started) {
		a->why = PARKER_WHY_NO_ANSWER;
		return -ETIMEDOUT;
	}
	parker_watch();
	return 0;
}
