// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs may walk these tables while they change: each entry is written at once, and from
 * absent to present, or back. Whoever takes something away has to flush afterwards; a
 * page that is cut into smaller ones says the same as before. Tables are not freed one
 * by one.
 */
#include "pages.h"

#define HIGHEST 3 /* level; level 0 has pages of 4 KiB */

static u64 level_bytes(int level)
{
	return GUARD_PAGE << 9 * level;
}

static void set(u64 *entry, u64 value)
{
	*(volatile u64 *)entry = value;
}

static bool is_table(u64 entry, int level)
{
	return level && entry & PAGES_PRESENT && !(entry & PAGES_LARGE);
}

static bool whole(u64 from, u64 bytes)
{
	return bytes && !((from | bytes) & (GUARD_PAGE - 1)) && bytes <= PAGES_END && from <= PAGES_END - bytes;
}

/* The entry for an address that leads to no table, but not below @level; its own is returned there. */
static u64 *find(struct guard_pages *pages, u64 from, int *level)
{
	u64 table = pages->root, *entry;
	int at = HIGHEST;

	for (;; at--) {
		entry = pages->at(pages, table) + (from >> (12 + 9 * at) & 511);
		if (at == *level || !is_table(*entry, at))
			break;
		table = *entry & PAGES_ADDRESS;
	}
	*level = at;
	return entry;
}

/* What is at an address, and how far from there on: the entry of a page, or 0. */
u64 guard_pages_walk(struct guard_pages *pages, u64 from, u64 *bytes)
{
	int level = 0;
	u64 entry = *find(pages, from, &level);

	*bytes = level_bytes(level) - (from & (level_bytes(level) - 1));
	return entry & PAGES_PRESENT ? entry : 0;
}

static bool empty(struct guard_pages *pages, u64 from, u64 bytes)
{
	u64 end = from + bytes, step;

	for (; from < end; from += step)
		if (guard_pages_walk(pages, from, &step))
			return false;
	return true;
}

/* One page, of the largest size that fits, at a place where none is. 0: no page is left for a table. */
static u64 map_one(struct guard_pages *pages, u64 from, u64 to, u64 bytes, u64 flags)
{
	int want = pages->gigantic ? 2 : 1, level;
	u64 *entry, table;

	while (want && ((from | to) & (level_bytes(want) - 1) || bytes < level_bytes(want)))
		want--;
	for (;;) {
		level = want;
		entry = find(pages, from, &level);
		if (level == want && !is_table(*entry, level))
			break;
		if (level == want) { /* smaller ones were here once */
			want--;
			continue;
		}
		table = pages->fresh(pages);
		if (!table)
			return 0;
		set(entry, table | pages->inner);
	}
	set(entry, to | flags | PAGES_PRESENT | (want ? PAGES_LARGE : 0));
	return level_bytes(want);
}

/* After PAGES_FULL a part may be mapped; otherwise all, or nothing. */
int guard_pages_map(struct guard_pages *pages, u64 from, u64 to, u64 bytes, u64 flags)
{
	u64 step;

	if (!whole(from, bytes) || to & (GUARD_PAGE - 1) || to & ~PAGES_ADDRESS || bytes > PAGES_ADDRESS - to)
		return PAGES_BAD;
	if (!empty(pages, from, bytes))
		return PAGES_TAKEN;
	for (; bytes; from += step, to += step, bytes -= step) {
		step = map_one(pages, from, to, bytes, flags);
		if (!step)
			return PAGES_FULL;
	}
	return PAGES_DONE;
}

/* A large page becomes a table of smaller ones. */
static bool cut(struct guard_pages *pages, u64 *entry, int level)
{
	u64 small = *entry, table = pages->fresh(pages), *at;
	int i;

	if (!table)
		return false;
	if (level == 1)
		small &= ~PAGES_LARGE;
	at = pages->at(pages, table);
	for (i = 0; i < 512; i++)
		set(at + i, small + i * level_bytes(level - 1));
	set(entry, table | pages->inner);
	return true;
}

/* What is not there is no error. After PAGES_FULL a part may be left. */
int guard_pages_unmap(struct guard_pages *pages, u64 from, u64 bytes)
{
	u64 end = from + bytes, step, *entry;
	int level;

	if (!whole(from, bytes))
		return PAGES_BAD;
	while (from < end) {
		level = 0;
		entry = find(pages, from, &level);
		step = level_bytes(level) - (from & (level_bytes(level) - 1));
		if (*entry & PAGES_PRESENT) {
			if (from & (level_bytes(level) - 1) || end - from < level_bytes(level)) {
				if (!cut(pages, entry, level))
					return PAGES_FULL;
				continue;
			}
			set(entry, 0);
		}
		from += step;
	}
	return PAGES_DONE;
}
