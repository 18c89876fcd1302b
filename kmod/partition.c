// SPDX-License-Identifier: GPL-2.0-only
/*
 * Partitions: named objects, their state, and the watch over their control pages.
 *
 *	IDLE --START--> RUNNING --exit code in the control page--> EXITED
 *	  ^                |                                         | |
 *	  +------KILL------+---------------KILL----------------------+ +-START-> RUNNING
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>

#include "parker.h"

#define WATCH_TICK    (HZ / 10)
#define WATCH_STOP_MS 250 /* at most, so that a KILL meanwhile has its two seconds */
#define WATCH_PAUSE   (60 * HZ) /* between attempts to stop what does not stop */

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

/* By name, and with a reference: NULL if there is none. */
struct parker_part *parker_get(const char *name)
{
	struct parker_part *part;

	guard(rwsem_read)(&parker_view);
	list_for_each_entry(part, &parker_parts, link) {
		if (strcmp(dev_name(&part->dev), name))
			continue;
		get_device(&part->dev);
		return part;
	}
	return NULL;
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
	if (!changed)
		return;
	WRITE_ONCE(part->changes, part->changes + 1);
	wake_up_interruptible(&part->changed);
	sysfs_notify(&part->dev.kobj, NULL, "state");
	sysfs_notify(&part->dev.kobj, NULL, "exit_reason");
	parker_event(part, NULL);
}

/*
 * No CPU of the partition executes after this, unless it says -ETIMEDOUT, and none
 * of its functions starts a new access to memory. -ETIMEDOUT: a CPU did not answer,
 * so its memory cannot be touched; this may be repeated.
 */
int parker_stop(struct parker_part *part, unsigned int ms)
{
	int err;

	lockdep_assert_held(&part->stopping);
	err = parker_cpus_stop(&part->cpus, ms);
	guard(rwsem_write)(&parker_view);
	parker_devices_quiet(part);
	return err;
}

/* For as long as it may take, but not for ever: something may hold it that went wrong. */
static bool parker_view_lock_for(unsigned int ms)
{
	while (!down_write_trylock(&parker_view)) {
		if (!ms--)
			return false;
		usleep_range(1000, 1100);
	}
	return true;
}

/*
 * Before the machine or this kernel goes: no application kernel may run on into
 * firmware, or write memory that the next kernel takes for its own. Other commands
 * may be at something slow, or stuck in it, so this waits for no lock. A kexec over
 * a partition that is alive must not be: better the machine starts anew.
 */
void parker_stop_all(bool kexec)
{
	struct parker_part *part;
	int err = parker_cpus_stop_all(PARKER_STOP_MS);

	if (parker_view_lock_for(1000)) {
		list_for_each_entry(part, &parker_parts, link) {
			parker_devices_quiet(part);
			if (part->state != PARKER_RUNNING || err)
				continue;
			parker_set_state(part, PARKER_IDLE, PARKER_ENDED_KILLED);
			dev_warn(&part->dev, "stopped: the machine goes down\n");
		}
		up_write(&parker_view);
	} else {
		err = err ?: -EBUSY; /* functions may be at work */
	}
	if (!err)
		return;
	pr_emerg("not all partitions could be stopped\n");
	if (kexec)
		emergency_restart();
}

/* The watch saw an exit code, one tick ago, which left the CPUs the time to reach their final halt. */
static void parker_watch_end(struct parker_part *part, u32 exit)
{
	if (parker_stop(part, WATCH_STOP_MS)) {
		part->pause = clamp(2 * part->pause, (unsigned long)WATCH_TICK, (unsigned long)WATCH_PAUSE);
		return;
	}
	if (exit == PARKER_EXIT_NONE || exit > PARKER_EXIT_POWEROFF)
		exit = PARKER_ENDED_UNKNOWN;
	guard(rwsem_write)(&parker_view);
	parker_set_state(part, PARKER_EXITED, exit);
}

/*
 * Runs while a partition runs. Waits for no lock that a command holds for long: a
 * partition's end is seen also while another one's memory is being migrated. Not
 * deferrable: an idle machine sees it in time, too.
 */
static void parker_watch_work(struct work_struct *work)
{
	struct parker_part *part = container_of(to_delayed_work(work), struct parker_part, watch);
	void *control = parker_control(part);
	u32 exit;

	/* Whoever has it stops the partition. */
	if (!mutex_trylock(&part->stopping)) {
		schedule_delayed_work(&part->watch, WATCH_TICK);
		return;
	}
	if (part->state == PARKER_RUNNING) {
		if (!part->beating && READ_ONCE(*(u64 *)(control + PARKER_CTL_HEARTBEAT))) {
			part->beating = true;
			parker_event(part, "PARKER_HEARTBEAT=first");
		}
		exit = READ_ONCE(*(u32 *)(control + PARKER_CTL_EXIT));
		if (part->ending)
			parker_watch_end(part, exit);
		else
			part->ending = exit != PARKER_EXIT_NONE;
	}
	if (part->state == PARKER_RUNNING)
		schedule_delayed_work(&part->watch, part->pause);
	mutex_unlock(&part->stopping);
}

/* With RUNNING just said. */
void parker_watch(struct parker_part *part)
{
	lockdep_assert_held(&part->stopping);
	part->pause = WATCH_TICK;
	schedule_delayed_work(&part->watch, part->pause);
}

static void parker_part_release(struct device *dev)
{
	kfree(container_of(dev, struct parker_part, dev));
}

int parker_create(struct parker_part *none, void *arg, const u64 *items)
{
	static u64 serial;
	struct parker_partition *a = arg;
	struct parker_part *part;
	phys_addr_t slice;
	int err;

	if (parker_find(a->name))
		return -EEXIST;
	slice = parker_slice_find();
	if (!slice) {
		a->why = PARKER_WHY_NO_SLICE;
		return -ENOSPC;
	}

	part = kzalloc(sizeof(*part), GFP_KERNEL);
	if (!part)
		return -ENOMEM;
	INIT_LIST_HEAD(&part->fns);
	INIT_LIST_HEAD(&part->domains);
	part->changes = 1;
	init_waitqueue_head(&part->changed);
	mutex_init(&part->stopping);
	INIT_DELAYED_WORK(&part->watch, parker_watch_work);
	part->serial = ++serial;
	part->slice = slice;
	memset(__va(part->slice), 0, PARKER_SLICE_BYTES);
	device_initialize(&part->dev);
	part->dev.class = &parker_class;
	part->dev.release = parker_part_release;
	err = dev_set_name(&part->dev, "%s", a->name);
	if (!err)
		err = device_add(&part->dev);
	if (err) {
		put_device(&part->dev);
		return err;
	}
	__module_get(THIS_MODULE);
	parker_memory_hide(PHYS_PFN(part->slice), PARKER_SLICE_BYTES >> PAGE_SHIFT);

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
	WRITE_ONCE(part->dead, true);
	up_write(&parker_view);
	wake_up_interruptible(&part->changed);
	cancel_delayed_work_sync(&part->watch);
	parker_unmap(slice, PARKER_SLICE_BYTES);
	memset(__va(slice), 0, PARKER_SLICE_BYTES);
	parker_memory_show(PHYS_PFN(slice), PARKER_SLICE_BYTES >> PAGE_SHIFT);
	device_unregister(&part->dev);
	module_put(THIS_MODULE);
	return 0;
}

/* Without parker_lock, and at any time: see main.c. */
int parker_kill(struct parker_part *part, void *arg, const u64 *items)
{
	struct parker_kill *a = arg;
	int err;

	guard(mutex)(&part->stopping);
	scoped_guard(rwsem_write, &parker_view) {
		if (part->dead)
			return -ENOENT;
		if (part->state != PARKER_RUNNING) {
			if (READ_ONCE(part->busy)) {
				a->why = PARKER_WHY_BUSY;
				return -EBUSY;
			}
			parker_set_state(part, PARKER_IDLE, PARKER_EXIT_NONE);
			return 0;
		}
	}
	err = parker_stop(part, PARKER_STOP_MS);
	if (err) {
		a->why = PARKER_WHY_NO_ANSWER;
		return err;
	}
	guard(rwsem_write)(&parker_view);
	parker_set_state(part, PARKER_IDLE, PARKER_ENDED_KILLED);
	return 0;
}
