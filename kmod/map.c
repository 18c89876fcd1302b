// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file operations of /dev/parker: access to partitions' memory. The offset
 * of a mapping is the physical address. Nothing is mapped before it is touched,
 * and only while a partition holds it: the one that held the mapping's first page
 * when it was made.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "parker.h"
#include "compat.h"

/*
 * Every open file, because each inode of the device node has its own list of
 * mappings. Taken inside parker_lock, and outside of the memory manager's locks:
 * open and release run without mmap_lock.
 */
static DEFINE_MUTEX(files_lock);
static LIST_HEAD(files);

void parker_file_add(struct parker_file *f, struct address_space *mapping)
{
	f->mapping = mapping;
	guard(mutex)(&files_lock);
	list_add(&f->link, &files);
}

/* A mapping holds its file: none is left here. */
void parker_file_remove(struct parker_file *f)
{
	guard(mutex)(&files_lock);
	list_del(&f->link);
}

static int parker_open(struct inode *inode, struct file *file)
{
	struct parker_file *f;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	f = kmalloc(sizeof(*f), GFP_KERNEL);
	if (!f)
		return -ENOMEM;
	file->private_data = f;
	parker_file_add(f, file->f_mapping);
	return 0;
}

static int parker_release(struct inode *inode, struct file *file)
{
	parker_file_remove(file->private_data);
	kfree(file->private_data);
	return 0;
}

/*
 * Cut all mappings of a range that no partition holds any more. The fault
 * handler inserts under parker_view, where it also checks: so what it inserted
 * before the range was removed is there to be found, and nothing is added after.
 */
void parker_unmap(u64 start, u64 bytes)
{
	struct parker_file *f;

	lockdep_assert_held(&parker_lock);
	mutex_lock(&files_lock);
	list_for_each_entry(f, &files, link)
		unmap_mapping_range(f->mapping, start, bytes, 1);
	mutex_unlock(&files_lock);
}

/* The range or slice around a frame, as frames [*start, *end). */
bool parker_part_around(struct parker_part *part, unsigned long pfn, unsigned long *start, unsigned long *end)
{
	unsigned int i;

	*start = PHYS_PFN(part->slice);
	*end = *start + (PARKER_SLICE_BYTES >> PAGE_SHIFT);
	if (pfn >= *start && pfn < *end)
		return true;
	for (i = 0; i < part->nr_ranges; i++) {
		*start = PHYS_PFN(part->ranges[i].start);
		*end = *start + (part->ranges[i].bytes >> PAGE_SHIFT);
		if (pfn >= *start && pfn < *end)
			return true;
	}
	return false;
}

/* The partition that holds a frame now, and what of it is around. */
static struct parker_part *parker_holder(unsigned long pfn, unsigned long *start, unsigned long *end)
{
	struct parker_part *part;

	lockdep_assert_held(&parker_view);
	list_for_each_entry(part, &parker_parts, link)
		if (parker_part_around(part, pfn, start, end))
			return part;
	return NULL;
}

/* Maps what it may of the aligned 2 MiB around the fault. */
static vm_fault_t parker_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long start, end, pfn;
	struct parker_part *part;
	vm_fault_t ret;

	guard(rwsem_read)(&parker_view);
	part = parker_holder(vmf->pgoff, &start, &end);
	if (!part || part->serial != (unsigned long)vma->vm_private_data)
		return VM_FAULT_SIGBUS;
	start = max3(start, vma->vm_pgoff, round_down(vmf->pgoff, PTRS_PER_PTE));
	end = min3(end, vma->vm_pgoff + vma_pages(vma), round_down(vmf->pgoff, PTRS_PER_PTE) + PTRS_PER_PTE);

	ret = vmf_insert_pfn(vma, vmf->address, vmf->pgoff);
	for (pfn = start; pfn < end && ret == VM_FAULT_NOPAGE; pfn++)
		ret = vmf_insert_pfn(vma, vma->vm_start + PFN_PHYS(pfn - vma->vm_pgoff), pfn);
	return ret;
}

static const struct vm_operations_struct vm_ops = { .fault = parker_fault };

/* The mapping shows memory of the partition with that serial, and of no other. */
int parker_map(struct vm_area_struct *vma, u64 serial)
{
	if (is_cow_mapping(vma->vm_flags))
		return -EINVAL;
	vma->vm_private_data = (void *)(unsigned long)serial;
	parker_vm_flags_set(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY);
	vma->vm_ops = &vm_ops;
	return 0;
}

static int parker_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long start, end;
	struct parker_part *part;
	u64 serial = 0;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	scoped_guard(rwsem_read, &parker_view) {
		part = parker_holder(vma->vm_pgoff, &start, &end);
		if (part)
			serial = part->serial;
	}
	return parker_map(vma, serial);
}

const struct file_operations parker_fops = {
	.owner = THIS_MODULE,
	.open = parker_open,
	.release = parker_release,
	.mmap = parker_mmap,
	.unlocked_ioctl = parker_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};
