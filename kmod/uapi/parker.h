/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The ABI of /dev/parker: take CPUs, memory and PCI functions from the boot
 * kernel, start an application kernel on them, stop it, give everything back.
 *
 * General rules
 *  - Every command is an ioctl on /dev/parker by a caller with CAP_SYS_ADMIN in
 *    the initial user namespace; anybody else gets -EPERM, also through an
 *    inherited file descriptor. What PARKER_IOC_OPEN returns needs none.
 *  - Every struct begins with the members of struct parker_head.
 *  - Structs grow at their end. @size is the caller's: less than the command's
 *    first published size is -EINVAL, more than a page is -E2BIG, a tail that
 *    the module does not know must be zero or is -E2BIG. The module writes back
 *    what both sides know and nothing behind it.
 *  - Flags and reserved fields must be zero unless named here: -EOPNOTSUPP for
 *    an unknown flag, -EINVAL for a reserved field. So must @name be where a
 *    command has no partition.
 *  - An unknown command is -ENOTTY. Only standard errnos are used; what was at
 *    fault stands in the out fields @failed and @why, which are written back
 *    on failure too.
 *  - A command either does all that it names or nothing, but for GIVE of a set.
 *
 * Errnos that any command can return, beside those at each: -EPERM (no
 * CAP_SYS_ADMIN), -ENOTTY, -EFAULT (memory of the caller), -EINVAL, -E2BIG,
 * -EOPNOTSUPP, -ENOMEM (also: the boot kernel has no memory for the command's own
 * work), -EINTR (a fatal signal, nothing was done), and -ESHUTDOWN once the
 * machine goes down. A command on a partition: -ENOENT (no such name), -EBUSY
 * with @why BUSY (another command on it is not done yet) or RUNNING (not while
 * it runs).
 *
 * Room is left for more: numbers from 0x10 on, flags, members at the end of each
 * struct. What is planned: START with a guard (its entry for each CPU), TAKE and
 * GIVE of a running partition (a flag).
 *
 * A partition is a named kernel object that lives until PARKER_IOC_DESTROY,
 * whoever closes which file. What it holds and how it fares is read from
 * /sys/class/parker/NAME/ (kmod/sysfs.c documents each attribute; state and
 * exit_reason can be polled); every change of its state is a KOBJ_CHANGE uevent
 * with PARKER_STATE= and PARKER_EXIT=.
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

#define PARKER_SET_MAX       8192 /* CPUs or functions in one command */
#define PARKER_RANGES_MAX    64   /* memory ranges of one partition */
#define PARKER_FUNCTIONS_MAX 128  /* PCI functions of one partition */

/*
 * The low slice: pages below 1 MiB, one slice for each partition. Page 0 is the
 * control page (parker_control.h), page 1 stands in for an IOAPIC's registers,
 * and the application kernel gets the rest as RAM. PARKER_IOC_INFO says how large
 * a slice is: at least PARKER_SLICE_BYTES.
 */
#define PARKER_SLICE_BYTES     0x9000
#define PARKER_SLICE_CONTROL   0x0000
#define PARKER_SLICE_IOAPIC    0x1000
#define PARKER_SLICE_RAM       0x2000
#define PARKER_SLICE_RAM_BYTES (PARKER_SLICE_BYTES - PARKER_SLICE_RAM)

/* Why a command failed, in @why: more than an errno can say. */
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
#define PARKER_WHY_LOCKDOWN     16  /* the boot kernel is locked down, or its policy forbids another kernel */
#define PARKER_WHY_OUTSIDE      17  /* an address is not in the partition's memory */
#define PARKER_WHY_NO_ANSWER    18  /* a CPU does not answer */
#define PARKER_WHY_BUSY         19  /* another command on this partition is not done yet */
#define PARKER_WHY_USED         20  /* a function that a kernel used was not reset yet, and could write there */
#define PARKER_WHY_VIRTUAL      21  /* a virtual function (SR-IOV) goes with its physical function */
#define PARKER_WHY_HAS_VIRTUAL  22  /* the function has virtual functions (SR-IOV) */
#define PARKER_WHY_ATS          23  /* the IOMMU would believe addresses that the function translates (ATS) */

/**
 * struct parker_head - what every command's struct begins with
 * @size: in: size of the struct as the caller knows it
 * @flags: in: PARKER_* flags of the command
 * @why: out: PARKER_WHY_*
 * @__reserved: must be 0
 * @name: in: the partition; zeros where the command has none
 */
struct parker_head {
	__u32 size;
	__u32 flags;
	__u32 why;
	__u32 __reserved;
	char name[PARKER_NAME_SIZE];
};

/**
 * struct parker_info - ioctl(PARKER_IOC_INFO)
 * @size: sizeof(struct parker_info)
 * @flags: must be 0
 * @why: out: PARKER_WHY_NONE
 * @__reserved: must be 0
 * @name: zeros
 * @abi: out: PARKER_ABI_VERSION
 * @slices: out: low slices on this machine
 * @slices_free: out: those of them in nobody's hands
 * @slice_bytes: out: size of each
 * @tsc_khz: out: the boot kernel's calibrated TSC rate, in kHz
 * @__reserved2: out: 0
 * @host: out: PARKER_HOST_*: what is so on this machine now
 *
 * What the module can do, and what user space cannot see itself.
 *
 * There is no bit for a machine that encrypts its memory (SME, SEV, TDX): the
 * module does not load there.
 */
struct parker_info {
	__u32 size;
	__u32 flags;
	__u32 why;
	__u32 __reserved;
	char name[PARKER_NAME_SIZE];
	__u32 abi;
	__u32 slices;
	__u32 slices_free;
	__u32 slice_bytes;
	__u32 tsc_khz;
	__u32 __reserved2;
	__aligned_u64 host;
};
#define PARKER_HOST_LOCKED_DOWN   (1u << 0) /* START will be refused */
#define PARKER_HOST_IRQ_REMAPPING (1u << 1) /* an IOMMU remaps interrupts */
#define PARKER_HOST_ISOLATED_MSI  (1u << 2) /* of every PCI function: none can send just any vector */
#define PARKER_HOST_X2APIC        (1u << 3) /* the boot kernel's local APICs are in x2APIC mode */

/**
 * struct parker_cpu - ioctl(PARKER_IOC_CPU)
 * @size: sizeof(struct parker_cpu)
 * @flags: must be 0
 * @why: out: PARKER_WHY_*
 * @__reserved: must be 0
 * @name: zeros
 * @cpu: in: the boot kernel's number
 * @apic_id: out: its local APIC ID
 *
 * Identity of one present CPU, held or not.
 *
 * Return: 0; -ENXIO with why NO_SUCH: no such CPU.
 */
struct parker_cpu {
	__u32 size;
	__u32 flags;
	__u32 why;
	__u32 __reserved;
	char name[PARKER_NAME_SIZE];
	__u32 cpu;
	__u32 apic_id;
};

/**
 * struct parker_partition - ioctl(PARKER_IOC_CREATE), ioctl(PARKER_IOC_DESTROY)
 * @size: sizeof(struct parker_partition)
 * @flags: must be 0
 * @why: out: PARKER_WHY_*
 * @__reserved: must be 0
 * @name: in: the partition
 * @slice: out (CREATE): physical address of the low slice
 *
 * CREATE makes a new, idle partition with a zeroed low slice. DESTROY ends it; it
 * must be idle and hold no CPU, memory, function.
 *
 * Return: 0; CREATE: -EEXIST: the name is taken; -ENOSPC with why NO_SLICE: no
 * slice is left; -EINVAL: bad name; DESTROY: -EBUSY: runs, or still holds
 * something.
 */
struct parker_partition {
	__u32 size;
	__u32 flags;
	__u32 why;
	__u32 __reserved;
	char name[PARKER_NAME_SIZE];
	__aligned_u64 slice;
};

/**
 * struct parker_set - ioctl(PARKER_IOC_{TAKE,GIVE}_{CPUS,DEVICES})
 * @size: sizeof(struct parker_set)
 * @flags: PARKER_CONFINE (TAKE_DEVICES), otherwise 0
 * @why: out: PARKER_WHY_*
 * @__reserved: must be 0
 * @name: in: the partition
 * @items: in: address of an array of __u64: CPU numbers, or PARKER_PCI() functions
 * @failed: out: the item at fault, or PARKER_NO_ITEM
 * @nr: in: length of the array, 1 to PARKER_SET_MAX
 * @__reserved2: must be 0
 *
 * TAKE_CPUS takes CPUs offline and holds them; GIVE_CPUS brings them back. One
 * that the boot kernel's own policy keeps offline by now (SMT switched off) is
 * given back offline. TAKE_DEVICES and GIVE_DEVICES do the same for PCI functions.
 *
 * TAKE of devices: each function must carry driver_override "parker" and no
 * driver; with PARKER_CONFINE it is attached to an IOMMU domain that maps only
 * the partition's memory. Without it, so is one behind an IOMMU that translates:
 * it could not reach any memory otherwise. All functions of a bus are taken
 * together. GIVE resets each function and leaves it without a driver.
 *
 * GIVE is the one command that may do a part: it goes on after an item that
 * would not go back, keeps that one, reports it, and can be repeated.
 *
 * Return: 0; -ENXIO: no such item, or nothing to take (OFFLINE), or not held;
 * -EINVAL: an item named twice; -EPERM with why BSP, LAST, ROOT_BUS, BRIDGE,
 * SHARED_BUS, VIRTUAL: may never be taken; -EPERM with why ATS: not with
 * PARKER_CONFINE; -EBUSY: held, in use, or the boot kernel needs it; -ENOSPC: PARKER_FUNCTIONS_MAX reached; -EIO: no reset; -ENODEV and others
 * with why IOMMU: it would not confine the function.
 */
struct parker_set {
	__u32 size;
	__u32 flags;
	__u32 why;
	__u32 __reserved;
	char name[PARKER_NAME_SIZE];
	__aligned_u64 items;
	__aligned_u64 failed;
	__u32 nr;
	__u32 __reserved2;
};
#define PARKER_CONFINE (1u << 0)
#define PARKER_NO_ITEM (~(__u64)0)

/* A function as an item: domains have 32 bits (those that software makes up begin at 0x10000). */
#define PARKER_PCI(domain, bus, devfn) \
	(((__u64)(domain) << 16) | ((__u64)(bus) << 8) | (__u64)(devfn))
#define PARKER_PCI_DOMAIN(item) ((__u32)((item) >> 16))
#define PARKER_PCI_BUS(item)    ((__u8)((item) >> 8))
#define PARKER_PCI_DEVFN(item)  ((__u8)(item))

/**
 * struct parker_memory - ioctl(PARKER_IOC_TAKE_MEMORY), ioctl(PARKER_IOC_GIVE_MEMORY)
 * @size: sizeof(struct parker_memory)
 * @flags: must be 0
 * @why: out: PARKER_WHY_*
 * @__reserved: must be 0
 * @name: in: the partition
 * @start: out (TAKE), in (GIVE): physical address
 * @bytes: in (TAKE), out (GIVE): multiple of @align
 * @align: in (TAKE): power of two, at least 2 MiB
 * @below: in (TAKE): take nothing at or above this physical address; 0: no limit
 * @node: in (TAKE): NUMA node
 * @__reserved2: must be 0
 *
 * TAKE takes one contiguous, zeroed range of @bytes from @node, the highest free
 * one. GIVE zeroes the range that starts at @start and gives it back, once no
 * function that a kernel used can write to it: GIVE_DEVICES resets them.
 *
 * Return: 0; -ENOMEM: the node has no such range now (a smaller one may do);
 * -ENXIO with why NO_SUCH, NOT_HELD: no such node, or range; -EBUSY with why USED:
 * a function that is not confined was not reset since a kernel ran; -ENOSPC:
 * PARKER_RANGES_MAX reached; why IOMMU: it would not map the range; -EINTR: a
 * fatal signal came while it migrated.
 */
struct parker_memory {
	__u32 size;
	__u32 flags;
	__u32 why;
	__u32 __reserved;
	char name[PARKER_NAME_SIZE];
	__aligned_u64 start;
	__aligned_u64 bytes;
	__aligned_u64 align;
	__aligned_u64 below;
	__u32 node;
	__u32 __reserved2;
};

/**
 * struct parker_start - ioctl(PARKER_IOC_START)
 * @size: sizeof(struct parker_start)
 * @flags: must be 0
 * @why: out: PARKER_WHY_*
 * @__reserved: must be 0
 * @name: in: the partition
 * @entry: in: physical address of the 64-bit entry (Documentation/arch/x86/boot.rst)
 * @boot_params: in: physical address handed over in rsi
 * @page_table: in: physical address of a PML4 that maps the slice, @entry and
 *	@boot_params one to one
 * @cpu: in: boot kernel's number of the CPU to start on
 * @__reserved2: must be 0
 *
 * Starts the application kernel. Functions are as after TAKE: those that an
 * earlier kernel had are reset first. Returns when the CPU has left the
 * trampoline. The other CPUs of the partition wait for the application kernel's
 * own INIT and SIPI.
 *
 * The caller needs CAP_SYS_BOOT as well, and whatever the boot kernel's security
 * modules ask of one who loads a kernel.
 *
 * Return: 0; -EBUSY with why RUNNING: runs already; -EPERM with why LOCKDOWN:
 * locked down, no CAP_SYS_BOOT, or a security module said no; -EPERM with why
 * SHARED_BUS: a function on one of its buses is not its own or was unplugged;
 * -EFAULT with why OUTSIDE: an address is outside; -ENXIO with why NOT_HELD: @cpu
 * is not its own; -EIO with why RESET: a function could not be reset; -ETIMEDOUT
 * with why NO_ANSWER: no answer. The CPU was stopped again then; if that failed
 * too, the partition counts as running, and KILL can be repeated.
 */
struct parker_start {
	__u32 size;
	__u32 flags;
	__u32 why;
	__u32 __reserved;
	char name[PARKER_NAME_SIZE];
	__aligned_u64 entry;
	__aligned_u64 boot_params;
	__aligned_u64 page_table;
	__u32 cpu;
	__u32 __reserved2;
};

/**
 * struct parker_kill - ioctl(PARKER_IOC_KILL)
 * @size: sizeof(struct parker_kill)
 * @flags: must be 0
 * @why: out: PARKER_WHY_*
 * @__reserved: must be 0
 * @name: in: the partition
 *
 * Stops all CPUs of the partition at once, by INIT, within two seconds, whatever
 * other commands are at. The exit reason is "killed" then. A partition that does
 * not run goes back to idle, and its exit reason is cleared. Everything stays held.
 *
 * Return: 0; -EBUSY with why BUSY: it does not run, and another command on it is
 * not done yet; -ETIMEDOUT with why NO_ANSWER: a CPU did not stop, so the
 * partition still counts as running.
 */
struct parker_kill {
	__u32 size;
	__u32 flags;
	__u32 why;
	__u32 __reserved;
	char name[PARKER_NAME_SIZE];
};

/**
 * struct parker_open - ioctl(PARKER_IOC_OPEN)
 * @size: sizeof(struct parker_open)
 * @flags: must be 0
 * @why: out: PARKER_WHY_*
 * @__reserved: must be 0
 * @name: in: the partition
 * @fd: out: a file descriptor for this partition alone, closed by exec
 * @__reserved2: must be 0
 *
 * Whoever has the descriptor needs no capability. It keeps nothing: a partition can
 * be destroyed, which makes the descriptor dead, also for a later partition of the
 * same name.
 *
 * mmap() maps memory of this partition. The offset is the physical address, as
 * with /dev/parker: that is what the application kernel's own tables and
 * descriptors name, and ranges may come and go. SIGBUS where it holds none;
 * -ENODEV once it is dead.
 *
 * read() returns one struct parker_change with what is so now, at once if the
 * reader has not seen that yet, otherwise when it changes (-EAGAIN with
 * O_NONBLOCK); 0 once it is dead; -EINVAL for less room than that. poll() says
 * POLLIN where read() would not wait, and POLLHUP once it is dead.
 *
 * Return: 0; -EMFILE, -ENFILE: too many files.
 */
struct parker_open {
	__u32 size;
	__u32 flags;
	__u32 why;
	__u32 __reserved;
	char name[PARKER_NAME_SIZE];
	__s32 fd;
	__u32 __reserved2;
};

/**
 * struct parker_message - a message-signalled interrupt
 * @address: 0xFEEid008 or 0xFEEid000: the local APIC with that ID (physical mode)
 * @data: bits 0 to 7: vector, from 0x20; bits 8 to 10: fixed or lowest priority; bit 14
 *	as it likes, all others 0
 * @__reserved: must be 0
 */
struct parker_message {
	__aligned_u64 address;
	__u32 data;
	__u32 __reserved;
};

/**
 * struct parker_signal - ioctl(PARKER_IOC_SIGNAL) on what PARKER_IOC_OPEN returned
 * @size: sizeof(struct parker_signal)
 * @flags: must be 0
 * @why: out: PARKER_WHY_*
 * @__reserved: must be 0
 * @name: zeros
 * @items: in: address of an array of struct parker_message
 * @failed: out: the first message at fault, by its place, or PARKER_NO_ITEM
 * @nr: in: length of the array, 1 to PARKER_SIGNAL_MAX
 * @__reserved2: must be 0
 *
 * Sends interrupts to CPUs of a running partition. All messages are checked before
 * the first is sent. The partition may have moved an interrupt away from a CPU, or
 * stopped that CPU: then it is lost, as on any machine.
 *
 * Return: 0; -ENODEV: the partition is destroyed; -EBUSY with why RUNNING: it does
 * not run; -EINVAL with @failed: a message is no ordinary interrupt; -ENXIO with why
 * NOT_HELD: the APIC is not one of its CPUs.
 */
struct parker_signal {
	__u32 size;
	__u32 flags;
	__u32 why;
	__u32 __reserved;
	char name[PARKER_NAME_SIZE];
	__aligned_u64 items;
	__aligned_u64 failed;
	__u32 nr;
	__u32 __reserved2;
};
#define PARKER_SIGNAL_MAX 64

/**
 * struct parker_change - what read() of a partition's descriptor returns
 * @state: PARKER_STATE_*
 * @exit: how the last run ended: PARKER_EXIT_* (parker_control.h) or PARKER_ENDED_*
 * @changes: how often either has changed, never 0: a gap tells of changes missed
 */
struct parker_change {
	__u32 state;
	__u32 exit;
	__aligned_u64 changes;
};
#define PARKER_STATE_IDLE    0
#define PARKER_STATE_RUNNING 1
#define PARKER_STATE_EXITED  2

/* Beside the control page's: ends that no application kernel tells of. */
#define PARKER_ENDED_KILLED  4
#define PARKER_ENDED_UNKNOWN 5

#define PARKER_IOC_TYPE         0xE7 /* 00-3F; free in Linux's ioctl-number.rst */
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
#define PARKER_IOC_OPEN         _IO(PARKER_IOC_TYPE, 0x0c)
#define PARKER_IOC_SIGNAL       _IO(PARKER_IOC_TYPE, 0x0d)

#endif /* PARKER_UAPI_H */
