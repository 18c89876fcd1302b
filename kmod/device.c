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
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "parker.h"
#include "compat.h"

u64 parker_pci_id(struct pci_dev *pdev)
{
	return PARKER_PCI(pci_domain_nr(pdev->bus), pdev->bus->number, pdev->devfn);
}

bool parker_same_bus(u64 one, u64 other)
{
	return PARKER_PCI_DOMAIN(one) == PARKER_PCI_DOMAIN(other) && PARKER_PCI_BUS(one) == PARKER_PCI_BUS(other);
}

struct parker_fn *parker_fn_find(struct list_head *fns, u64 id)
{
	struct parker_fn *fn;

	list_for_each_entry(fn, fns, link)
		if (fn->id == id)
			return fn;
	return NULL;
}

static bool parker_fn_held_by_other(struct parker_part *part, u64 id)
{
	struct parker_part *other;

	lockdep_assert_held(&parker_lock);
	list_for_each_entry(other, &parker_parts, link)
		if (other != part && parker_fn_find(&other->fns, id))
			return true;
	return false;
}

/* Does the partition hold all functions of the bus, but for those in @set? */
bool parker_bus_whole(struct pci_bus *bus, struct list_head *held, struct list_head *set)
{
	struct pci_dev *pdev = NULL;

	for_each_pci_dev(pdev) {
		u64 id = parker_pci_id(pdev);

		if (pdev->bus == bus && !parker_fn_find(held, id) && !(set && parker_fn_find(set, id))) {
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

	lockdep_assert_held(&parker_lock);
	list_for_each_entry(fn, &part->fns, link)
		if (fn->lost || !parker_bus_whole(fn->pdev->bus, &part->fns, NULL))
			return -EPERM;
	return 0;
}

static int parker_fn_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct parker_part *part;
	struct parker_fn *fn;

	guard(rwsem_read)(&parker_view);
	list_for_each_entry(part, &parker_parts, link) {
		list_for_each_entry(fn, &part->fns, link) {
			if (fn->pdev != pdev || !READ_ONCE(fn->binding))
				continue;
			pci_set_drvdata(pdev, fn);
			fn->bound = true;
			return 0;
		}
	}
	return -ENODEV;
}

static void parker_fn_remove(struct pci_dev *pdev)
{
	struct parker_fn *fn = pci_get_drvdata(pdev);
	char lost[32];

	guard(rwsem_write)(&parker_view);
	parker_fn_quiet(fn); /* it may still be there, and its IOMMU lets go of it */
	parker_dma_detach(fn);
	if (fn->claimed)
		pci_release_selected_regions(pdev, fn->claimed);
	if (fn->bound) { /* parker_fn_release() says beforehand that it is not */
		fn->bound = false;
		fn->lost = true;
		dev_warn(&fn->part->dev, "%s was unplugged\n", pci_name(pdev));
		snprintf(lost, sizeof(lost), "PARKER_LOST=%s", pci_name(pdev));
		parker_event(fn->part, lost);
	}
}

static struct pci_driver parker_driver = {
	.name = "parker",
	.probe = parker_fn_probe,
	.remove = parker_fn_remove,
	.err_handler = &parker_fn_errors,
	.driver_managed_dma = true,
	.driver = { .suppress_bind_attrs = true },
};

/*
 * What comes to a bus of which a partition holds functions is that partition's, if
 * anybody's: the function that was lost, removed and found again while the
 * application kernel uses it. No driver of this kernel may bind to it.
 */
static bool parker_bus_held(u64 id)
{
	struct parker_part *part;
	struct parker_fn *fn;

	guard(rwsem_read)(&parker_view);
	list_for_each_entry(part, &parker_parts, link)
		list_for_each_entry(fn, &part->fns, link)
			if (parker_same_bus(fn->id, id))
				return true;
	return false;
}

static int parker_bus_notify(struct notifier_block *nb, unsigned long action, void *data)
{
	struct pci_dev *pdev = to_pci_dev(data);

	if (action != BUS_NOTIFY_ADD_DEVICE || pdev->hdr_type != PCI_HEADER_TYPE_NORMAL)
		return NOTIFY_DONE;
	if (parker_bus_held(parker_pci_id(pdev)) && parker_driver_override(pdev, parker_driver.name))
		pci_err(pdev, "on a partition's bus, and not kept from drivers: no memory\n");
	return NOTIFY_DONE;
}

static struct notifier_block parker_bus_nb = { .notifier_call = parker_bus_notify };

/*
 * Ours by driver_override, and nobody else's yet? Our driver names no IDs, so
 * that the bus can only match it by override (kernels keep that in varying
 * places).
 */
static bool parker_fn_prepared(struct pci_dev *pdev)
{
	bool ok;

	device_lock(&pdev->dev);
	ok = !pdev->dev.driver && pdev->dev.bus->match(&pdev->dev, &parker_driver.driver) > 0;
	device_unlock(&pdev->dev);
	return ok;
}

/*
 * Undo whatever parker_fn_take() did, with the function still in the list. -EIO:
 * the reset failed, the function is still held.
 */
static int parker_fn_release(struct parker_fn *fn)
{
	struct pci_dev *pdev = fn->pdev;
	bool bound;

	if (fn->lost ? parker_fn_renew_lost(fn) : fn->bound && fn->saved && parker_fn_renew(fn))
		return -EIO;
	/* A lost one's slot may have a new function in it: hands off. */
	scoped_guard(rwsem_write, &parker_view) {
		bound = fn->bound;
		fn->bound = false;
	}
	if (bound && fn->enabled)
		pci_disable_device(pdev);
	if (bound)
		device_release_driver(&pdev->dev);
	fn->released = true;
	return 0;
}

static void parker_fn_free(struct parker_fn *fn)
{
	kfree(fn->saved);
	iommu_group_put(fn->group);
	pci_dev_put(fn->pdev);
	kfree(fn);
}

/* The functions that were released leave the partition. */
static void parker_fns_drop(struct parker_part *part)
{
	struct parker_fn *fn, *next;
	LIST_HEAD(gone);

	lockdep_assert_held(&parker_lock);
	scoped_guard(rwsem_write, &parker_view) {
		list_for_each_entry_safe(fn, next, &part->fns, link) {
			if (fn->released) {
				list_move(&fn->link, &gone);
				part->nr_fns--;
			}
		}
	}
	parker_dma_drop(part);
	list_for_each_entry_safe(fn, next, &gone, link)
		parker_fn_free(fn);
}

static int parker_fn_take(struct parker_fn *fn, bool confine, u32 *why)
{
	struct pci_dev *pdev = fn->pdev;
	int err, bars;

	WRITE_ONCE(fn->binding, true);
	err = device_driver_attach(&parker_driver.driver, &pdev->dev);
	WRITE_ONCE(fn->binding, false);
	if (!fn->bound) {
		*why = PARKER_WHY_REFUSED;
		return err ?: -EBUSY;
	}

	*why = PARKER_WHY_RESET;
	err = parker_fn_reset(pdev, false); /* the boot kernel's driver has left it in order */
	if (err)
		return err;
	/* Fails when firmware and kernel found no room for a BAR. */
	*why = PARKER_WHY_REFUSED;
	err = pci_enable_device_mem(pdev);
	if (err)
		return err;
	fn->enabled = true;
	/* Nobody else maps its registers, a process by way of sysfs neither. */
	bars = pci_select_bars(pdev, IORESOURCE_MEM);
	err = pci_request_selected_regions(pdev, bars, parker_driver.name);
	if (err)
		return err;
	fn->claimed = bars;
	fn->sriov = pci_find_ext_capability(pdev, PCI_EXT_CAP_ID_SRIOV);
	pci_intx(pdev, 0); /* the line ends in this kernel */
	pci_save_state(pdev);
	fn->saved = pci_store_saved_state(pdev);
	if (!fn->saved)
		return -ENOMEM;

	err = parker_dma_attach(fn, confine, why);
	if (err)
		return err;
	*why = PARKER_WHY_NONE;
	return 0;
}

static int parker_fn_check(struct parker_part *part, struct pci_dev *pdev, u32 *why)
{
	u64 id = parker_pci_id(pdev);

	if (pci_is_root_bus(pdev->bus)) {
		*why = PARKER_WHY_ROOT_BUS;
		return -EPERM;
	}
	if (pdev->hdr_type != PCI_HEADER_TYPE_NORMAL) {
		*why = PARKER_WHY_BRIDGE;
		return -EPERM;
	}
	/* It goes with its physical function, whose reset ends it. */
	if (pdev->is_virtfn) {
		*why = PARKER_WHY_VIRTUAL;
		return -EPERM;
	}
	if (parker_fn_find(&part->fns, id) || parker_fn_held_by_other(part, id)) {
		*why = PARKER_WHY_HELD;
		return -EBUSY;
	}
	if (pci_num_vf(pdev)) {
		*why = PARKER_WHY_HAS_VIRTUAL;
		return -EBUSY;
	}
	if (!parker_fn_prepared(pdev)) {
		*why = PARKER_WHY_NOT_BOUND;
		return -EBUSY;
	}
	return 0;
}

static int parker_fns_collect(struct parker_part *part, struct parker_set *a, const u64 *items, struct list_head *set)
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
		err = parker_fn_find(set, items[i]) ? -EINVAL : parker_fn_check(part, pdev, &a->why);
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
		if (!parker_bus_whole(fn->pdev->bus, &part->fns, set)) {
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
	err = parker_fns_collect(part, a, items, &set);
	if (err) {
		list_for_each_entry_safe(fn, next, &set, link)
			parker_fn_free(fn);
		return err;
	}

	/* All of them at once: members of one IOMMU group look for each other. */
	scoped_guard(rwsem_write, &parker_view) {
		list_splice_tail(&set, &part->fns);
		part->nr_fns += a->nr;
	}

	/* A function that does not come back from its reset keeps us for a minute. */
	parker_slow_begin(part);
	for (i = 0; i < a->nr && !err; i++) {
		a->failed = items[i];
		err = parker_fn_take(parker_fn_find(&part->fns, items[i]), a->flags & PARKER_CONFINE, &a->why);
	}
	for (i = a->nr; err && i--;) {
		fn = parker_fn_find(&part->fns, items[i]);
		if (parker_fn_release(fn))
			dev_err(&part->dev, "%s: no reset, held until it can be given\n", pci_name(fn->pdev));
	}
	parker_slow_end(part);
	if (err)
		parker_fns_drop(part);
	else
		a->failed = PARKER_NO_ITEM;
	return err;
}

int parker_give_devices(struct parker_part *part, void *arg, const u64 *items)
{
	struct parker_set *a = arg;
	struct parker_fn *fn;
	unsigned int i;
	int err = 0;

	for (i = 0; i < a->nr; i++) {
		if (!parker_fn_find(&part->fns, items[i])) {
			a->failed = items[i];
			a->why = PARKER_WHY_NOT_HELD;
			return -ENXIO;
		}
	}
	parker_slow_begin(part);
	for (i = 0; i < a->nr; i++) {
		fn = parker_fn_find(&part->fns, items[i]);
		/* released: named twice */
		if (!fn->released && parker_fn_release(fn)) {
			a->failed = items[i];
			a->why = PARKER_WHY_RESET;
			err = -EBUSY;
		}
	}
	parker_slow_end(part);
	parker_fns_drop(part);
	return err;
}

int parker_device_setup(void)
{
	int err = bus_register_notifier(&pci_bus_type, &parker_bus_nb);

	if (err)
		return err;
	err = pci_register_driver(&parker_driver);
	if (err)
		bus_unregister_notifier(&pci_bus_type, &parker_bus_nb);
	return err;
}

void parker_device_exit(void)
{
	pci_unregister_driver(&parker_driver);
	bus_unregister_notifier(&pci_bus_type, &parker_bus_nb);
}
