// SPDX-License-Identifier: GPL-2.0-only
/*
 * START: the partition's first CPU goes through the trampoline in the low slice
 * and into the application kernel.
 */
#include <linux/capability.h>
#include <linux/kernel.h>
#include <linux/kernel_read_file.h>
#include <linux/security.h>

#include "parker.h"

/* What the application kernel's side writes; the daemon's fields stay. */
static void parker_clear_control(struct parker_part *part)
{
	void *control = parker_control(part);

	WRITE_ONCE(*(u32 *)(control + PARKER_CTL_STARTED), 0);
	WRITE_ONCE(*(u32 *)(control + PARKER_CTL_EXIT), PARKER_EXIT_NONE);
	WRITE_ONCE(*(u64 *)(control + PARKER_CTL_EXIT_STATUS), 0);
	WRITE_ONCE(*(u64 *)(control + PARKER_CTL_HEARTBEAT), 0);
	WRITE_ONCE(*(u32 *)(control + PARKER_CTL_COMMAND), PARKER_COMMAND_NONE);
}

/* This is kexec in all but name: who may not do that may not do this. */
static bool parker_start_permitted(void)
{
	return capable(CAP_SYS_BOOT) && !security_locked_down(LOCKDOWN_KEXEC) &&
	       !security_kernel_load_data(LOADING_KEXEC_IMAGE, false);
}

/* Of a partition that is busy with this, and does not run. */
static int parker_start_stop(struct parker_part *part)
{
	guard(mutex)(&part->stopping);
	return parker_stop(part, PARKER_STOP_MS); /* all CPUs leave this kernel's idle loop */
}

static int parker_launch(struct parker_part *part, const struct parker_start *a)
{
	phys_addr_t page;
	int err;

	guard(mutex)(&part->stopping);
	page = parker_low_trampoline(part, a);
	parker_clear_control(part);
	err = parker_cpu_start(a->cpu, page, parker_control(part) + PARKER_CTL_STARTED);
	/*
	 * RUNNING is only said once it runs, or once nobody knows: a CPU that did not
	 * answer, and then did not stop, may come late. Until KILL succeeds, nothing of
	 * the partition may change hands.
	 */
	if (err && !parker_stop(part, PARKER_STOP_MS))
		return err;
	guard(rwsem_write)(&parker_view);
	parker_set_state(part, PARKER_RUNNING, PARKER_EXIT_NONE);
	parker_watch(part);
	return err;
}

int parker_start(struct parker_part *part, void *arg, const u64 *items)
{
	struct parker_start *a = arg;
	int err;

	lockdep_assert_held(&parker_lock);
	if (!parker_start_permitted()) {
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

	parker_slow_begin(part);
	err = parker_start_stop(part);
	parker_slow_end(part);
	if (err) {
		a->why = PARKER_WHY_NO_ANSWER;
		return err;
	}
	parker_slow_begin(part);
	err = parker_devices_renew(part);
	parker_slow_end(part);
	if (err) {
		a->why = PARKER_WHY_RESET;
		return err;
	}

	dev_notice(&part->dev, "an application kernel starts on CPU %u\n", a->cpu);
	/* Whoever reads this kernel's oops should know that another one was let loose. */
	add_taint(TAINT_USER, LOCKDEP_STILL_OK);
	parker_slow_begin(part);
	err = parker_launch(part, a);
	parker_slow_end(part);
	if (err == -ETIMEDOUT)
		a->why = PARKER_WHY_NO_ANSWER;
	return err;
}
