// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI functions at rest: without access to memory, and as new.
 */
#include <linux/delay.h>
#include <linux/pci.h>

#include "parker.h"

#define BUS_TRIES 50 /* a tenth of a second each */

static struct pci_dev *parker_fn_successor(const struct parker_fn *fn)
{
	return pci_get_domain_bus_and_slot(PARKER_PCI_DOMAIN(fn->id), PARKER_PCI_BUS(fn->id), PARKER_PCI_DEVFN(fn->id));
}

/*
 * The bus to reach the function by. That of one that was removed may be gone, or
 * have another function in its place, which is none of our business once it has a
 * driver.
 */
static struct pci_bus *parker_fn_bus(const struct parker_fn *fn)
{
	struct pci_dev *now;
	bool foreign;

	if (!fn->lost)
		return fn->pdev->bus;
	now = parker_fn_successor(fn);
	foreign = now && READ_ONCE(now->dev.driver);
	pci_dev_put(now);
	return foreign ? NULL : pci_find_bus(PARKER_PCI_DOMAIN(fn->id), PARKER_PCI_BUS(fn->id));
}

static void parker_fn_clear(struct pci_bus *bus, unsigned int devfn, int where, u16 bits)
{
	u16 word;

	if (!pci_bus_read_config_word(bus, devfn, where, &word) && word != 0xffff && (word & bits))
		pci_bus_write_config_word(bus, devfn, where, word & ~bits);
}

/*
 * No access to memory from here on. Each virtual function that the application
 * kernel's driver made has a bus master bit of its own: so they go first, all at
 * once. One that was removed in software only is still there, and the application
 * kernel may have allowed it DMA again.
 */
void parker_fn_quiet(struct parker_fn *fn)
{
	struct pci_bus *bus = parker_fn_bus(fn);

	if (!bus)
		return;
	if (fn->sriov)
		parker_fn_clear(bus, fn->pdev->devfn, fn->sriov + PCI_SRIOV_CTRL, PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE);
	parker_fn_clear(bus, fn->pdev->devfn, PCI_COMMAND, PCI_COMMAND_MASTER);
}

/* No function starts a new access to memory; its driver will allow it again. */
void parker_devices_quiet(struct parker_part *part)
{
	struct parker_fn *fn;

	lockdep_assert_held_write(&parker_view);
	list_for_each_entry(fn, &part->fns, link)
		parker_fn_quiet(fn);
}

/* The application kernel may have left the function asleep, unknown to us. */
static void parker_fn_wake(struct pci_dev *pdev)
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
 * not every device takes for a reset. Each obeys a reset of its bus. That one only
 * tries to lock the functions: somebody may hold one for a moment.
 */
int parker_fn_reset(struct pci_dev *pdev, bool bus)
{
	int err = -ENOTTY, tries;

	parker_fn_wake(pdev);
	pci_clear_master(pdev);
	for (tries = 0; bus && tries < BUS_TRIES; tries++) {
		err = pci_reset_bus(pdev);
		if (err != -EAGAIN)
			break;
		msleep(100);
	}
	if (err == -ENOTTY) /* also a bus that cannot be */
		err = pci_reset_function(pdev);
	return err ? -EIO : 0;
}

/*
 * As it was when it was taken, also its header, whatever the application kernel
 * wrote. The bus is ours to reset as long as all functions on it are: one that
 * was given back is at work again.
 */
int parker_fn_renew(struct parker_fn *fn)
{
	struct pci_dev *pdev = fn->pdev;
	bool flr = (pdev->devcap & PCI_EXP_DEVCAP_FLR) && !(pdev->dev_flags & PCI_DEV_FLAGS_NO_FLR_RESET);

	/*
	 * The reset saves the header and restores it, with the application kernel's
	 * addresses: it must answer to none of them.
	 */
	parker_fn_quiet(fn);
	pci_write_config_word(pdev, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE);
	if (parker_fn_reset(pdev, fn->used && !flr && parker_bus_whole(pdev->bus, &fn->part->fns, NULL)) ||
	    pci_load_saved_state(pdev, fn->saved))
		return -EIO;
	pci_restore_state(pdev);
	if (pdev->error_state == pci_channel_io_frozen) /* drivers ask */
		pdev->error_state = pci_channel_io_normal;
	return 0;
}

/*
 * A function that was removed, but is there all the same, must not come back with
 * what an application kernel left in it: the next driver makes it a bus master
 * before it resets it. -EIO: not without a rescan.
 */
int parker_fn_renew_lost(struct parker_fn *fn)
{
	struct pci_dev *now = parker_fn_successor(fn);
	struct pci_bus *bus;
	u32 ids = ~0u;
	int err = 0;

	if (now) {
		if (fn->used && !READ_ONCE(now->dev.driver))
			err = parker_fn_reset(now, false);
		pci_dev_put(now);
		return err;
	}
	if (!fn->used)
		return 0;
	pci_lock_rescan_remove();
	bus = pci_find_bus(PARKER_PCI_DOMAIN(fn->id), PARKER_PCI_BUS(fn->id));
	if (bus && !pci_bus_read_config_dword(bus, fn->pdev->devfn, PCI_VENDOR_ID, &ids) && ids != ~0u) {
		if (bus->self && list_empty(&bus->devices))
			err = pci_bridge_secondary_bus_reset(bus->self);
		else
			err = -EBUSY;
	}
	pci_unlock_rescan_remove();
	return err ? -EIO : 0;
}

/*
 * Before a kernel starts. The last one may have left a NIC receiving: as soon as
 * the next one's driver makes it a bus master, and before that driver resets it,
 * it would write what it received to buffers that are other memory by now. May
 * take a minute for each function: within parker_slow_begin() and _end().
 */
int parker_devices_renew(struct parker_part *part)
{
	struct parker_fn *fn;

	list_for_each_entry(fn, &part->fns, link) {
		if (fn->lost || (fn->used && parker_fn_renew(fn))) {
			dev_err(&part->dev, "%s: no reset, so no start\n", pci_name(fn->pdev));
			return -EIO;
		}
		fn->used = true;
	}
	return 0;
}

/* Can a function that a kernel used still reach any memory, as it was not reset since? */
bool parker_devices_reach(const struct parker_part *part)
{
	struct parker_fn *fn;

	list_for_each_entry(fn, &part->fns, link)
		if (fn->used && !parker_fn_confined(fn))
			return true;
	return false;
}
