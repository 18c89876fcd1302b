/* SPDX-License-Identifier: GPL-2.0-only */
/* The guard's files are compiled in three places: the module, the guard itself, which has nothing below it, and their tests. */
#ifndef PARKER_GUARD_TYPES_H
#define PARKER_GUARD_TYPES_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64; /* as the kernel's */
#endif

#define GUARD_PAGE  0x1000ull
#define GUARD_BIT(n) (1ull << (n))

#endif
