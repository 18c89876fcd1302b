/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The ABI of /dev/parker: take CPUs, memory and PCI functions from the boot
 * kernel, start an application kernel on them, stop it, give everything back.
 *
 * General rules
 *  - Every command is an ioctl on /dev/parker by a caller with CAP_SYS_ADMIN in
 *    the initial user namespace; anybody else gets -EPERM, also through an
 *    inherited file descriptor.
 *  - Every struct starts with its own size as the caller knows it. A larger
 *    struct whose unknown tail is zero is accepted, a non-zero tail is -E2BIG,
 *    one smaller than the first published size is -EINVAL.
 *  - Flags and reserved fields must be zero unless named here: -EOPNOTSUPP for
 *    an unknown flag, -EINVAL for a reserved field.
 *  - An unknown command is -ENOTTY. Only standard errnos are used; what was at
 *    fault stands in the out fields `failed` and `why`, which are written back
 *    on failure too.
 *  - A command either does all that it names or nothing.
 *
 * A partition is a named kernel object that lives until PARKER_IOC_DESTROY,
 * whoever closes which file. What it holds and how it fares is read from
 * /sys/class/parker/NAME/ (kmod/sysfs.c documents each attribute); every change
 * of its state is a KOBJ_CHANGE uevent with PARKER_STATE= and PARKER_EXIT=.
 *
 * mmap() of /dev/parker maps memory of a partition: the offset is the physical
 * address. Only pages that a partition holds at that moment (its ranges and its
 * low slice) can be touched; others raise SIGBUS, also later, once given back.
 */
#ifndef PARKER_UAPI_H
#define PARKER_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define PARKER_ABI_VERSION 1

/* Name: [a-z0-9] and '-' (not first), 1 to 32 characters, then NUL to the field's end. */
#define PARKER_NAME_MAX  32
#define PARKER_NAME_SIZE 40

#define PARKER_SET_MAX    8192 /* CPUs or functions in one command */
#define PARKER_RANGES_MAX 64   /* memory ranges of one partition */
#define PARKER_FUNCTIONS_MAX 128 /* PCI functions of one partition */

/*
 * The low slice: nine pages below 1 MiB, one slice for each partition.
 * Page 0 is the control page (parker_control.h), page 1 stands in for an
 * IOAPIC's registers, and the application kernel gets the rest as RAM.
 */
#define PARKER_SLICE_BYTES     0x9000
#define PARKER_SLICE_CONTROL   0x0000
#define PARKER_SLICE_IOAPIC    0x1000
#define PARKER_SLICE_RAM       0x2000
#define PARKER_SLICE_RAM_BYTES (PARKER_SLICE_BYTES - PARKER_SLICE_RAM)

/* Why a command failed, in `why`: more than an errno can say. */
#define PARKER_WHY_NONE          0
#define PARKER_WHY_NO_SUCH       1  /* no such CPU, node, function, range */
#define PARKER_WHY_BSP           2  /* the processor that an INIT would reset the machine from */
#define PARKER_WHY_LAST          3  /* the boot kernel would be left without a CPU */
#define PARKER_WHY_OFFLINE       4  /* not online in the boot kernel: nothing to take */
#define PARKER_WHY_HELD          5  /* another partition holds it */
#define PARKER_WHY_NOT_HELD      6  /* this partition does not hold it */
#define PARKER_WHY_REFUSED       7  /* the boot kernel would not let go, or not take back */
#define PARKER_WHY_ROOT_BUS      8  /* on a root bus, where bridges and the chipset sit */
#define PARKER_WHY_BRIDGE        9  /* bridges stay with the boot kernel */
#define PARKER_WHY_SHARED_BUS   10  /* another function of the bus stays behind */
#define PARKER_WHY_NOT_BOUND    11  /* driver_override is not "parker", or another driver has it */
#define PARKER_WHY_RESET        12  /* the function could not be reset */
#define PARKER_WHY_IOMMU        13  /* no IOMMU, or it would not confine the function */
#define PARKER_WHY_NO_SLICE     14  /* no low slice is left */
#define PARKER_WHY_RUNNING      15  /* not while the partition runs */
#define PARKER_WHY_LOCKDOWN     16  /* the boot kernel is locked down */
#define PARKER_WHY_OUTSIDE      17  /* an address is not in the partition's memory */
#define PARKER_WHY_NO_ANSWER    18  /* the CPU did not reach the trampoline's end */
#define PARKER_WHY_BUSY         19  /* memory of this partition is being taken or given */

/**
 * PARKER_IOC_INFO - what the module can do and what the daemon cannot see itself
 * @abi: PARKER_ABI_VERSION
 * @slices: low slices on this machine, @slices_free of them in nobody's hands
 * @tsc_khz: the boot kernel's calibrated TSC rate, in kHz
 */
struct parker_info {
	__u32 size;
	__u32 flags;
	__u32 abi;
	__u32 slices;
	__u32 slices_free;
	__u32 tsc_khz;
};

/**
 * PARKER_IOC_CPU - identity of one possible CPU, held or not
 * @cpu: in: the boot kernel's number
 * @apic_id: out: its local APIC ID
 *
 * -ENXIO: no such CPU.
 */
struct parker_cpu {
	__u32 size;
	__u32 flags;
	__u32 cpu;
	__u32 apic_id;
};

/**
 * PARKER_IOC_CREATE - a new, idle partition with a zeroed low slice
 * PARKER_IOC_DESTROY - end it; it must be idle and hold no CPU, memory, function
 * @slice: out (CREATE): physical address of the low slice
 *
 * -EEXIST: the name is taken; -ENOSPC: no slice left; -EINVAL: bad name;
 * DESTROY: -ENOENT: no such name; -EBUSY: runs, or still holds something.
 */
struct parker_partition {
	__u32 size;
	__u32 flags;
	char name[PARKER_NAME_SIZE];
	__u64 slice;
	__u32 why;
	__u32 __reserved;
};

/**
 * PARKER_IOC_TAKE_CPUS / PARKER_IOC_GIVE_CPUS - offline and hold; bring back
 * PARKER_IOC_TAKE_DEVICES / PARKER_IOC_GIVE_DEVICES - the same for PCI functions
 * @items: address of an array of __u32: CPU numbers, or PARKER_PCI() functions
 * @nr: its length, 1 to PARKER_SET_MAX
 * @failed: out: the item at fault, or ~0
 *
 * TAKE of devices: each function must carry driver_override "parker" and no
 * driver; with PARKER_CONFINE it is attached to an IOMMU domain that maps only
 * the partition's memory. Without it, so is one behind an IOMMU that translates:
 * it could not reach any memory otherwise. All functions of a bus are taken
 * together. GIVE resets each function and leaves it without a driver.
 *
 * -ENXIO: no such item, or nothing to take (OFFLINE), or not held; -EINVAL: an
 * item named twice; -EPERM with why BSP/LAST/ROOT_BUS/BRIDGE/SHARED_BUS: may never
 * be taken; -EBUSY: held, in use, or the boot kernel needs it; -EBUSY with why
 * RUNNING: the partition runs; -ENOSPC: PARKER_FUNCTIONS_MAX reached; -EIO: no
 * reset; -ENODEV and others with why IOMMU: it would not confine the function.
 *
 * GIVE is the one command that may do a part: it goes on after an item that
 * would not go back, keeps that one, reports it, and can be repeated.
 */
struct parker_set {
	__u32 size;
	__u32 flags;
	char name[PARKER_NAME_SIZE];
	__u64 items;
	__u32 nr;
	__u32 failed;
	__u32 why;
	__u32 __reserved;
};
#define PARKER_CONFINE (1u << 0)

#define PARKER_PCI(domain, bus, devfn) \
	(((__u32)(domain) << 16) | ((__u32)(bus) << 8) | (__u32)(devfn))

/**
 * PARKER_IOC_TAKE_MEMORY - one contiguous, zeroed range of @bytes from @node
 * PARKER_IOC_GIVE_MEMORY - zero the range that starts at @start and give it back
 * @start: out (TAKE), in (GIVE): physical address
 * @bytes: in (TAKE), out (GIVE): multiple of @align
 * @align: power of two, at least 2 MiB
 * @below: take nothing at or above this physical address; 0: no limit
 *
 * The highest free range of the node is taken. -ENOMEM: the node has no such
 * range now (a smaller one may do); -ENXIO: no such node, or range; -ENOSPC:
 * PARKER_RANGES_MAX reached; -EBUSY with why RUNNING: not while it runs.
 */
struct parker_memory {
	__u32 size;
	__u32 flags;
	char name[PARKER_NAME_SIZE];
	__u64 start;
	__u64 bytes;
	__u64 align;
	__u64 below;
	__u32 node;
	__u32 why;
};

/**
 * PARKER_IOC_START - start the application kernel on the partition's CPU @cpu
 * @entry: physical address of the 64-bit entry (Documentation/arch/x86/boot.rst)
 * @boot_params: physical address handed over in rsi
 * @page_table: physical address of a PML4 that maps the slice, @entry and
 *	@boot_params one to one
 * @cpu: boot kernel's number of the CPU to start on
 *
 * Functions are as after TAKE: those that an earlier kernel had are reset first.
 * Returns when the CPU has left the trampoline. The other CPUs of the partition
 * wait for the application kernel's own INIT and SIPI. -EBUSY: runs already;
 * -EPERM: locked down, or a function on one of its buses is not its own or was
 * unplugged; -EFAULT: an address is outside; -ENXIO: @cpu is not its own;
 * -EIO with why RESET: a function could not be reset; -ETIMEDOUT: no answer (the
 * CPU was stopped again).
 */
struct parker_start {
	__u32 size;
	__u32 flags;
	char name[PARKER_NAME_SIZE];
	__u64 entry;
	__u64 boot_params;
	__u64 page_table;
	__u32 cpu;
	__u32 why;
};

/**
 * PARKER_IOC_KILL - stop all CPUs of the partition at once, by INIT
 *
 * The exit reason is "killed" then. A partition that does not run goes back to
 * idle, and its exit reason is cleared. Everything stays held. -ENOENT: no such name;
 * -ETIMEDOUT: a CPU did not stop, so the partition still counts as running.
 */
struct parker_kill {
	__u32 size;
	__u32 flags;
	char name[PARKER_NAME_SIZE];
};

#define PARKER_IOC_TYPE         0xBA
#define PARKER_IOC_INFO         _IO(PARKER_IOC_TYPE, 0x00)
#define PARKER_IOC_CPU          _IO(PARKER_IOC_TYPE, 0x01)
#define PARKER_IOC_CREATE       _IO(PARKER_IOC_TYPE, 0x02)
#define PARKER_IOC_DESTROY      _IO(PARKER_IOC_TYPE, 0x03)
#define PARKER_IOC_TAKE_CPUS    _IO(PARKER_IOC_TYPE, 0x04)
#define PARKER_IOC_GIVE_CPUS    _IO(PARKER_IOC_TYPE, 0x05)
#define PARKER_IOC_TAKE_MEMORY  _IO(PARKER_IOC_TYPE, 0x06)
#define PARKER_IOC_GIVE_MEMORY  _IO(PARKER_IOC_TYPE, 0x07)
#define PARKER_IOC_TAKE_DEVICES _IO(PARKER_IOC_TYPE, 0x08)
#define PARKER_IOC_GIVE_DEVICES _IO(PARKER_IOC_TYPE, 0x09)
#define PARKER_IOC_START        _IO(PARKER_IOC_TYPE, 0x0a)
#define PARKER_IOC_KILL         _IO(PARKER_IOC_TYPE, 0x0b)

#endif /* PARKER_UAPI_H */
