/* SPDX-License-Identifier: GPL-2.0-only */
/* What a page with parker_low_code has at which offset; read by trampoline.S, too. */
#ifndef PARKER_LOW_H
#define PARKER_LOW_H

#define PARKER_LOW_PARKED 0x400 /* a bit for each APIC ID */
#define PARKER_LOW_IDS    ((PARKER_LOW_STACK - 0x100 - PARKER_LOW_PARKED) * 8)
#define PARKER_LOW_STACK  0xff0 /* downwards from here */

#endif
