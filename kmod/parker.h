/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the module's files share.
 *
 * Locks, outermost first:
 *
 *  parker_lock  serialises all commands but those that need nothing of others
 *               (KILL among them). Everything below is only changed with it held,
 *               except where the comments on other locks say otherwise. Given up
 *               for what may take long (parker_slow_begin(): memory migrates,
 *               functions are reset, CPUs are plugged and started): the partition
 *               is busy meanwhile, and what it holds is that command's to change.
 *               Taken before device_lock, the CPU hotplug locks and parker_view; so
 *               it must not be taken in a PCI driver callback, in the cpuhp
 *               callback, in sysfs show functions or in the fault handler. May be
 *               held for long by something that went wrong: KILL and the machine's
 *               way down do without.
 *  device_lock  of a PCI function.
 *  stopping     of a partition: whoever has it is the one to stop or start its CPUs
 *               and to say that it runs or no longer does. Held for the two seconds
 *               that a CPU may take to answer, not longer.
 *  mmap_lock    of a process that touches a mapping of /dev/parker.
 *  parker_view  held for writing for the short moments in which something
 *               changes that sysfs, the fault handler, the watch or a driver
 *               callback look at: the list of partitions and each one's state,
 *               exit reason, ranges and functions. Never held while user memory
 *               is touched, or a CPU waited for. A holder of parker_lock may read
 *               without it, knowing that two things change under parker_view and
 *               without parker_lock: a run ends, and a hot-unplug turns a function
 *               into a lost one.
 */
#ifndef PARKER_INTERNAL_H
#define PARKER_INTERNAL_H

#undef pr_fmt
#define pr_fmt(fmt) "parker: " fmt

#include <linux/cleanup.h>
#include <linux/cpumask.h>
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "uapi/parker.h"
#include "uapi/parker_control.h"

enum parker_state {
	PARKER_IDLE = PARKER_STATE_IDLE,
	PARKER_RUNNING = PARKER_STATE_RUNNING,
	PARKER_EXITED = PARKER_STATE_EXITED,
};

/* For a CPU to answer: hardware does within microseconds, a busy emulator does not. */
#define PARKER_STOP_MS 1500

struct parker_range {
	u64 start;
	u64 bytes;
	int node;
};

/* A PCI function in a partition's hands. */
struct parker_fn {
	struct list_head link;
	struct parker_part *part;
	struct pci_dev *pdev; /* a reference */
	u64 id; /* PARKER_PCI() */
	struct pci_saved_state *saved; /* configuration right after the reset */
	struct iommu_group *group; /* a reference, when not NULL */
	struct parker_domain *domain; /* its group is attached to it; NULL: it reaches all memory */
	int claimed; /* BARs, as bits */
	u16 sriov; /* where this capability is, or 0 */
	bool binding; /* TAKE_DEVICES is about to bind it: no other may be */
	bool bound; /* our driver has it */
	bool enabled; /* pci_enable_device_mem() to be balanced */
	bool lost; /* unplugged while we had it */
	bool used; /* by a kernel that was started: it may be at work still */
	bool released; /* back already, and about to leave the list */
	atomic_t dma_faults;
};

struct parker_part {
	struct device dev; /* its name is the partition's */
	struct list_head link;
	u64 serial; /* no other partition has or had it */
	phys_addr_t slice;
	enum parker_state state;
	u32 exit; /* how the last run ended: a PARKER_EXIT_* of the control page, or PARKER_ENDED_* */
	u64 changes; /* of these two, from 1 */
	wait_queue_head_t changed;
	bool busy; /* belongs to a command that gave up parker_lock; it is not running */
	bool dead; /* not in the list any more; under parker_view */
	struct mutex stopping;
	struct delayed_work watch; /* this and the rest of the watch's: under stopping */
	unsigned long pause; /* until it looks again */
	bool beating; /* the first heartbeat was seen */
	bool ending; /* the watch saw an exit code: stop it next time */
	cpumask_t cpus;
	unsigned int nr_ranges;
	struct parker_range ranges[PARKER_RANGES_MAX];
	unsigned int nr_fns;
	struct list_head fns;
	struct list_head domains; /* of the IOMMU; each maps slice and ranges */
};

extern struct mutex parker_lock;
extern struct rw_semaphore parker_view;
extern struct list_head parker_parts;

/* A command: with parker_lock held and, if its op says so, the partition found. */
typedef int parker_command(struct parker_part *part, void *arg, const u64 *items);

/* main.c */
bool parker_name_valid(const char *name);
void parker_slow_begin(struct parker_part *part);
void parker_slow_end(struct parker_part *part);
long parker_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/* host.c */
u64 parker_host(void);
int parker_host_check(void);

/* low.c */
int parker_low_init(void);
phys_addr_t parker_low_trampoline(const struct parker_part *part, const struct parker_start *a);
phys_addr_t parker_low_park(void);
bool parker_low_parked(u32 apic_id);
void parker_low_clear_parked(u32 apic_id);
void parker_slices_count(u32 *all, u32 *free);
phys_addr_t parker_slice_find(void);

/* partition.c */
struct parker_part *parker_find(const char *name);
struct parker_part *parker_get(const char *name);
void parker_event(struct parker_part *part, char *extra);
void parker_set_state(struct parker_part *part, enum parker_state state, u32 exit);
bool parker_holds(const struct parker_part *part, u64 start, u64 bytes);
void *parker_control(const struct parker_part *part);
int parker_stop(struct parker_part *part, unsigned int ms);
void parker_stop_all(bool kexec);
void parker_watch(struct parker_part *part);
parker_command parker_create, parker_destroy, parker_kill;

/* cpu.c */
parker_command parker_cpu_identity, parker_take_cpus, parker_give_cpus;
bool parker_apic_id_valid(u32 id, bool x2apic);
bool parker_cpu_interrupt(const struct parker_part *part, u32 apic_id, u8 vector, bool send);
int parker_cpus_stop(const struct cpumask *cpus, unsigned int ms);
int parker_cpus_stop_all(unsigned int ms);
int parker_cpu_start(unsigned int cpu, phys_addr_t page, const u32 *started);
bool parker_going_down(void);
int parker_cpu_setup(void);
void parker_cpu_exit(void);

/* memory.c */
parker_command parker_take_memory, parker_give_memory;
void parker_memory_hide(unsigned long pfn, unsigned long nr);
void parker_memory_show(unsigned long pfn, unsigned long nr);

/* map.c */
extern const struct file_operations parker_fops;

/* An open file with mappings of partitions' memory. */
struct parker_file {
	struct list_head link;
	struct address_space *mapping; /* lives as long as the open file */
};

void parker_file_add(struct parker_file *f, struct address_space *mapping);
void parker_file_remove(struct parker_file *f);
int parker_map(struct vm_area_struct *vma, u64 serial);
void parker_unmap(u64 start, u64 bytes);
bool parker_part_around(struct parker_part *part, unsigned long pfn, unsigned long *start, unsigned long *end);

/* device.c */
parker_command parker_take_devices, parker_give_devices;
u64 parker_pci_id(struct pci_dev *pdev);
bool parker_same_bus(u64 one, u64 other);
struct parker_fn *parker_fn_find(struct list_head *fns, u64 id);
bool parker_bus_whole(struct pci_bus *bus, struct list_head *held, struct list_head *set);
int parker_devices_whole(struct parker_part *part);
int parker_device_setup(void);
void parker_device_exit(void);

/* reset.c */
void parker_fn_quiet(struct parker_fn *fn);
int parker_fn_reset(struct pci_dev *pdev, bool bus);
int parker_fn_renew(struct parker_fn *fn);
int parker_fn_renew_lost(struct parker_fn *fn);
void parker_devices_quiet(struct parker_part *part);
int parker_devices_renew(struct parker_part *part);
bool parker_devices_reach(const struct parker_part *part);

/* dma.c */
bool parker_fn_confined(const struct parker_fn *fn);
int parker_dma_attach(struct parker_fn *fn, bool confine, u32 *why);
void parker_dma_detach(struct parker_fn *fn);
void parker_dma_drop(struct parker_part *part);
int parker_dma_map(struct parker_part *part, u64 start, u64 bytes);
void parker_dma_unmap(struct parker_part *part, u64 start, u64 bytes);

/* fault.c */
extern const struct pci_error_handlers parker_fn_errors;
int parker_dma_fault(struct iommu_domain *domain, struct device *dev, unsigned long iova, int flags, void *none);

/* open.c */
struct parker_open_arg {
	struct parker_open open;
	struct file *file; /* not the caller's to see */
};

parker_command parker_open_partition;
void parker_open_done(struct parker_open_arg *a, bool told);

/* start.c */
parker_command parker_start;

/* selftest.c */
#ifdef PARKER_DEBUG
int parker_selftest(void);
#else
static inline int parker_selftest(void)
{
	return 0;
}
#endif

/* sysfs.c */
extern struct class parker_class;
const char *parker_state_name(const struct parker_part *part);
const char *parker_exit_name(const struct parker_part *part);

#endif /* PARKER_INTERNAL_H */
