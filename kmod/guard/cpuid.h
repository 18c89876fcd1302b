/* SPDX-License-Identifier: GPL-2.0-only */
/* What CPUID says in a guarded partition. */
#ifndef PARKER_GUARD_CPUID_H
#define PARKER_GUARD_CPUID_H

#include "types.h"

struct guard_leaf {
	u32 eax, ebx, ecx, edx;
};

void guard_cpuid(u32 leaf, u32 subleaf, u64 cr4, struct guard_leaf *r);

#endif
