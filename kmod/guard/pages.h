/* SPDX-License-Identifier: GPL-2.0-only */
/* Page tables of four levels: the nested ones of a partition, and the guard's own. */
#ifndef PARKER_GUARD_PAGES_H
#define PARKER_GUARD_PAGES_H

#include "types.h"

#define PAGES_PRESENT  GUARD_BIT(0)
#define PAGES_WRITE    GUARD_BIT(1)
#define PAGES_USER     GUARD_BIT(2) /* what a nested walk counts as */
#define PAGES_LARGE    GUARD_BIT(7)
#define PAGES_NO_EXEC  GUARD_BIT(63)
#define PAGES_ADDRESS  0x000ffffffffff000ull

#define PAGES_END GUARD_BIT(48)

enum {
	PAGES_DONE,
	PAGES_BAD, /* not whole pages, or too high */
	PAGES_TAKEN, /* something is there */
	PAGES_FULL, /* no page left for a table */
};

struct guard_pages {
	u64 root; /* physical address of the first table */
	u64 inner; /* flags of an entry that leads to a table */
	bool gigantic; /* the CPUs know pages of 1 GiB */
	u64 *(*at)(struct guard_pages *pages, u64 table); /* where the table can be read and written */
	u64 (*fresh)(struct guard_pages *pages); /* a page of zeros, by physical address; 0: none left */
};

int guard_pages_map(struct guard_pages *pages, u64 from, u64 to, u64 bytes, u64 flags);
int guard_pages_unmap(struct guard_pages *pages, u64 from, u64 bytes);
u64 guard_pages_walk(struct guard_pages *pages, u64 from, u64 *bytes);

#endif
