// SPDX-License-Identifier: GPL-2.0-only
#include "icr.h"

/* As x2APIC mode has it: one register, and destinations of 32 bits. */
u64 guard_icr_from_xapic(u32 high, u32 low)
{
	u32 destination = high >> 24 == 0xff ? ICR_ALL : high >> 24;

	return (u64)destination << 32 | low;
}

/*
 * Logical destinations are forbidden: what they mean is said by registers of all CPUs
 * of the machine. A kernel whose firmware asks for physical mode uses none. So are
 * system management interrupts, and lowest priority, where other CPUs take part.
 */
struct guard_icr guard_icr_decode(u64 value)
{
	u32 low = (u32)value, mode = low >> 8 & 7;
	bool logical = low >> 11 & 1, assert = low >> 14 & 1, level = low >> 15 & 1;
	struct guard_icr icr = { .order = ICR_FORBIDDEN, .vector = (u8)low, .shorthand = low >> 18 & 3,
			   .destination = (u32)(value >> 32) };

	switch (mode) {
	case 0:
		icr.order = icr.vector >= 16 ? ICR_INTERRUPT : ICR_NOTHING;
		break;
	case 4:
		icr.order = ICR_NMI;
		break;
	case 5:
		/* a de-assert, which old kernels send after each */
		icr.order = level && !assert ? ICR_NOTHING : ICR_INIT;
		break;
	case 6:
		icr.order = ICR_STARTUP;
		break;
	default:
		return icr;
	}
	if (logical && !icr.shorthand)
		icr.order = ICR_FORBIDDEN;
	/* "Self" and "all" go with ordinary interrupts alone (SDM 3A, table 10-3). */
	if (icr.order > ICR_INTERRUPT && (icr.shorthand == 1 || icr.shorthand == 2))
		icr.order = ICR_NOTHING;
	return icr;
}

/* Whether it is for the CPU with that ID by name, and not because it is one of all. */
bool guard_icr_names(const struct guard_icr *icr, u32 id)
{
	return !icr->shorthand && icr->destination == id;
}

/* Whether it is for the CPU with that ID when the one with the ID @self sends it. */
bool guard_icr_hits(const struct guard_icr *icr, u32 self, u32 id)
{
	switch (icr->shorthand) {
	case 0:
		return icr->destination == ICR_ALL || icr->destination == id;
	case 1:
		return id == self;
	case 2:
		return true;
	default:
		return id != self;
	}
}
