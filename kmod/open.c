// SPDX-License-Identifier: GPL-2.0-only
/*
 * PARKER_IOC_OPEN: a file for one partition, for a process that has no business
 * with others, and no capability. It keeps nothing alive but the memory of its name:
 * once the partition is destroyed, nothing can be mapped or read by it any more.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/poll.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "parker.h"

#define PARKER_FS_MAGIC 0x7061726b /* "park" */

struct parker_opened {
	struct parker_file file;
	struct parker_part *part; /* a reference */
	u64 seen; /* of its changes, by the last read */
};

/*
 * Each file has an inode of its own: so its mappings are found without those of
 * others, and cut without cutting those.
 */
static int parker_fs_init(struct fs_context *context)
{
	return init_pseudo(context, PARKER_FS_MAGIC) ? 0 : -ENOMEM;
}

static struct file_system_type parker_fs = {
	.name = "parker",
	.owner = THIS_MODULE,
	.init_fs_context = parker_fs_init,
	.kill_sb = kill_anon_super,
};
static struct vfsmount *parker_mount;
static int parker_mounts;

static int parker_opened_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct parker_opened *opened = file->private_data;

	scoped_guard(rwsem_read, &parker_view)
		if (opened->part->dead)
			return -ENODEV;
	return parker_map(vma, opened->part->serial);
}

static bool parker_opened_news(struct parker_opened *opened, struct parker_change *change)
{
	struct parker_part *part = opened->part;

	guard(rwsem_read)(&parker_view);
	if (!part->dead && READ_ONCE(opened->seen) == part->changes)
		return false;
	change->state = part->state;
	change->exit = part->exit;
	change->changes = part->dead ? 0 : part->changes;
	return true;
}

static bool parker_opened_stale(const struct parker_opened *opened)
{
	return READ_ONCE(opened->part->dead) || READ_ONCE(opened->part->changes) != READ_ONCE(opened->seen);
}

static __poll_t parker_opened_poll(struct file *file, poll_table *wait)
{
	struct parker_opened *opened = file->private_data;
	struct parker_change change;

	poll_wait(file, &opened->part->changed, wait);
	if (!parker_opened_news(opened, &change))
		return 0;
	return EPOLLIN | EPOLLRDNORM | (change.changes ? 0 : EPOLLHUP);
}

static ssize_t parker_opened_read(struct file *file, char __user *to, size_t bytes, loff_t *at)
{
	struct parker_opened *opened = file->private_data;
	struct parker_change change = {};
	int err;

	if (bytes < sizeof(change))
		return -EINVAL;
	if (file->f_flags & O_NONBLOCK) {
		if (!parker_opened_news(opened, &change))
			return -EAGAIN;
	} else {
		do { /* parker_opened_news() may sleep, which a condition to wait for must not */
			err = wait_event_interruptible(opened->part->changed, parker_opened_stale(opened));
			if (err)
				return err;
		} while (!parker_opened_news(opened, &change));
	}
	if (!change.changes)
		return 0; /* destroyed */
	if (copy_to_user(to, &change, sizeof(change)))
		return -EFAULT;
	WRITE_ONCE(opened->seen, change.changes);
	return sizeof(change);
}

/*
 * What a message may be: anything else could be an INIT, a start-up, an NMI, an SMI, or
 * go to CPUs that are named by what another kernel writes into them (logical mode).
 */
static bool parker_message_ordinary(const struct parker_message *m)
{
	u32 mode = m->data >> 8 & 7;

	return (m->address & ~0xff008ull) == 0xfee00000 && (m->data & 0xff) >= 0x20 && mode <= 1 &&
	       !(m->data & ~(0x7ffu | 1u << 14)) && !m->__reserved;
}

static u32 parker_message_id(const struct parker_message *m)
{
	return m->address >> 12 & 0xff;
}

static int parker_opened_send(struct parker_part *part, struct parker_signal *a, const struct parker_message *messages)
{
	const struct parker_message *m;
	u32 i;

	guard(rwsem_read)(&parker_view);
	if (part->dead)
		return -ENODEV;
	if (part->state != PARKER_RUNNING) {
		a->why = PARKER_WHY_RUNNING;
		return -EBUSY;
	}
	for (i = 0; i < a->nr; i++) {
		m = messages + i;
		a->failed = i;
		if (!parker_message_ordinary(m))
			return -EINVAL;
		if (!parker_cpu_interrupt(part, parker_message_id(m), m->data & 0xff, false)) {
			a->why = PARKER_WHY_NOT_HELD;
			return -ENXIO;
		}
	}
	a->failed = PARKER_NO_ITEM;
	for (i = 0; i < a->nr; i++)
		parker_cpu_interrupt(part, parker_message_id(messages + i), messages[i].data & 0xff, true);
	return 0;
}

static long parker_opened_signal(struct parker_opened *opened, struct parker_signal __user *to)
{
	struct parker_message messages[PARKER_SIGNAL_MAX];
	struct parker_signal a = {};
	u32 size;
	int err;

	if (get_user(size, &to->size))
		return -EFAULT;
	if (size < sizeof(a))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(&a, sizeof(a), to, size);
	if (err)
		return err;
	a.why = PARKER_WHY_NONE;
	a.failed = PARKER_NO_ITEM;
	if (a.flags)
		return -EOPNOTSUPP;
	if (a.__reserved || a.__reserved2 || memchr_inv(a.name, 0, sizeof(a.name)) || !a.nr || a.nr > PARKER_SIGNAL_MAX)
		return -EINVAL;
	if (copy_from_user(messages, u64_to_user_ptr(a.items), a.nr * sizeof(*messages)))
		return -EFAULT;
	err = parker_opened_send(opened->part, &a, messages);
	return copy_to_user(to, &a, sizeof(a)) ? -EFAULT : err;
}

static long parker_opened_ioctl(struct file *file, unsigned int cmd, unsigned long uarg)
{
	if (cmd != PARKER_IOC_SIGNAL)
		return -ENOTTY;
	return parker_opened_signal(file->private_data, (void __user *)uarg);
}

static int parker_opened_release(struct inode *inode, struct file *file)
{
	struct parker_opened *opened = file->private_data;

	parker_file_remove(&opened->file);
	put_device(&opened->part->dev);
	kfree(opened);
	simple_release_fs(&parker_mount, &parker_mounts);
	return 0;
}

static const struct file_operations parker_opened_fops = {
	.owner = THIS_MODULE,
	.mmap = parker_opened_mmap,
	.poll = parker_opened_poll,
	.read = parker_opened_read,
	.unlocked_ioctl = parker_opened_ioctl,
	.release = parker_opened_release,
	.llseek = noop_llseek,
};

static struct file *parker_opened_file(void)
{
	struct inode *inode;
	struct file *file;
	int err;

	err = simple_pin_fs(&parker_fs, &parker_mount, &parker_mounts);
	if (err)
		return ERR_PTR(err);
	inode = alloc_anon_inode(parker_mount->mnt_sb);
	if (IS_ERR(inode)) {
		file = ERR_CAST(inode);
		goto unpin;
	}
	__module_get(THIS_MODULE); /* which the end of the file gives back */
	file = alloc_file_pseudo(inode, parker_mount, "parker", O_RDWR, &parker_opened_fops);
	if (!IS_ERR(file))
		return file;
	module_put(THIS_MODULE);
	iput(inode);
unpin:
	simple_release_fs(&parker_mount, &parker_mounts);
	return file;
}

/* Needs nothing that other commands have. The caller's number for the file is settled by parker_open_done(). */
int parker_open_partition(struct parker_part *part, void *arg, const u64 *items)
{
	struct parker_open_arg *a = arg;
	struct parker_opened *opened;
	struct file *file;

	opened = kzalloc(sizeof(*opened), GFP_KERNEL);
	if (!opened)
		return -ENOMEM;
	a->open.fd = get_unused_fd_flags(O_CLOEXEC);
	if (a->open.fd < 0) {
		kfree(opened);
		return a->open.fd;
	}
	file = parker_opened_file();
	if (IS_ERR(file)) {
		put_unused_fd(a->open.fd);
		kfree(opened);
		return PTR_ERR(file);
	}
	opened->part = part;
	get_device(&part->dev);
	file->private_data = opened;
	parker_file_add(&opened->file, file->f_mapping);
	a->file = file;
	return 0;
}

void parker_open_done(struct parker_open_arg *a, bool told)
{
	if (told) {
		fd_install(a->open.fd, a->file);
	} else {
		put_unused_fd(a->open.fd);
		fput(a->file);
	}
}
