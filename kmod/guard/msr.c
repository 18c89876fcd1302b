// SPDX-License-Identifier: GPL-2.0-only
#include "msr.h"
#include "msr_list.h"

struct row {
	u32 first, last;
	enum guard_msr rule;
};

#define ROW(first, last, rule, why) { first, last, GUARD_MSR_##rule },
static const struct row rows[] = { GUARD_MSRS(ROW) };
#define ROWS (sizeof(rows) / sizeof(rows[0]))

enum guard_msr guard_msr_rule(u32 msr)
{
	size_t i;

	for (i = 0; i < ROWS && msr >= rows[i].first; i++)
		if (msr <= rows[i].last)
			return rows[i].rule;
	return GUARD_MSR_REFUSED;
}

/* In which half KiB of the bitmap the MSR has its bits: two, for reads and for writes. */
static void clear(u8 *bitmap, u32 msr, bool write)
{
	u32 base = msr < 0xc0000000 ? 0 : msr < 0xc0010000 ? 0x800 : 0x1000, bit = (msr & 0x1fff) * 2 + write;

	bitmap[base + bit / 8] &= (u8)~(1u << bit % 8);
}

/*
 * A bit that is set makes the access an exit, and so is any access to an MSR that has
 * no bits here. What is not in the list is refused to readers too: some of it tells
 * what other partitions do.
 */
void guard_msr_bitmap(u8 *bitmap)
{
	size_t i;
	u32 msr;

	for (i = 0; i < GUARD_MSR_BITMAP_BYTES; i++)
		bitmap[i] = 0xff;
	for (i = 0; i < ROWS; i++) {
		for (msr = rows[i].first; msr <= rows[i].last; msr++) {
			bool x2apic = msr >> 8 == MSR_X2APIC >> 8;

			if (rows[i].rule != GUARD_MSR_WATCH || x2apic)
				clear(bitmap, msr, false);
			if (rows[i].rule == GUARD_MSR_PASS)
				clear(bitmap, msr, true);
		}
	}
}

/*
 * What becomes of EFER, or false: a general protection fault. The guard's own bit is
 * not seen in it; whoever puts it into the VMCB adds it.
 */
bool guard_efer(u64 old, u64 wanted, bool paging, u64 *efer)
{
	if (wanted & ~EFER_GUEST || (paging && (old ^ wanted) & EFER_LME))
		return false;
	*efer = (wanted & ~EFER_LMA) | (old & EFER_LMA);
	return true;
}

/*
 * A local vector, without what no x2APIC has (which would fault), and masked when it
 * would make an SMI, an INIT, or ask for the vector of a controller that is the boot
 * kernel's.
 */
u32 guard_lvt(u32 msr, u64 value)
{
	u32 mode = (u32)value >> 8 & 7;

	if (msr == MSR_X2APIC_LVT)
		return (u32)value & 0x300ff; /* one-shot or periodic */
	if (msr == MSR_X2APIC_LVT_LAST)
		return (u32)value & 0x100ff;
	if (mode != 0 && mode != 4)
		value |= GUARD_BIT(16);
	return (u32)value & (msr == 0x835 || msr == 0x836 ? 0x1a7ff : 0x107ff);
}
