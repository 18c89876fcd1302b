// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI functions in a partition's hands are bound to the driver here, which does
 * nothing with them: it keeps other drivers and runtime power saving away.
 *
 * Binding happens only within TAKE_DEVICES. Unbinding happens within
 * GIVE_DEVICES, or because the function was unplugged; remove() therefore undoes
 * what needs a device that is still there, and marks the function lost. The
 * rest stays until GIVE_DEVICES.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "parker.h"
#include "compat.h"

/* What TAKE_DEVICES binds right now: the only function that probe() accepts. */
static struct parker_fn *taking;

static u64 pci_id(struct pci_dev *pdev)
{
	return PARKER_PCI(pci_domain_nr(pdev->bus), pdev->bus->number, pdev->devfn);
}

static struct parker_fn *find(struct list_head *fns, u64 id)
{
	struct parker_fn *fn;

	list_for_each_entry(fn, fns, link)
		if (fn->id == id)
			return fn;
	return NULL;
}

static bool held_by_other(struct parker_part *part, u64 id)
{
	struct parker_part *other;

	list_for_each_entry(other, &parker_parts, link)
		if (other != part && find(&other->fns, id))
			return true;
	return false;
}

/* Does the partition hold all functions of the bus, but for those in @set? */
static bool bus_whole(struct pci_bus *bus, struct list_head *held, struct list_head *set)
{
	struct pci_dev *pdev = NULL;

	for_each_pci_dev(pdev) {
		if (pdev->bus == bus && !find(held, pci_id(pdev)) && !(set && find(set, pci_id(pdev)))) {
			pci_dev_put(pdev);
			return false;
		}
	}
	return true;
}

/*
 * A function may have been plugged into a bus since it was taken, also in the
 * slot of one that was lost.
 */
int parker_devices_whole(struct parker_part *part)
{
	struct parker_fn *fn;

	list_for_each_entry(fn, &part->fns, link)
		if (fn->lost || !bus_whole(fn->pdev->bus, &part->fns, NULL))
			return -EPERM;
	return 0;
}

/* No function starts a new access to memory; its driver will allow it again. */
void parker_devices_quiet(struct parker_part *part)
{
	struct parker_fn *fn;

	lockdep_assert_held_write(&parker_view);
	list_for_each_entry(fn, &part->fns, link)
		if (!fn->lost)
			pci_clear_master(fn->pdev);
}

/*
 * DMA. A group of functions that an IOMMU cannot tell apart is attached as one:
 * by the first function taken of it, until the last one goes. Under parker_view,
 * because an unplugged function goes without parker_lock.
 */
static bool group_attached(struct parker_part *part, struct iommu_group *group)
{
	struct parker_fn *fn;

	list_for_each_entry(fn, &part->fns, link)
		if (fn->attached && fn->group == group)
			return true;
	return false;
}

static int member_foreign(struct device *dev, void *data)
{
	struct parker_part *part = data;

	if (!dev_is_pci(dev))
		return 1;
	/* Bridges do no DMA of their own that anyone here could ask for. */
	if (to_pci_dev(dev)->hdr_type != PCI_HEADER_TYPE_NORMAL)
		return 0;
	return !find(&part->fns, pci_id(to_pci_dev(dev)));
}

static int domain_create(struct parker_part *part, struct device *dev)
{
	struct iommu_domain *domain = parker_domain_alloc(dev);
	unsigned int i;
	int err;

	if (IS_ERR(domain))
		return PTR_ERR(domain);
	err = parker_domain_map(domain, part->slice, PARKER_SLICE_BYTES);
	for (i = 0; i < part->nr_ranges && !err; i++)
		err = parker_domain_map(domain, part->ranges[i].start, part->ranges[i].bytes);
	if (err) {
		iommu_domain_free(domain);
		return err;
	}
	part->domain = domain;
	return 0;
}

static void domain_drop(struct parker_part *part)
{
	struct parker_fn *fn;

	if (!part->domain)
		return;
	list_for_each_entry(fn, &part->fns, link)
		if (fn->attached)
			return;
	iommu_domain_free(part->domain);
	part->domain = NULL;
}

static int attach_group(struct parker_part *part, struct iommu_group *group)
{
	int err = iommu_group_claim_dma_owner(group, part);

	if (err)
		return err;
	err = iommu_attach_group(part->domain, group);
	if (err)
		iommu_group_release_dma_owner(group);
	return err;
}

/*
 * Without PARKER_CONFINE, too, a function behind an IOMMU that translates gets
 * the partition's domain: it could not reach any memory otherwise.
 */
static int dma_attach(struct parker_part *part, struct parker_fn *fn, bool confine)
{
	struct iommu_domain *now = iommu_get_domain_for_dev(&fn->pdev->dev);
	int err = 0;

	if (!confine && (!now || now->type == IOMMU_DOMAIN_IDENTITY))
		return 0;
	fn->group = iommu_group_get(&fn->pdev->dev);
	if (!fn->group || iommu_group_for_each_dev(fn->group, part, member_foreign))
		return -ENODEV;
	if (!part->domain) {
		err = domain_create(part, &fn->pdev->dev);
		if (err)
			return err;
	}
	down_write(&parker_view);
	if (fn->lost)
		err = -ENODEV;
	else if (!group_attached(part, fn->group))
		err = attach_group(part, fn->group);
	fn->attached = !err;
	up_write(&parker_view);
	return err;
}

static void dma_detach(struct parker_fn *fn)
{
	lockdep_assert_held_write(&parker_view);
	if (!fn->attached)
		return;
	fn->attached = false;
	if (group_attached(fn->part, fn->group))
		return;
	iommu_detach_group(fn->part->domain, fn->group);
	iommu_group_release_dma_owner(fn->group);
}

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct parker_fn *fn = READ_ONCE(taking);

	if (!fn || fn->pdev != pdev)
		return -ENODEV;
	pci_set_drvdata(pdev, fn);
	fn->bound = true;
	return 0;
}

static void remove(struct pci_dev *pdev)
{
	struct parker_fn *fn = pci_get_drvdata(pdev);
	char lost[32];

	down_write(&parker_view);
	dma_detach(fn);
	if (fn->bound) { /* give() says beforehand that it is not */
		fn->bound = false;
		fn->lost = true;
		pr_warn("%s: %s was unplugged\n", dev_name(&fn->part->dev), pci_name(pdev));
		snprintf(lost, sizeof(lost), "PARKER_LOST=%s", pci_name(pdev));
		parker_event(fn->part, lost);
	}
	up_write(&parker_view);
}

static struct pci_driver driver = {
	.name = "parker",
	.probe = probe,
	.remove = remove,
	.driver_managed_dma = true,
	.driver = { .suppress_bind_attrs = true },
};

/*
 * Ours by driver_override, and nobody else's yet? Our driver names no IDs, so
 * that the bus can only match it by override (kernels keep that in varying
 * places).
 */
static bool prepared(struct pci_dev *pdev)
{
	bool ok;

	device_lock(&pdev->dev);
	ok = !pdev->dev.driver && pdev->dev.bus->match(&pdev->dev, &driver.driver) > 0;
	device_unlock(&pdev->dev);
	return ok;
}

/* The application kernel may have left the function asleep, unknown to us. */
static void wake(struct pci_dev *pdev)
{
	u16 pmcsr;

	if (!pdev->pm_cap)
		return;
	pci_read_config_word(pdev, pdev->pm_cap + PCI_PM_CTRL, &pmcsr);
	if (!(pmcsr & PCI_PM_CTRL_STATE_MASK))
		return;
	pci_write_config_word(pdev, pdev->pm_cap + PCI_PM_CTRL, pmcsr & ~PCI_PM_CTRL_STATE_MASK);
	msleep(20);
}

/*
 * Without FLR, pci_reset_function() puts a function to sleep and wakes it, which
 * not every device takes for a reset. Each obeys a reset of its bus.
 */
static int reset(struct pci_dev *pdev, bool bus)
{
	int err = -ENOTTY;

	wake(pdev);
	pci_clear_master(pdev);
	if (bus)
		err = pci_reset_bus(pdev);
	if (err == -ENOTTY) /* also a bus that cannot be */
		err = pci_reset_function(pdev);
	return err ? -EIO : 0;
}

/*
 * As it was when it was taken, also its header, whatever the application kernel
 * wrote. The bus is ours to reset as long as all functions on it are: one that
 * was given back is at work again.
 */
static int renew(struct parker_fn *fn)
{
	struct pci_dev *pdev = fn->pdev;
	bool flr = (pdev->devcap & PCI_EXP_DEVCAP_FLR) && !(pdev->dev_flags & PCI_DEV_FLAGS_NO_FLR_RESET);

	if (reset(pdev, fn->used && !flr && bus_whole(pdev->bus, &fn->part->fns, NULL)))
		return -EIO;
	pci_load_saved_state(pdev, fn->saved);
	pci_restore_state(pdev);
	return 0;
}

/*
 * Before a kernel starts. The last one may have left a NIC receiving: as soon as
 * the next one's driver makes it a bus master, and before that driver resets it,
 * it would write what it received to buffers that are other memory by now.
 */
int parker_devices_renew(struct parker_part *part)
{
	struct parker_fn *fn;

	list_for_each_entry(fn, &part->fns, link) {
		if (fn->used && !fn->lost && renew(fn)) {
			pr_err("function %09llx: no reset, its partition cannot be started\n", fn->id);
			return -EIO;
		}
		fn->used = true;
	}
	return 0;
}

/* Undo whatever take() did. -EIO: the reset failed, the function is still held. */
static int give(struct parker_part *part, struct parker_fn *fn)
{
	struct pci_dev *pdev = fn->pdev;
	bool bound;

	if (fn->bound && fn->saved && renew(fn))
		return -EIO;
	/* A lost one's slot may have a new function in it: hands off. */
	down_write(&parker_view);
	bound = fn->bound;
	fn->bound = false;
	up_write(&parker_view);
	if (bound && fn->enabled)
		pci_disable_device(pdev);
	if (bound)
		device_release_driver(&pdev->dev);

	down_write(&parker_view);
	list_del(&fn->link);
	part->nr_fns--;
	up_write(&parker_view);
	domain_drop(part);
	kfree(fn->saved);
	iommu_group_put(fn->group);
	pci_dev_put(pdev);
	kfree(fn);
	return 0;
}

static int take(struct parker_part *part, struct parker_fn *fn, bool confine, u32 *why)
{
	struct pci_dev *pdev = fn->pdev;
	int err;

	WRITE_ONCE(taking, fn);
	err = device_driver_attach(&driver.driver, &pdev->dev);
	WRITE_ONCE(taking, NULL);
	if (!fn->bound) {
		*why = PARKER_WHY_REFUSED;
		return err ?: -EBUSY;
	}

	*why = PARKER_WHY_RESET;
	err = reset(pdev, false); /* the boot kernel's driver has left it in order */
	if (err)
		return err;
	/* Fails when firmware and kernel found no room for a BAR. */
	*why = PARKER_WHY_REFUSED;
	err = pci_enable_device_mem(pdev);
	if (err)
		return err;
	fn->enabled = true;
	pci_intx(pdev, 0); /* the line ends in this kernel */
	pci_save_state(pdev);
	fn->saved = pci_store_saved_state(pdev);
	if (!fn->saved)
		return -ENOMEM;

	*why = PARKER_WHY_IOMMU;
	err = dma_attach(part, fn, confine);
	if (err)
		return err;
	*why = PARKER_WHY_NONE;
	return 0;
}

static int check_take(struct parker_part *part, struct pci_dev *pdev, u32 *why)
{
	u64 id = pci_id(pdev);

	if (pci_is_root_bus(pdev->bus)) {
		*why = PARKER_WHY_ROOT_BUS;
		return -EPERM;
	}
	if (pdev->hdr_type != PCI_HEADER_TYPE_NORMAL) {
		*why = PARKER_WHY_BRIDGE;
		return -EPERM;
	}
	if (find(&part->fns, id) || held_by_other(part, id)) {
		*why = PARKER_WHY_HELD;
		return -EBUSY;
	}
	if (!prepared(pdev)) {
		*why = PARKER_WHY_NOT_BOUND;
		return -EBUSY;
	}
	return 0;
}

static int collect(struct parker_part *part, struct parker_set *a, const u64 *items, struct list_head *set)
{
	struct parker_fn *fn;
	unsigned int i;
	int err;

	for (i = 0; i < a->nr; i++) {
		struct pci_dev *pdev = pci_get_domain_bus_and_slot(PARKER_PCI_DOMAIN(items[i]), PARKER_PCI_BUS(items[i]),
								   PARKER_PCI_DEVFN(items[i]));

		a->failed = items[i];
		if (!pdev) {
			a->why = PARKER_WHY_NO_SUCH;
			return -ENXIO;
		}
		err = find(set, items[i]) ? -EINVAL : check_take(part, pdev, &a->why);
		fn = err ? NULL : kzalloc(sizeof(*fn), GFP_KERNEL);
		if (!fn) {
			pci_dev_put(pdev);
			return err ?: -ENOMEM;
		}
		fn->part = part;
		fn->pdev = pdev;
		fn->id = items[i];
		list_add_tail(&fn->link, set);
	}
	list_for_each_entry(fn, set, link) {
		if (!bus_whole(fn->pdev->bus, &part->fns, set)) {
			a->failed = fn->id;
			a->why = PARKER_WHY_SHARED_BUS;
			return -EPERM;
		}
	}
	return 0;
}

int parker_take_devices(struct parker_part *part, void *arg, const u64 *items)
{
	struct parker_fn *fn, *next;
	struct parker_set *a = arg;
	unsigned int i;
	LIST_HEAD(set);
	int err;

	if (a->nr > PARKER_FUNCTIONS_MAX - part->nr_fns)
		return -ENOSPC;
	err = collect(part, a, items, &set);
	if (err) {
		list_for_each_entry_safe(fn, next, &set, link) {
			pci_dev_put(fn->pdev);
			kfree(fn);
		}
		return err;
	}

	/* All of them at once: members of one IOMMU group look for each other. */
	down_write(&parker_view);
	list_splice_tail(&set, &part->fns);
	part->nr_fns += a->nr;
	up_write(&parker_view);

	for (i = 0; i < a->nr; i++) {
		err = take(part, find(&part->fns, items[i]), a->flags & PARKER_CONFINE, &a->why);
		if (err) {
			a->failed = items[i];
			goto undo;
		}
	}
	a->failed = PARKER_NO_ITEM;
	return 0;

undo:
	for (i = a->nr; i--;)
		if (give(part, find(&part->fns, items[i])))
			pr_err("function %09llx: no reset, held until it can be given\n", items[i]);
	return err;
}

int parker_give_devices(struct parker_part *part, void *arg, const u64 *items)
{
	struct parker_set *a = arg;
	struct parker_fn *fn;
	unsigned int i;
	int err = 0;

	for (i = 0; i < a->nr; i++) {
		if (!find(&part->fns, items[i])) {
			a->failed = items[i];
			a->why = PARKER_WHY_NOT_HELD;
			return -ENXIO;
		}
	}
	for (i = 0; i < a->nr; i++) {
		fn = find(&part->fns, items[i]);
		/* not found: named twice, it is back already */
		if (fn && give(part, fn)) {
			a->failed = items[i];
			a->why = PARKER_WHY_RESET;
			err = -EBUSY;
		}
	}
	return err;
}

int parker_device_setup(void)
{
	return pci_register_driver(&driver);
}

void parker_device_exit(void)
{
	pci_unregister_driver(&driver);
}
