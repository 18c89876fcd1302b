// SPDX-License-Identifier: GPL-2.0-only
/*
 * parker: hands CPUs, memory and PCI functions of this kernel to application
 * kernels beside it. Mechanism only: what goes where, and every format that an
 * application kernel reads, is parkerd's business in user space.
 *
 * This file: module, /dev/parker, dispatch of the commands.
 */
#include <linux/build_bug.h>
#include <linux/capability.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/string.h>
#include <linux/suspend.h>
#include <linux/uaccess.h>
#include <asm/tsc.h>

#include "parker.h"

DEFINE_MUTEX(parker_lock);
DECLARE_RWSEM(parker_view);
LIST_HEAD(parker_parts);

/* Under parker_lock: the machine goes to sleep, no partition may come to be. */
static bool suspending;

union parker_arg {
	struct parker_head head;
	struct parker_info info;
	struct parker_cpu cpu;
	struct parker_partition partition;
	struct parker_set set;
	struct parker_memory memory;
	struct parker_start start;
	struct parker_kill kill;
	struct parker_open_arg open;
};

enum {
	NAMED = BIT(0), /* has a name, which must be well formed; otherwise zeros */
	FOUND = BIT(1), /* of an existing partition */
	STOPPED = BIT(2), /* that does not run */
	ITEMS = BIT(3), /* is a struct parker_set */
	ALONE = BIT(4), /* needs nothing that another command has, so it does not wait for any */
};

struct parker_op {
	unsigned int cmd;
	u32 min_size; /* as first published: what every caller has */
	u32 size; /* as it is now */
	u32 flags; /* those that the caller may set */
	u32 needs;
	parker_command *run;
};

static int parker_inform(struct parker_part *part, void *arg, const u64 *items)
{
	struct parker_info *info = arg;

	info->abi = PARKER_ABI_VERSION;
	scoped_guard(rwsem_read, &parker_view)
		parker_slices_count(&info->slices, &info->slices_free);
	info->slice_bytes = PARKER_SLICE_BYTES;
	info->tsc_khz = tsc_khz;
	info->host = parker_host();
	return 0;
}

/* @last: the last member of the struct as it was first published. A member that is added behind it leaves it alone. */
#define OP(name, type, last, flags_, needs_, run_)                        \
	[_IOC_NR(PARKER_IOC_##name)] = {                                  \
		.cmd = PARKER_IOC_##name,                                 \
		.min_size = offsetofend(struct type, last),               \
		.size = sizeof(struct type),                              \
		.flags = (flags_), .needs = (needs_), .run = (run_) }
#define PART (NAMED | FOUND)
#define IDLE (PART | STOPPED)

static const struct parker_op ops[] = {
	OP(INFO, parker_info, host, 0, ALONE, parker_inform),
	OP(CPU, parker_cpu, apic_id, 0, ALONE, parker_cpu_identity),
	OP(CREATE, parker_partition, slice, 0, NAMED, parker_create),
	OP(DESTROY, parker_partition, slice, 0, IDLE, parker_destroy),
	OP(TAKE_CPUS, parker_set, __reserved2, 0, IDLE | ITEMS, parker_take_cpus),
	OP(GIVE_CPUS, parker_set, __reserved2, 0, IDLE | ITEMS, parker_give_cpus),
	OP(TAKE_MEMORY, parker_memory, __reserved2, 0, IDLE, parker_take_memory),
	OP(GIVE_MEMORY, parker_memory, __reserved2, 0, IDLE, parker_give_memory),
	OP(TAKE_DEVICES, parker_set, __reserved2, PARKER_CONFINE, IDLE | ITEMS, parker_take_devices),
	OP(GIVE_DEVICES, parker_set, __reserved2, 0, IDLE | ITEMS, parker_give_devices),
	OP(START, parker_start, __reserved2, 0, IDLE, parker_start),
	OP(OPEN, parker_open, __reserved2, 0, PART | ALONE, parker_open_partition),
	OP(KILL, parker_kill, name, 0, PART | ALONE, parker_kill),
};

/* The reserved fields that a command has beside its head's. */
static u32 parker_reserved(const struct parker_op *op, const union parker_arg *arg)
{
	if (op->needs & ITEMS)
		return arg->set.__reserved2;
	switch (op->cmd) {
	case PARKER_IOC_TAKE_MEMORY:
	case PARKER_IOC_GIVE_MEMORY:
		return arg->memory.__reserved2;
	case PARKER_IOC_START:
		return arg->start.__reserved2;
	case PARKER_IOC_OPEN:
		return arg->open.open.__reserved2;
	}
	return 0;
}

bool parker_name_valid(const char *name)
{
	size_t len = strnlen(name, PARKER_NAME_SIZE), i;

	if (len < 1 || len > PARKER_NAME_MAX || memchr_inv(name + len, 0, PARKER_NAME_SIZE - len))
		return false;
	for (i = 0; i < len; i++)
		if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= '0' && name[i] <= '9') && name[i] != '-')
			return false;
	/* sysfs and unit names: no file called "-" or an option look-alike. */
	return name[0] != '-';
}

/*
 * Around the long part of a command: others can be carried out meanwhile, but none
 * on this partition but KILL, and that not while it is about to start.
 */
void parker_slow_begin(struct parker_part *part)
{
	lockdep_assert_held(&parker_lock);
	WRITE_ONCE(part->busy, true);
	mutex_unlock(&parker_lock);
}

void parker_slow_end(struct parker_part *part)
{
	mutex_lock(&parker_lock);
	WRITE_ONCE(part->busy, false);
}

static int parker_run_alone(const struct parker_op *op, union parker_arg *arg)
{
	struct parker_part *part = NULL;
	int err;

	if (op->needs & FOUND) {
		part = parker_get(arg->head.name);
		if (!part)
			return -ENOENT;
	}
	err = op->run(part, arg, NULL);
	if (part)
		put_device(&part->dev);
	return err;
}

static int parker_run(const struct parker_op *op, union parker_arg *arg, const u64 *items)
{
	struct parker_part *part = NULL;

	lockdep_assert_held(&parker_lock);
	if (op->needs & FOUND) {
		part = parker_find(arg->head.name);
		if (!part)
			return -ENOENT;
		if (part->busy) {
			arg->head.why = PARKER_WHY_BUSY;
			return -EBUSY;
		}
		if ((op->needs & STOPPED) && part->state == PARKER_RUNNING) {
			arg->head.why = PARKER_WHY_RUNNING;
			return -EBUSY;
		}
	}
	if (suspending || parker_going_down())
		return -ESHUTDOWN;
	return op->run(part, arg, items);
}

/* What the caller gave, as the module's own struct, checked as far as all commands are alike. */
static int parker_fetch(const struct parker_op *op, union parker_arg *arg, void __user *uptr)
{
	u32 size;
	int err;

	if (get_user(size, (u32 __user *)uptr))
		return -EFAULT;
	if (size < op->min_size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(arg, op->size, uptr, size);
	if (err)
		return err;
	arg->head.size = size; /* the caller's own, also if changed meanwhile */
	arg->head.why = PARKER_WHY_NONE;
	if (arg->head.flags & ~op->flags)
		return -EOPNOTSUPP;
	if (arg->head.__reserved || parker_reserved(op, arg))
		return -EINVAL;
	if (op->needs & NAMED ? !parker_name_valid(arg->head.name) : !!memchr_inv(arg->head.name, 0, PARKER_NAME_SIZE))
		return -EINVAL;
	return 0;
}

long parker_ioctl(struct file *file, unsigned int cmd, unsigned long uarg)
{
	void __user *uptr = (void __user *)uarg;
	union parker_arg arg = {};
	const struct parker_op *op;
	u64 *items = NULL;
	bool told;
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (_IOC_NR(cmd) >= ARRAY_SIZE(ops) || ops[_IOC_NR(cmd)].cmd != cmd)
		return -ENOTTY;
	op = &ops[_IOC_NR(cmd)];
	err = parker_fetch(op, &arg, uptr);
	if (err)
		return err;

	if (op->needs & ITEMS) {
		if (!arg.set.nr || arg.set.nr > PARKER_SET_MAX)
			return -EINVAL;
		arg.set.failed = PARKER_NO_ITEM;
		/* Here, because user memory may take its time: not under a lock. */
		items = vmemdup_user(u64_to_user_ptr(arg.set.items), arg.set.nr * sizeof(*items));
		if (IS_ERR(items))
			return PTR_ERR(items);
	}

	if (op->needs & ALONE) {
		err = parker_run_alone(op, &arg);
	} else {
		err = mutex_lock_killable(&parker_lock);
		if (!err) {
			err = parker_run(op, &arg, items);
			mutex_unlock(&parker_lock);
		}
	}
	kvfree(items);
	told = !copy_to_user(uptr, &arg, min(arg.head.size, op->size));
	if (op->cmd == PARKER_IOC_OPEN && !err)
		parker_open_done(&arg.open, told);
	return told ? err : -EFAULT;
}

static struct miscdevice parker_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "parker",
	.mode = 0600,
	.fops = &parker_fops,
};

static int parker_reboot(struct notifier_block *nb, unsigned long event, void *command)
{
	/* As kernel_kexec() calls it, which is a restart otherwise. */
	parker_stop_all(event == SYS_RESTART && command && !strcmp(command, "kexec reboot"));
	return NOTIFY_DONE;
}

static struct notifier_block reboot_nb = { .notifier_call = parker_reboot, .priority = INT_MAX };

/* A sleeping machine loses what a partition holds: none may be there, and none may come. */
static int parker_suspend(struct notifier_block *nb, unsigned long event, void *data)
{
	guard(mutex)(&parker_lock);
	switch (event) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
		if (!list_empty(&parker_parts))
			return notifier_from_errno(-EBUSY);
		suspending = true;
		break;
	case PM_POST_SUSPEND:
	case PM_POST_HIBERNATION:
		suspending = false;
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block suspend_nb = { .notifier_call = parker_suspend };

static int __init parker_init(void)
{
	int err;

	/* dispatch looks at the head of whatever it is */
#define SAME_HEAD(type)                                                                     \
	static_assert(offsetof(struct type, size) == offsetof(struct parker_head, size) &&  \
		      offsetof(struct type, flags) == offsetof(struct parker_head, flags) && \
		      offsetof(struct type, why) == offsetof(struct parker_head, why) &&    \
		      offsetof(struct type, __reserved) == offsetof(struct parker_head, __reserved) && \
		      offsetof(struct type, name) == offsetof(struct parker_head, name))
	SAME_HEAD(parker_info);
	SAME_HEAD(parker_cpu);
	SAME_HEAD(parker_partition);
	SAME_HEAD(parker_set);
	SAME_HEAD(parker_memory);
	SAME_HEAD(parker_start);
	SAME_HEAD(parker_kill);
	SAME_HEAD(parker_open);

	err = parker_host_check() ?: parker_selftest();
	if (err)
		return err;
	err = parker_low_init();
	if (err)
		return err;
	err = class_register(&parker_class);
	if (err)
		return err;
	err = parker_cpu_setup();
	if (err)
		goto class;
	err = parker_device_setup();
	if (err)
		goto cpu;
	err = register_reboot_notifier(&reboot_nb);
	if (err)
		goto device;
	err = register_pm_notifier(&suspend_nb);
	if (err)
		goto reboot;
	err = misc_register(&parker_misc);
	if (err)
		goto suspend;
	return 0;

suspend:
	unregister_pm_notifier(&suspend_nb);
reboot:
	unregister_reboot_notifier(&reboot_nb);
device:
	parker_device_exit();
cpu:
	parker_cpu_exit();
class:
	class_unregister(&parker_class);
	return err;
}

/* Each partition holds a module reference, so there is none here. */
static void __exit parker_exit(void)
{
	misc_deregister(&parker_misc);
	unregister_pm_notifier(&suspend_nb);
	unregister_reboot_notifier(&reboot_nb);
	parker_device_exit();
	parker_cpu_exit();
	class_unregister(&parker_class);
}

module_init(parker_init);
module_exit(parker_exit);

MODULE_DESCRIPTION("Hands CPUs, memory and PCI functions to kernels beside this one");
MODULE_LICENSE("GPL");
