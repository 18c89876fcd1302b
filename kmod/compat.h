/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between kernel versions, and nothing else. The oldest boot
 * kernel is 6.1.
 */
#ifndef PARKER_COMPAT_H
#define PARKER_COMPAT_H

#include <linux/device.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/msi.h>
#include <linux/pci.h>
#include <linux/string.h>
#include <linux/version.h>
#include <asm/msr.h>

static inline int parker_alloc_contig(unsigned long pfn, unsigned long nr)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
	return alloc_contig_range(pfn, pfn + nr, ACR_FLAGS_NONE, GFP_KERNEL | __GFP_NOWARN);
#else
	return alloc_contig_range(pfn, pfn + nr, MIGRATE_MOVABLE, GFP_KERNEL | __GFP_NOWARN);
#endif
}

/* Not ZONE_DMA, where there is one: drivers that need it have nothing else. */
static inline bool parker_zone_is_dma(int zone)
{
#ifdef CONFIG_ZONE_DMA
	return zone == ZONE_DMA;
#else
	return false;
#endif
}

static inline int parker_driver_override(struct pci_dev *pdev, const char *name)
{
#ifdef PARKER_PCI_DEV_OVERRIDE /* Kbuild looks */
	return driver_set_override(&pdev->dev, &pdev->driver_override, name, strlen(name));
#else
	return device_set_driver_override(&pdev->dev, name);
#endif
}

static inline struct iommu_domain *parker_domain_alloc(struct device *dev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	return iommu_paging_domain_alloc(dev);
#else
	return iommu_domain_alloc(dev->bus) ?: ERR_PTR(-ENODEV);
#endif
}

static inline int parker_domain_map(struct iommu_domain *domain, u64 start, u64 bytes)
{
	int prot = IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	return iommu_map(domain, start, start, bytes, prot, GFP_KERNEL);
#else
	return iommu_map(domain, start, start, bytes, prot);
#endif
}

/* Can the device raise no interrupt but those that this kernel gave it? */
static inline bool parker_isolated_msi(struct device *dev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	return msi_device_has_isolated_msi(dev);
#else
	return device_iommu_capable(dev, IOMMU_CAP_INTR_REMAP);
#endif
}

static inline int parker_rdmsr_on_cpu(unsigned int cpu, u32 msr, u64 *value)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
	return rdmsrq_on_cpu(cpu, msr, value);
#else
	return rdmsrl_on_cpu(cpu, msr, value);
#endif
}

/* Whoever wants to take the device offline, or does so to eject it, is refused. */
static inline void parker_pin_offline(struct device *dev, bool pin)
{
	device_lock(dev);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
	if (pin)
		dev_set_offline_disabled(dev);
	else
		dev_clear_offline_disabled(dev);
#else
	dev->offline_disabled = pin;
#endif
	device_unlock(dev);
}

static inline void parker_vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

#endif /* PARKER_COMPAT_H */
