// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory leaves this kernel by contiguous allocation, which migrates away what
 * is in use, and is zero whenever it changes hands.
 *
 * While a partition holds it, its pages are PageOffline: this kernel does not
 * look into them (crash dump, /proc/kcore), and does not wait for them when the
 * memory block or the node is to go: that is refused at once.
 */
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/hugetlb.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>

#include "parker.h"
#include "compat.h"

#define ZERO_WORKERS 8 /* as many as it takes to fill a node's memory bandwidth */
#define ZERO_LEAST   (64ul << 20) /* bytes that are worth a worker */

/* Pages that are allocated or freed between two points of rescheduling. */
#define CHUNK_PAGES (SZ_1G >> PAGE_SHIFT)

struct zero_work {
	struct work_struct work;
	u64 start, end;
};

/* Two takers at once would spoil each other's runs of free pages. */
static DEFINE_MUTEX(take_lock);

/*
 * Past the caches: this is more than they hold, and nobody here reads it. On an
 * emulator it is also far quicker than the string instructions of clear_page().
 * The kernel's own threads for such work (padata) are not exported to modules.
 */
static void parker_memory_zero_some(struct work_struct *work)
{
	struct zero_work *z = container_of(work, struct zero_work, work);
	u64 addr;

	for (addr = z->start; addr < z->end; addr += PAGE_SIZE) {
		u64 *word = __va(addr), *end = __va(addr + PAGE_SIZE);

		for (; word < end; word += 4)
			asm volatile("movnti %1, (%0)\n\t"
				     "movnti %1, 8(%0)\n\t"
				     "movnti %1, 16(%0)\n\t"
				     "movnti %1, 24(%0)" : : "r"(word), "r"(0ul) : "memory");
		cond_resched();
	}
	wmb(); /* such stores are weakly ordered */
}

/* On CPUs of the memory's node, or any if it has none online. */
static void parker_memory_zero(const struct parker_range *range)
{
	struct zero_work z[ZERO_WORKERS];
	u64 pages = range->bytes >> PAGE_SHIFT, done = 0;
	unsigned int n = cpumask_weight_and(cpumask_of_node(range->node), cpu_online_mask), i;

	n = clamp_t(u64, range->bytes / ZERO_LEAST, 1, clamp(n ?: num_online_cpus(), 1u, ZERO_WORKERS + 0u));
	for (i = 0; i < n; i++) {
		z[i].start = range->start + (done << PAGE_SHIFT);
		done += (pages - done) / (n - i);
		z[i].end = range->start + (done << PAGE_SHIFT);
		INIT_WORK_ONSTACK(&z[i].work, parker_memory_zero_some);
		queue_work_node(range->node, system_unbound_wq, &z[i].work);
	}
	for (i = 0; i < n; i++) {
		flush_work(&z[i].work);
		destroy_work_on_stack(&z[i].work);
	}
}

/*
 * Can surely not be had: saves an attempt. Only a hint, because pages change
 * while we look; alloc_contig_range() decides.
 */
static bool parker_memory_hopeless(struct zone *zone, unsigned long pfn, unsigned long nr)
{
	unsigned long i;

	for (i = pfn; i < pfn + nr; i++) {
		struct page *page = pfn_to_online_page(i);

		if (!page || page_zone(page) != zone || PageReserved(page) || PageSlab(page) || PageHuge(page))
			return true;
		if (!(i & 0xfff))
			cond_resched();
	}
	return false;
}

/* Of pages that are allocated: all of a partition's memory, its low slice too. */
void parker_memory_hide(unsigned long pfn, unsigned long nr)
{
	unsigned long end;

	while (nr) {
		/* A reader of /proc/kcore is either done before or sees it. */
		page_offline_begin();
		for (end = pfn + min(nr, CHUNK_PAGES); pfn < end; pfn++, nr--)
			__SetPageOffline(pfn_to_page(pfn));
		page_offline_end();
		cond_resched();
	}
}

void parker_memory_show(unsigned long pfn, unsigned long nr)
{
	unsigned long i;

	for (i = pfn; i < pfn + nr; i++) {
		__ClearPageOffline(pfn_to_page(i));
		if (!(i & 0xffff))
			cond_resched();
	}
}

static void parker_memory_free(unsigned long pfn, unsigned long nr)
{
	while (nr) {
		unsigned long step = min(nr, CHUNK_PAGES);

		free_contig_range(pfn, step);
		pfn += step;
		nr -= step;
		cond_resched();
	}
}

/*
 * A node with CPUs keeps what its watermarks ask for, free or in the page cache:
 * contiguous allocation itself would go down to the last page.
 */
static bool parker_memory_floor(int node)
{
	unsigned long have = 0, floor = 0;
	int i;

	if (cpumask_empty(cpumask_of_node(node)))
		return true;
	for (i = 0; i < MAX_NR_ZONES; i++) {
		struct zone *zone = &NODE_DATA(node)->node_zones[i];

		have += zone_page_state(zone, NR_FREE_PAGES) + zone_page_state(zone, NR_ZONE_ACTIVE_FILE) +
			zone_page_state(zone, NR_ZONE_INACTIVE_FILE);
		floor += high_wmark_pages(zone);
	}
	return have >= floor;
}

/*
 * Takes the highest run of @nr free pages below the frame @limit, going down by
 * @most pages at a time and starting anew below what cannot be had: each page is
 * tried once, so that the time grows with the zone and not with its square.
 */
static int parker_memory_take_run(struct zone *zone, unsigned long nr, unsigned long most, unsigned long align,
				  unsigned long limit, unsigned long *start)
{
	unsigned long pfn = ALIGN_DOWN(min(zone_end_pfn(zone), limit), align), run = 0, step;
	int err = -ENOMEM;

	while (pfn >= zone->zone_start_pfn && pfn - zone->zone_start_pfn >= nr - run) {
		step = min(most, nr - run);
		pfn -= step;
		err = parker_memory_hopeless(zone, pfn, step) ? -EBUSY : parker_alloc_contig(pfn, step);
		if (!err) {
			run += step;
			if (!parker_memory_floor(zone_to_nid(zone))) {
				err = -ENOMEM;
				break;
			}
			if (run == nr) {
				*start = pfn;
				return 0;
			}
		} else {
			parker_memory_free(pfn + step, run);
			run = 0;
			pfn = ALIGN_DOWN(pfn, align);
		}
		if (fatal_signal_pending(current)) {
			err = -EINTR;
			break;
		}
		cond_resched();
	}
	parker_memory_free(pfn, run);
	return err == -EINTR ? -EINTR : -ENOMEM;
}

static int parker_memory_take(int node, unsigned long nr, unsigned long align, unsigned long limit,
			      unsigned long *start)
{
	unsigned long most = min(nr, CHUNK_PAGES);
	int i, err = -ENOMEM;

	for (i = MAX_NR_ZONES - 1; i >= 0 && err == -ENOMEM; i--) {
		struct zone *zone = &NODE_DATA(node)->node_zones[i];

		if (!populated_zone(zone) || parker_zone_is_dma(i))
			continue;
		/* In large pieces on a quiet machine, laboriously on another. */
		err = parker_memory_take_run(zone, nr, most, align, limit, start);
		if (err == -ENOMEM && most > align)
			err = parker_memory_take_run(zone, nr, align, align, limit, start);
	}
	return err;
}

/* The kernel's total says what it can use: so a taken range does not count. */
static void parker_memory_account(unsigned long pfn, long nr)
{
	adjust_managed_page_count(pfn_to_page(pfn), nr);
}

int parker_take_memory(struct parker_part *part, void *arg, const u64 *items)
{
	struct parker_memory *a = arg;
	unsigned long nr = a->bytes >> PAGE_SHIFT, pfn;
	struct parker_range range;
	int err;

	if (!is_power_of_2(a->align) || a->align < SZ_2M || !a->bytes || a->bytes & (a->align - 1))
		return -EINVAL;
	if (a->node >= MAX_NUMNODES || !node_online(a->node)) {
		a->why = PARKER_WHY_NO_SUCH;
		return -ENXIO;
	}
	if (part->nr_ranges == PARKER_RANGES_MAX)
		return -ENOSPC;

	parker_slow_begin(part);
	err = mutex_lock_killable(&take_lock);
	if (!err) {
		err = parker_memory_take(a->node, nr, a->align >> PAGE_SHIFT,
					 a->below ? a->below >> PAGE_SHIFT : ULONG_MAX, &pfn);
		mutex_unlock(&take_lock);
	}
	if (!err) {
		range.start = PFN_PHYS(pfn);
		range.bytes = a->bytes;
		range.node = a->node;
		/* Otherwise the allocation has zeroed it. */
		if (!want_init_on_alloc(GFP_KERNEL))
			parker_memory_zero(&range);
		err = parker_dma_map(part, range.start, range.bytes);
		if (err) {
			a->why = PARKER_WHY_IOMMU;
			parker_memory_free(pfn, nr);
		} else {
			parker_memory_hide(pfn, nr);
			parker_memory_account(pfn, -(long)nr);
		}
	}
	parker_slow_end(part);
	if (err)
		return err;

	down_write(&parker_view);
	part->ranges[part->nr_ranges++] = range;
	up_write(&parker_view);
	a->start = range.start;
	return 0;
}

int parker_give_memory(struct parker_part *part, void *arg, const u64 *items)
{
	struct parker_memory *a = arg;
	struct parker_range range;
	unsigned int i;

	for (i = 0; i < part->nr_ranges && part->ranges[i].start != a->start; i++)
		;
	if (i == part->nr_ranges) {
		a->why = PARKER_WHY_NOT_HELD;
		return -ENXIO;
	}

	/* Not even for the short time until it is zero. */
	if (parker_devices_reach(part)) {
		a->why = PARKER_WHY_USED;
		return -EBUSY;
	}

	down_write(&parker_view);
	range = part->ranges[i];
	part->nr_ranges--;
	memmove(&part->ranges[i], &part->ranges[i + 1], (part->nr_ranges - i) * sizeof(range));
	up_write(&parker_view);

	/* From here on nothing new can reach it; then cut what did before. */
	parker_unmap(range.start, range.bytes);
	parker_slow_begin(part);
	parker_dma_unmap(part, range.start, range.bytes);
	if (!want_init_on_free())
		parker_memory_zero(&range);
	parker_memory_show(PHYS_PFN(range.start), range.bytes >> PAGE_SHIFT);
	parker_memory_account(PHYS_PFN(range.start), range.bytes >> PAGE_SHIFT);
	parker_memory_free(PHYS_PFN(range.start), range.bytes >> PAGE_SHIFT);
	parker_slow_end(part);
	a->bytes = range.bytes;
	return 0;
}
