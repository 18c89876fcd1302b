// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors of functions in a partition's hands that this kernel hears of first: from
 * PCI Express (AER, DPC), and from an IOMMU that refused an access.
 *
 * Each is said in a uevent, PARKER_FAULT=0000:01:00.0, and counts as use: the
 * function is reset before the next kernel gets it. The application kernel hears
 * nothing of it: a fatal error resets the link to the function, which the PCI core
 * does not let a driver refuse.
 */
#include <linux/pci.h>

#include "parker.h"

#define DMA_FAULTS 1000 /* of one function, until it is stopped */
#define DMA_LOGGED 10   /* of these, by the IOMMU's driver */

static void parker_fault_say(struct parker_fn *fn, const char *what)
{
	char fault[32];

	lockdep_assert_held(&parker_view);
	dev_warn(&fn->part->dev, "%s: %s\n", pci_name(fn->pdev), what);
	snprintf(fault, sizeof(fault), "PARKER_FAULT=%s", pci_name(fn->pdev));
	parker_event(fn->part, fault);
}

static pci_ers_result_t parker_fn_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	struct parker_fn *fn = pci_get_drvdata(pdev);

	scoped_guard(rwsem_write, &parker_view) {
		fn->used = true;
		parker_fault_say(fn, state == pci_channel_io_normal ? "error" : "fatal error");
	}
	if (state == pci_channel_io_perm_failure)
		return PCI_ERS_RESULT_DISCONNECT;
	/* What is not fatal is left to the application kernel's driver, without a reset. */
	return state == pci_channel_io_normal ? PCI_ERS_RESULT_CAN_RECOVER : PCI_ERS_RESULT_NEED_RESET;
}

/* The link was reset. The function is as after TAKE: without access to memory, at addresses that are its own. */
static pci_ers_result_t parker_fn_slot_reset(struct pci_dev *pdev)
{
	struct parker_fn *fn = pci_get_drvdata(pdev);

	if (!fn->saved || pci_load_saved_state(pdev, fn->saved))
		return PCI_ERS_RESULT_DISCONNECT;
	pci_restore_state(pdev);
	return PCI_ERS_RESULT_RECOVERED;
}

/* Also by `echo 1 > /sys/bus/pci/devices/.../reset` while the application kernel uses it. */
static void parker_fn_reset_done(struct pci_dev *pdev)
{
	struct parker_fn *fn = pci_get_drvdata(pdev);

	guard(rwsem_read)(&parker_view);
	if (fn->part->state == PARKER_RUNNING)
		parker_fault_say(fn, "was reset while its partition runs");
}

const struct pci_error_handlers parker_fn_errors = {
	.error_detected = parker_fn_error_detected,
	.slot_reset = parker_fn_slot_reset,
	.reset_done = parker_fn_reset_done,
};

/*
 * Called by IOMMU drivers that tell (AMD's, from its interrupt thread; Intel's does
 * not). A function that does nothing else is stopped: its application kernel has to
 * allow it DMA anew.
 */
int parker_dma_fault(struct iommu_domain *domain, struct device *dev, unsigned long iova, int flags, void *none)
{
	struct parker_part *part;
	struct parker_fn *fn;
	int n = 0;

	if (!down_read_trylock(&parker_view))
		return -ENOSYS;
	list_for_each_entry(part, &parker_parts, link) {
		list_for_each_entry(fn, &part->fns, link) {
			if (fn->lost || &fn->pdev->dev != dev)
				continue;
			n = atomic_inc_return(&fn->dma_faults);
			if (n % DMA_FAULTS == 0) {
				parker_fn_quiet(fn);
				parker_fault_say(fn, "stopped: a thousand accesses to memory that is not its own");
			}
		}
	}
	up_read(&parker_view);
	return n > DMA_LOGGED ? 0 : -ENOSYS; /* 0: no line in the log */
}
