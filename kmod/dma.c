// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the functions of a partition can reach: IOMMU domains that map its slice
 * and ranges, and nothing else. One does for all functions, unless they are behind
 * IOMMUs of different abilities.
 *
 * A group of functions that an IOMMU cannot tell apart is attached as one: by the
 * first function taken of it, until the last one goes. Under parker_view, because
 * an unplugged function goes without parker_lock.
 */
#include <linux/iommu.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "parker.h"
#include "compat.h"

struct parker_domain {
	struct list_head link;
	struct iommu_domain *domain;
};

static struct parker_domain *parker_group_domain(struct parker_part *part, struct iommu_group *group)
{
	struct parker_fn *fn;

	lockdep_assert_held(&parker_view);
	list_for_each_entry(fn, &part->fns, link)
		if (fn->domain && fn->group == group)
			return fn->domain;
	return NULL;
}

/* Bridges do no DMA of their own that anyone here could ask for. */
static int parker_member_foreign(struct device *dev, void *data)
{
	struct parker_part *part = data;

	if (!dev_is_pci(dev))
		return 1;
	if (to_pci_dev(dev)->hdr_type != PCI_HEADER_TYPE_NORMAL)
		return 0;
	return !parker_fn_find(&part->fns, parker_pci_id(to_pci_dev(dev)));
}

/* An IOMMU takes each address from a function with ATS for one that it translated itself. */
bool parker_fn_confined(const struct parker_fn *fn)
{
	return fn->domain && !fn->pdev->ats_enabled;
}

/* Maps all or nothing. */
int parker_dma_map(struct parker_part *part, u64 start, u64 bytes)
{
	struct parker_domain *d;
	int err;

	list_for_each_entry(d, &part->domains, link) {
		err = parker_domain_map(d->domain, start, bytes);
		if (!err)
			continue;
		list_for_each_entry_continue_reverse(d, &part->domains, link)
			iommu_unmap(d->domain, start, bytes);
		return err;
	}
	return 0;
}

void parker_dma_unmap(struct parker_part *part, u64 start, u64 bytes)
{
	struct parker_domain *d;

	list_for_each_entry(d, &part->domains, link)
		iommu_unmap(d->domain, start, bytes);
}

static struct parker_domain *parker_dma_create(struct parker_part *part, struct device *dev)
{
	struct parker_domain *d = kzalloc(sizeof(*d), GFP_KERNEL);
	unsigned int i;
	int err;

	if (!d)
		return ERR_PTR(-ENOMEM);
	d->domain = parker_domain_alloc(dev);
	if (IS_ERR(d->domain)) {
		err = PTR_ERR(d->domain);
		goto free;
	}
	err = parker_domain_map(d->domain, part->slice, PARKER_SLICE_BYTES);
	for (i = 0; i < part->nr_ranges && !err; i++)
		err = parker_domain_map(d->domain, part->ranges[i].start, part->ranges[i].bytes);
	if (err)
		goto domain;
	iommu_set_fault_handler(d->domain, parker_dma_fault, NULL);
	list_add_tail(&d->link, &part->domains);
	return d;

domain:
	iommu_domain_free(d->domain);
free:
	kfree(d);
	return ERR_PTR(err);
}

/* Frees the domains that no function is attached to. */
void parker_dma_drop(struct parker_part *part)
{
	struct parker_domain *d, *next;
	struct parker_fn *fn;
	LIST_HEAD(unused);

	/* Not while a function that is being removed leaves its domain. */
	scoped_guard(rwsem_write, &parker_view) {
		list_for_each_entry_safe(d, next, &part->domains, link) {
			bool used = false;

			list_for_each_entry(fn, &part->fns, link)
				used |= fn->domain == d;
			if (!used)
				list_move(&d->link, &unused);
		}
	}
	list_for_each_entry_safe(d, next, &unused, link) {
		iommu_domain_free(d->domain);
		kfree(d);
	}
}

static int parker_group_attach(struct parker_part *part, struct iommu_group *group, struct parker_domain *d)
{
	int err = iommu_group_claim_dma_owner(group, part);

	if (err)
		return err;
	err = iommu_attach_group(d->domain, group);
	if (err)
		iommu_group_release_dma_owner(group);
	return err;
}

static int parker_fn_attach(struct parker_fn *fn, struct parker_domain *d)
{
	struct parker_domain *already;
	int err = 0;

	guard(rwsem_write)(&parker_view);
	already = parker_group_domain(fn->part, fn->group);
	if (fn->lost)
		err = -ENODEV;
	else if (already)
		d = already;
	else
		err = parker_group_attach(fn->part, fn->group, d);
	if (!err)
		fn->domain = d;
	return err;
}

/*
 * Without PARKER_CONFINE, too, a function behind an IOMMU that translates gets
 * the partition's domain: it could not reach any memory otherwise. What this fails
 * with is undone by parker_dma_detach() and parker_dma_drop().
 */
int parker_dma_attach(struct parker_fn *fn, bool confine, u32 *why)
{
	struct iommu_domain *now = iommu_get_domain_for_dev(&fn->pdev->dev);
	struct parker_part *part = fn->part;
	struct parker_domain *d;
	int err = -EINVAL;

	*why = PARKER_WHY_IOMMU;
	if (!confine && (!now || now->type == IOMMU_DOMAIN_IDENTITY))
		return 0;
	/* Functions that can reach each other past the IOMMU (no ACS between them) are one group. */
	fn->group = iommu_group_get(&fn->pdev->dev);
	if (!fn->group || iommu_group_for_each_dev(fn->group, part, parker_member_foreign))
		return -ENODEV;
	list_for_each_entry(d, &part->domains, link) {
		err = parker_fn_attach(fn, d);
		if (err != -EINVAL)
			break;
	}
	if (err == -EINVAL) { /* also where there is none yet */
		d = parker_dma_create(part, &fn->pdev->dev);
		err = IS_ERR(d) ? PTR_ERR(d) : parker_fn_attach(fn, d);
	}
	if (err)
		return err;
	if (confine && !parker_fn_confined(fn)) {
		*why = PARKER_WHY_ATS;
		return -EPERM;
	}
	return 0;
}

void parker_dma_detach(struct parker_fn *fn)
{
	struct parker_domain *d = fn->domain;

	lockdep_assert_held_write(&parker_view);
	fn->domain = NULL;
	if (!d || parker_group_domain(fn->part, fn->group))
		return;
	iommu_detach_group(d->domain, fn->group);
	iommu_group_release_dma_owner(fn->group);
}
