// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/class/parker/NAME/, one folder for each partition, all read-only, and for
 * anybody but where physical addresses stand in it. state and exit_reason can be
 * polled (POLLPRI), which misses nothing; a uevent may be lost.
 *
 *  state        idle | running | exited. "running" from START on, until the
 *               application kernel ends or is killed; "exited" when it ended.
 *  exit_reason  How the last run ended: none | poweroff | reboot | panic | killed |
 *               unknown. "none" while it runs and before the first run.
 *  cpus         CPUs held, by the boot kernel's numbers: "2-3,6", or an empty line.
 *  memory       For root. A line for each range held: "0xSTART-0xEND node N", where END is the
 *               first address behind the range.
 *  slice        For root. Physical address of the low slice: "0x10000".
 *  devices      A line for each PCI function held: "0000:01:00.0"; " lost" follows
 *               if it was unplugged meanwhile.
 *  heartbeat    The control page's counter, decimal. The application kernel's word.
 *  dma          confined: every function held reaches the partition's memory alone;
 *               open: at least one reaches all memory; lost: neither, but at least
 *               one was unplugged, and nobody knows; none: no function is held.
 *
 * Uevents of these: "add" and "remove"; "change" with PARKER_STATE= and
 * PARKER_EXIT= when either changes, and with PARKER_HEARTBEAT=first as well when
 * the first heartbeat of a run is seen, PARKER_LOST=0000:01:00.0 when a function
 * was unplugged, PARKER_FAULT=0000:01:00.0 when this kernel heard of an error of
 * one or reset it (fault.c).
 *
 * Nothing here outgrows a page: PARKER_RANGES_MAX and PARKER_FUNCTIONS_MAX bound
 * the lists, and CPUs are written as runs, of which a list of 4 KiB has room for
 * several hundred; what does not fit is cut off.
 */
#include <linux/device.h>
#include <linux/sysfs.h>

#include "parker.h"

#define to_part(dev) container_of(dev, struct parker_part, dev)

const char *parker_state_name(const struct parker_part *part)
{
	static const char *const names[] = {
		[PARKER_IDLE] = "idle", [PARKER_RUNNING] = "running", [PARKER_EXITED] = "exited"
	};

	return names[part->state];
}

const char *parker_exit_name(const struct parker_part *part)
{
	static const char *const names[] = {
		[PARKER_EXIT_NONE] = "none", [PARKER_EXIT_REBOOT] = "reboot",
		[PARKER_EXIT_PANIC] = "panic", [PARKER_EXIT_POWEROFF] = "poweroff",
		[PARKER_ENDED_KILLED] = "killed", [PARKER_ENDED_UNKNOWN] = "unknown"
	};

	return names[part->exit];
}

static ssize_t state_emit(struct parker_part *part, char *buf)
{
	return sysfs_emit(buf, "%s\n", parker_state_name(part));
}

static ssize_t exit_reason_emit(struct parker_part *part, char *buf)
{
	return sysfs_emit(buf, "%s\n", parker_exit_name(part));
}

static ssize_t cpus_emit(struct parker_part *part, char *buf)
{
	return cpumap_print_to_pagebuf(true, buf, &part->cpus);
}

static ssize_t memory_emit(struct parker_part *part, char *buf)
{
	unsigned int i;
	int at = 0;

	for (i = 0; i < part->nr_ranges; i++)
		at += sysfs_emit_at(buf, at, "0x%llx-0x%llx node %d\n", part->ranges[i].start,
				    part->ranges[i].start + part->ranges[i].bytes, part->ranges[i].node);
	return at;
}

static ssize_t slice_emit(struct parker_part *part, char *buf)
{
	return sysfs_emit(buf, "%#llx\n", (u64)part->slice);
}

static ssize_t devices_emit(struct parker_part *part, char *buf)
{
	struct parker_fn *fn;
	int at = 0;

	list_for_each_entry(fn, &part->fns, link)
		at += sysfs_emit_at(buf, at, "%s%s\n", pci_name(fn->pdev), fn->lost ? " lost" : "");
	return at;
}

static ssize_t heartbeat_emit(struct parker_part *part, char *buf)
{
	return sysfs_emit(buf, "%llu\n", READ_ONCE(*(u64 *)(parker_control(part) + PARKER_CTL_HEARTBEAT)));
}

static ssize_t dma_emit(struct parker_part *part, char *buf)
{
	const char *dma = "none";
	struct parker_fn *fn;

	list_for_each_entry(fn, &part->fns, link) {
		if (!fn->lost && !parker_fn_confined(fn)) {
			dma = "open";
			break;
		}
		if (fn->lost || *dma != 'l')
			dma = fn->lost ? "lost" : "confined";
	}
	return sysfs_emit(buf, "%s\n", dma);
}

#define ATTR(name, mode)                                                                       \
	static ssize_t name##_show(struct device *dev, struct device_attribute *attr, char *buf) \
	{                                                                                      \
		ssize_t n;                                                                     \
											       \
		down_read(&parker_view);                                                       \
		n = name##_emit(to_part(dev), buf);                                            \
		up_read(&parker_view);                                                         \
		return n;                                                                      \
	}                                                                                      \
	static DEVICE_ATTR_##mode(name)

ATTR(state, RO);
ATTR(exit_reason, RO);
ATTR(cpus, RO);
ATTR(memory, ADMIN_RO);
ATTR(slice, ADMIN_RO);
ATTR(devices, RO);
ATTR(heartbeat, RO);
ATTR(dma, RO);

static struct attribute *parker_attrs[] = {
	&dev_attr_state.attr, &dev_attr_exit_reason.attr, &dev_attr_cpus.attr,
	&dev_attr_memory.attr, &dev_attr_slice.attr, &dev_attr_devices.attr,
	&dev_attr_heartbeat.attr, &dev_attr_dma.attr, NULL
};
ATTRIBUTE_GROUPS(parker);

struct class parker_class = { .name = "parker", .dev_groups = parker_groups };
