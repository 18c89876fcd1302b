// SPDX-License-Identifier: GPL-2.0-only
/*
 * Partitions: named objects, their low slices, their state, and the watch over
 * their control pages.
 *
 *	IDLE ──START──► RUNNING ──exit code in the control page──► EXITED
 *	  ▲                │                                         │ │
 *	  └──────KILL──────┴───────────────KILL──────────────────────┘ └─START─► RUNNING
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include <asm/realmode.h>

#include "parker.h"

#define SLICE_PAGES (PARKER_SLICE_BYTES >> PAGE_SHIFT)
#define LOW_START   0x10000 /* Linux leaves the first 64 KiB to the BIOS */
#define LOW_END     0xa0000
#define LOW_CLEAR   0x10000 /* at the top: this kernel's trampoline */
#define WATCH_TICK  (HZ / 10)

/* All low slices of the machine, found once. Under parker_lock. */
static phys_addr_t slices[(LOW_END - LOW_START) / PARKER_SLICE_BYTES];
static unsigned int nr_slices;

static void watch(struct work_struct *work);
static DECLARE_DELAYED_WORK(watch_work, watch);

struct parker_part *parker_find(const char *name)
{
	struct parker_part *part;

	lockdep_assert_held(&parker_lock);
	list_for_each_entry(part, &parker_parts, link)
		if (!strcmp(dev_name(&part->dev), name))
			return part;
	return NULL;
}

void *parker_control(const struct parker_part *part)
{
	return __va(part->slice + PARKER_SLICE_CONTROL);
}

/* Is [start, start + bytes) inside one of the partition's ranges? Under any lock. */
bool parker_holds(const struct parker_part *part, u64 start, u64 bytes)
{
	unsigned int i;

	for (i = 0; i < part->nr_ranges; i++) {
		const struct parker_range *range = &part->ranges[i];

		if (start >= range->start && start - range->start < range->bytes &&
		    bytes <= range->bytes - (start - range->start))
			return true;
	}
	return false;
}

void parker_event(struct parker_part *part, char *extra)
{
	char state[32], exit[32];
	char *env[] = { state, exit, extra, NULL };

	snprintf(state, sizeof(state), "PARKER_STATE=%s", parker_state_name(part));
	snprintf(exit, sizeof(exit), "PARKER_EXIT=%s", parker_exit_name(part));
	kobject_uevent_env(&part->dev.kobj, KOBJ_CHANGE, env);
}

void parker_set_state(struct parker_part *part, enum parker_state state, u32 exit)
{
	bool changed = part->state != state || part->exit != exit;

	lockdep_assert_held_write(&parker_view);
	part->state = state;
	part->exit = exit;
	part->ending = false;
	if (state == PARKER_RUNNING)
		part->beating = false;
	if (changed)
		parker_event(part, NULL);
}

/*
 * No CPU of the partition executes after this and no function of it starts a
 * new access to memory, whatever the application kernel was doing. -ETIMEDOUT:
 * a CPU did not answer, so its memory cannot be touched; this may be repeated.
 */
int parker_stop(struct parker_part *part)
{
	unsigned int cpu;
	int err = 0;

	/* First all at once, so that none is left to start another again. */
	for_each_cpu(cpu, &part->cpus)
		parker_cpu_init(cpu);
	for_each_cpu(cpu, &part->cpus)
		err = parker_cpu_park(cpu, part->slice + PARKER_SLICE_RAM) ?: err;
	parker_devices_quiet(part);
	return err;
}

void parker_stop_all(void)
{
	struct parker_part *part;

	down_write(&parker_view);
	list_for_each_entry(part, &parker_parts, link) {
		if (part->state != PARKER_RUNNING || parker_stop(part))
			continue;
		parker_set_state(part, PARKER_IDLE, PARKER_ENDED_KILLED);
		pr_warn("%s stopped: the machine goes down\n", dev_name(&part->dev));
	}
	up_write(&parker_view);
}

/*
 * Runs while a partition runs. Does not take parker_lock: a partition's end is
 * seen also while another one's memory is being migrated for seconds. An exit
 * code is acted upon one tick after it was seen, which leaves the CPUs the time
 * to reach their final halt.
 */
static void watch(struct work_struct *work)
{
	struct parker_part *part;
	bool again = false;

	down_write(&parker_view);
	list_for_each_entry(part, &parker_parts, link) {
		void *control = parker_control(part);
		u32 exit;

		if (part->state != PARKER_RUNNING)
			continue;
		if (!part->beating && READ_ONCE(*(u64 *)(control + PARKER_CTL_HEARTBEAT))) {
			part->beating = true;
			parker_event(part, "PARKER_HEARTBEAT=first");
		}
		exit = READ_ONCE(*(u32 *)(control + PARKER_CTL_EXIT));
		again = true;
		if (part->ending) {
			if (parker_stop(part))
				continue;
			if (exit == PARKER_EXIT_NONE || exit > PARKER_EXIT_POWEROFF)
				exit = PARKER_ENDED_UNKNOWN;
			parker_set_state(part, PARKER_EXITED, exit);
			continue;
		}
		part->ending = exit != PARKER_EXIT_NONE;
	}
	up_write(&parker_view);
	if (again)
		parker_watch();
}

void parker_watch(void)
{
	schedule_delayed_work(&watch_work, WATCH_TICK);
}

/*
 * This kernel brings its own CPUs up through a trampoline that it places as high
 * as it can below 1 MiB. Its header, at the start of a page, holds physical
 * addresses of parts of itself.
 */
static bool __init looks_like_our_trampoline(phys_addr_t page)
{
	const struct real_mode_header *header = __va(page);
	u32 end = page + LOW_CLEAR;

	return IS_ALIGNED(header->text_start, PAGE_SIZE) && IS_ALIGNED(header->trampoline_pgd, PAGE_SIZE) &&
	       header->text_start > page && header->ro_end > header->text_start && header->ro_end < end &&
	       header->trampoline_start >= header->text_start && header->trampoline_start < header->ro_end &&
	       header->trampoline_pgd > page && header->trampoline_pgd < end;
}

/* 0 if a slice can be at @addr, otherwise the next address worth trying. */
static phys_addr_t __init slice_obstacle(phys_addr_t addr)
{
	phys_addr_t page;

	for (page = addr; page < addr + PARKER_SLICE_BYTES; page += PAGE_SIZE) {
		if (!page_is_ram(PHYS_PFN(page)) || !PageReserved(pfn_to_page(PHYS_PFN(page))))
			return page + PAGE_SIZE;
		if (looks_like_our_trampoline(page))
			return page + LOW_CLEAR;
	}
	return 0;
}

/*
 * Low slices come from RAM that this kernel reserved and, since 5.13, does not
 * use: all of it below 1 MiB, but for its trampoline.
 */
void __init parker_slices_init(void)
{
	phys_addr_t top = LOW_START, addr = LOW_START, page;

	for (page = LOW_START; page < LOW_END; page += PAGE_SIZE)
		if (page_is_ram(PHYS_PFN(page)))
			top = page + PAGE_SIZE;
	top -= LOW_CLEAR;

	while (addr + PARKER_SLICE_BYTES <= top) {
		phys_addr_t next = slice_obstacle(addr);

		if (!next) {
			slices[nr_slices++] = addr;
			next = addr + PARKER_SLICE_BYTES;
		}
		addr = next;
	}
	pr_info("%u low slices\n", nr_slices);
}

static bool slice_free(phys_addr_t slice)
{
	struct parker_part *part;

	list_for_each_entry(part, &parker_parts, link)
		if (part->slice == slice)
			return false;
	return true;
}

void parker_slices_count(u32 *all, u32 *free)
{
	unsigned int i;

	*all = nr_slices;
	*free = 0;
	for (i = 0; i < nr_slices; i++)
		*free += slice_free(slices[i]);
}

static void part_release(struct device *dev)
{
	kfree(container_of(dev, struct parker_part, dev));
}

int parker_create(struct parker_part *none, void *arg, const u64 *items)
{
	struct parker_partition *a = arg;
	struct parker_part *part;
	unsigned int i;
	int err;

	if (parker_find(a->name))
		return -EEXIST;
	for (i = 0; i < nr_slices && !slice_free(slices[i]); i++)
		;
	if (i == nr_slices) {
		a->why = PARKER_WHY_NO_SLICE;
		return -ENOSPC;
	}

	part = kzalloc(sizeof(*part), GFP_KERNEL);
	if (!part)
		return -ENOMEM;
	INIT_LIST_HEAD(&part->fns);
	part->slice = slices[i];
	memset(__va(part->slice), 0, PARKER_SLICE_BYTES);
	device_initialize(&part->dev);
	part->dev.class = &parker_class;
	part->dev.release = part_release;
	err = dev_set_name(&part->dev, "%s", a->name);
	if (!err)
		err = device_add(&part->dev);
	if (err) {
		put_device(&part->dev);
		return err;
	}
	__module_get(THIS_MODULE);

	down_write(&parker_view);
	list_add_tail(&part->link, &parker_parts);
	up_write(&parker_view);
	a->slice = part->slice;
	return 0;
}

int parker_destroy(struct parker_part *part, void *arg, const u64 *items)
{
	phys_addr_t slice = part->slice;

	if (!cpumask_empty(&part->cpus) || part->nr_ranges || !list_empty(&part->fns))
		return -EBUSY;

	down_write(&parker_view);
	list_del(&part->link);
	up_write(&parker_view);
	parker_unmap(slice, PARKER_SLICE_BYTES);
	memset(__va(slice), 0, PARKER_SLICE_BYTES);
	device_unregister(&part->dev);
	module_put(THIS_MODULE);
	return 0;
}

int parker_kill(struct parker_part *part, void *arg, const u64 *items)
{
	int err = 0;

	down_write(&parker_view);
	if (part->state != PARKER_RUNNING) {
		parker_set_state(part, PARKER_IDLE, PARKER_EXIT_NONE);
	} else {
		err = parker_stop(part);
		if (!err)
			parker_set_state(part, PARKER_IDLE, PARKER_ENDED_KILLED);
	}
	up_write(&parker_view);
	return err;
}

void parker_partition_exit(void)
{
	cancel_delayed_work_sync(&watch_work);
}
