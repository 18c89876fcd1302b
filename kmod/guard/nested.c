// SPDX-License-Identifier: GPL-2.0-only
/*
 * Above the first MiB everything has the address that it has on the machine: what a
 * device is told is then what the kernel knows. Memory types are those of the guest's
 * own tables and the machine's MTRRs: no flag here says otherwise.
 */
#include "nested.h"

static int map_each(struct guard_pages *pages, u64 from, u64 end, u64 to, u64 flags)
{
	int err = PAGES_DONE;

	for (; from < end && !err; from += GUARD_PAGE)
		err = guard_pages_map(pages, from, to, GUARD_PAGE, flags);
	return err;
}

/*
 * The first MiB: [own, own + bytes) is the partition's, under the machine's address. A
 * page of scratch is all the rest of what is RAM on a PC, and its frame buffer: kernels
 * leave a vector there for a CPU that they wake. Tables of a BIOS are looked for, and
 * not found, in a page of zeros.
 */
int guard_nested_low(struct guard_pages *pages, u64 own, u64 bytes, u64 scratch, u64 zeros)
{
	if (own > NESTED_LOW_END || bytes > NESTED_LOW_END - own)
		return PAGES_BAD;
	return map_each(pages, 0, own, scratch, NESTED_OWN) ?: guard_pages_map(pages, own, own, bytes, NESTED_OWN) ?:
	       map_each(pages, own + bytes, NESTED_ROM, scratch, NESTED_OWN) ?:
	       map_each(pages, NESTED_ROM, NESTED_MIB, zeros, NESTED_LOOK);
}

/*
 * The configuration space of a bus, of which the partition has the functions whose bits
 * are set in @own. The others are what an empty slot is: all ones.
 */
int guard_nested_bus(struct guard_pages *pages, u64 ecam, const u8 *own, u64 ones)
{
	unsigned int devfn;
	int err = PAGES_DONE;

	for (devfn = 0; devfn < NESTED_BUS_DEVFNS && !err; devfn++) {
		u64 page = ecam + devfn * GUARD_PAGE;
		bool mine = own[devfn / 8] >> devfn % 8 & 1;

		err = guard_pages_map(pages, page, mine ? page : ones, GUARD_PAGE, mine ? NESTED_OWN : NESTED_LOOK);
	}
	return err;
}
