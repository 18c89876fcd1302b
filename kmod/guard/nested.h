/* SPDX-License-Identifier: GPL-2.0-only */
/* What a guarded partition finds at which address. */
#ifndef PARKER_GUARD_NESTED_H
#define PARKER_GUARD_NESTED_H

#include "pages.h"

#define NESTED_INNER  (PAGES_PRESENT | PAGES_WRITE | PAGES_USER)
#define NESTED_OWN    (PAGES_WRITE | PAGES_USER)
#define NESTED_LOOK   PAGES_USER /* can be read alone */

#define NESTED_MIB         0x100000ull
#define NESTED_LOW_END     0xa0000ull /* RAM of a PC, then its frame buffer */
#define NESTED_ROM         0xc0000ull
#define NESTED_BUS_BYTES   NESTED_MIB /* of configuration space */
#define NESTED_BUS_DEVFNS  256

int guard_nested_low(struct guard_pages *pages, u64 own, u64 bytes, u64 scratch, u64 zeros);
int guard_nested_bus(struct guard_pages *pages, u64 ecam, const u8 *own, u64 ones);

#endif
