/* SPDX-License-Identifier: GPL-2.0-only */
/* Which MSRs a guarded partition may touch: msr_list.h. */
#ifndef PARKER_GUARD_MSR_H
#define PARKER_GUARD_MSR_H

#include "types.h"

enum guard_msr {
	GUARD_MSR_REFUSED,
	GUARD_MSR_PASS,
	GUARD_MSR_READ,
	GUARD_MSR_WATCH,
};

#define GUARD_MSR_BITMAP_BYTES (2 * GUARD_PAGE)

#define MSR_APIC_BASE  0x1b
#define MSR_X2APIC     0x800
#define MSR_X2APIC_ICR 0x830
#define MSR_X2APIC_LVT 0x832 /* timer, thermal, counters, LINT0, LINT1, error */
#define MSR_X2APIC_LVT_LAST 0x837
#define MSR_GUARD_EFER 0xc0000080
#define MSR_GUARD_VM_CR 0xc0010114
#define MSR_GUARD_HSAVE 0xc0010117

enum guard_msr guard_msr_rule(u32 msr);
void guard_msr_bitmap(u8 *bitmap);

/* EFER: what a guest may set. */
#define EFER_SCE  GUARD_BIT(0)
#define EFER_LME  GUARD_BIT(8)
#define EFER_LMA  GUARD_BIT(10)
#define EFER_NXE  GUARD_BIT(11)
#define EFER_SVME GUARD_BIT(12)
#define EFER_GUEST (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | GUARD_BIT(14) | GUARD_BIT(15) | GUARD_BIT(21))

#define APIC_BASE_BSP  GUARD_BIT(8)
#define APIC_BASE_X2   GUARD_BIT(10)
#define APIC_BASE_ON   GUARD_BIT(11)

bool guard_efer(u64 old, u64 wanted, bool paging, u64 *efer);
u32 guard_lvt(u32 msr, u64 value);

#endif
