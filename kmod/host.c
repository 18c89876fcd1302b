// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is so on this machine, as far as it matters to partitions: what user space
 * is told, and what the module cannot work with at all.
 */
#include <linux/cc_platform.h>
#include <linux/pci.h>
#include <linux/security.h>
#include <asm/apic.h>
#include <xen/xen.h>

#include "parker.h"
#include "compat.h"

/* How interrupts of the machine's PCI functions reach CPUs. */
static u64 parker_host_interrupts(void)
{
	bool some = false, all = true;
	struct pci_dev *pdev = NULL;

	for_each_pci_dev(pdev) {
		if (pdev->hdr_type != PCI_HEADER_TYPE_NORMAL)
			continue;
		if (parker_isolated_msi(&pdev->dev))
			some = true;
		else
			all = false;
	}
	return some ? PARKER_HOST_IRQ_REMAPPING | (all ? PARKER_HOST_ISOLATED_MSI : 0) : 0;
}

/* PARKER_HOST_* bits, as they are now. */
u64 parker_host(void)
{
	u64 host = parker_host_interrupts();

	if (security_locked_down(LOCKDOWN_KEXEC))
		host |= PARKER_HOST_LOCKED_DOWN;
	if (x2apic_enabled())
		host |= PARKER_HOST_X2APIC;
	return host;
}

/*
 * A CPU that comes out of INIT knows nothing of keys: where this kernel's memory
 * is encrypted, what is written here is not what that CPU would read. And where
 * CPUs do not start by INIT and SIPI, they cannot be stopped by them either.
 */
int __init parker_host_check(void)
{
	if (cc_platform_has(CC_ATTR_MEM_ENCRYPT)) {
		pr_err("this kernel's memory is encrypted (SME, SEV or TDX): an application kernel could not read what it is given\n");
		return -EOPNOTSUPP;
	}
	if (xen_pv_domain()) {
		pr_err("a Xen PV domain has no CPUs of its own to give\n");
		return -EOPNOTSUPP;
	}
	if (apic->wakeup_secondary_cpu) {
		pr_err("CPUs of this machine are not started by INIT and SIPI\n");
		return -EOPNOTSUPP;
	}
	return 0;
}
