/* SPDX-License-Identifier: GPL-2.0-only */
/* What a write to the interrupt command register asks for. */
#ifndef PARKER_GUARD_ICR_H
#define PARKER_GUARD_ICR_H

#include "types.h"

enum guard_icr_order {
	ICR_NOTHING, /* does nothing on a machine either */
	ICR_FORBIDDEN, /* whoever it goes to */
	ICR_INTERRUPT,
	ICR_NMI,
	ICR_INIT,
	ICR_STARTUP,
};

struct guard_icr {
	enum guard_icr_order order;
	u8 vector;
	u8 shorthand; /* 0: none, 1: self, 2: all, 3: all but self */
	u32 destination; /* an APIC ID; ICR_ALL: each */
};

#define ICR_ALL 0xffffffffu

u64 guard_icr_from_xapic(u32 high, u32 low);
struct guard_icr guard_icr_decode(u64 value);
bool guard_icr_names(const struct guard_icr *icr, u32 id);
bool guard_icr_hits(const struct guard_icr *icr, u32 self, u32 id);

#endif
