// SPDX-License-Identifier: GPL-2.0-only
/*
 * The RAM below 1 MiB, where CPUs begin: a slice for each partition, a page in
 * which CPUs that have nothing to do are parked, and the code that they execute.
 */
#include <linux/bitops.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <asm/pgtable_types.h>
#include <asm/realmode.h>
#include <asm/trapnr.h>

#include "parker.h"
#include "low.h"

#define LOW_START   0x10000 /* Linux leaves the first 64 KiB to the BIOS */
#define LOW_END     0xa0000
#define LOW_CLEAR   0x10000 /* from its start: this kernel's trampoline */

/* trampoline.S begins with this. */
struct parker_low_page {
	u8 jump[8];
	u64 page_table;
	u64 entry;
	u64 boot_params;
	u64 control;
	u32 tables; /* temporary PML4 */
	u32 long_mode; /* far pointer; offset into the page, made an address here */
	u16 code_segment;
	u16 gdt_limit;
	u32 gdt; /* as long_mode */
	u16 idt_limit;
	u32 idt; /* as long_mode */
	u16 bytes; /* of all the code */
	u16 idt_at;
	u16 real_handlers[2]; /* offsets; NMI, machine check */
	u16 long_handlers[2];
	u16 __pad;
	u32 park; /* 1: this is the page to park in */
} __packed;

extern const u8 parker_low_code[]; /* as long as its own header says */

/* All low slices of the machine and the page to park in, found once. */
static phys_addr_t slices[(LOW_END - LOW_START) / PARKER_SLICE_BYTES];
static unsigned int nr_slices;
static phys_addr_t park_page;
static u8 park_image[PARKER_LOW_PARKED];

static const u8 vectors[] = { X86_TRAP_NMI, X86_TRAP_MC };

/* Real mode's vectors and long mode's gates, in one table (trampoline.S). */
static void parker_low_idt(struct parker_low_page *page, phys_addr_t addr)
{
	u8 *idt = (u8 *)page + page->idt_at;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vectors); i++) {
		u16 *real = (u16 *)(idt + vectors[i] * 4);
		u16 *gate = (u16 *)(idt + vectors[i] * 16);

		real[0] = page->real_handlers[i];
		real[1] = addr >> 4;
		gate[0] = (addr & 0xffff) + page->long_handlers[i];
		gate[1] = page->code_segment;
		gate[2] = 0x8e00; /* present, interrupt gate */
		gate[3] = addr >> 16;
	}
}

static u16 parker_low_bytes(void)
{
	return ((const struct parker_low_page *)parker_low_code)->bytes;
}

static struct parker_low_page *parker_low_copy(phys_addr_t addr)
{
	struct parker_low_page *page = __va(addr);

	memcpy(page, parker_low_code, parker_low_bytes());
	page->long_mode += addr;
	page->gdt += addr;
	page->idt += addr;
	parker_low_idt(page, addr);
	return page;
}

/* Identity for the lowest 2 MiB: all that the way to long mode needs. */
static void parker_low_tables(phys_addr_t tables)
{
	u64 *pml4 = __va(tables), *pdpt = __va(tables + PAGE_SIZE), *pd = __va(tables + 2 * PAGE_SIZE);

	memset(pml4, 0, 3 * PAGE_SIZE);
	pml4[0] = (tables + PAGE_SIZE) | _PAGE_PRESENT | _PAGE_RW;
	pdpt[0] = (tables + 2 * PAGE_SIZE) | _PAGE_PRESENT | _PAGE_RW;
	pd[0] = _PAGE_PRESENT | _PAGE_RW | _PAGE_PSE;
}

/* In the part of the slice that is the application kernel's RAM afterwards. Where to start by SIPI. */
phys_addr_t parker_low_trampoline(const struct parker_part *part, const struct parker_start *a)
{
	phys_addr_t addr = part->slice + PARKER_SLICE_RAM, tables = addr + PAGE_SIZE;
	struct parker_low_page *page = parker_low_copy(addr);

	page->page_table = a->page_table;
	page->entry = a->entry;
	page->boot_params = a->boot_params;
	page->control = part->slice + PARKER_SLICE_CONTROL;
	page->tables = tables;
	parker_low_tables(tables);
	return addr;
}

/*
 * The page to park in, written anew each time because an application kernel can
 * reach it: with the same bytes, as CPUs may be there.
 */
phys_addr_t parker_low_park(void)
{
	memcpy(__va(park_page), park_image, parker_low_bytes());
	return park_page;
}

static void __init parker_low_park_init(void)
{
	struct parker_low_page *page = __va(park_page);

	memset(page, 0, PAGE_SIZE);
	parker_low_copy(park_page);
	page->park = 1;
	memcpy(park_image, (const u8 *)page, parker_low_bytes());
}

static unsigned long *parker_low_parked_bits(void)
{
	return __va(park_page + PARKER_LOW_PARKED);
}

bool parker_low_parked(u32 apic_id)
{
	return test_bit(apic_id, parker_low_parked_bits());
}

void parker_low_clear_parked(u32 apic_id)
{
	clear_bit(apic_id, parker_low_parked_bits());
}

/*
 * This kernel brings its own CPUs up through a trampoline that it places as high
 * as it can below 1 MiB. Its header, at the start of a page, holds physical
 * addresses of parts of itself.
 */
static bool __init parker_low_is_kernels(phys_addr_t page)
{
	const struct real_mode_header *header = __va(page);
	u32 end = page + LOW_CLEAR;

	return IS_ALIGNED(header->text_start, PAGE_SIZE) && IS_ALIGNED(header->trampoline_pgd, PAGE_SIZE) &&
	       header->text_start > page && header->ro_end > header->text_start && header->ro_end < end &&
	       header->trampoline_start >= header->text_start && header->trampoline_start < header->ro_end &&
	       header->trampoline_pgd > page && header->trampoline_pgd < end;
}

/* RAM that this kernel reserved, and that is not part of what looks like a kernel's trampoline. */
static bool __init parker_low_usable(phys_addr_t page)
{
	phys_addr_t near = page > LOW_CLEAR ? page - LOW_CLEAR + PAGE_SIZE : 0;

	if (!page_is_ram(PHYS_PFN(page)) || !PageReserved(pfn_to_page(PHYS_PFN(page))))
		return false;
	for (; near <= page; near += PAGE_SIZE)
		if (page_is_ram(PHYS_PFN(near)) && parker_low_is_kernels(near))
			return false;
	return true;
}

/* The highest page from @addr on, within @bytes, that cannot be had; 0: none. */
static phys_addr_t __init parker_low_obstacle(phys_addr_t addr, phys_addr_t bytes)
{
	phys_addr_t page;

	for (page = addr + bytes; page > addr;) {
		page -= PAGE_SIZE;
		if (!parker_low_usable(page))
			return page;
	}
	return 0;
}

/*
 * Low slices come from RAM that this kernel reserved and, since 5.13, does not
 * use after it has booted: all of it below 1 MiB, but for its trampoline. Without
 * having found that one, nothing here is safe to write to.
 */
int __init parker_low_init(void)
{
	phys_addr_t top = LOW_START, addr, page;
	bool found = false;

	BUILD_BUG_ON(sizeof(struct parker_low_page) != 80);
	if (parker_low_bytes() > sizeof(park_image))
		return -EFBIG;
	for (page = 0; page < LOW_END; page += PAGE_SIZE) {
		if (!page_is_ram(PHYS_PFN(page)))
			continue;
		top = max_t(phys_addr_t, top, page + PAGE_SIZE);
		found |= parker_low_is_kernels(page);
	}
	if (!found) {
		pr_err("this kernel's own trampoline below 1 MiB was not found\n");
		return -ENXIO;
	}
	top -= LOW_CLEAR;

	for (page = top - PAGE_SIZE; page > LOW_START && !parker_low_usable(page); page -= PAGE_SIZE)
		;
	if (page <= LOW_START) {
		pr_err("no RAM below 1 MiB to park CPUs in\n");
		return -ENXIO;
	}
	park_page = page;
	parker_low_park_init();

	for (addr = LOW_START; addr + PARKER_SLICE_BYTES <= park_page;) {
		page = parker_low_obstacle(addr, PARKER_SLICE_BYTES);
		if (!page)
			slices[nr_slices++] = addr;
		addr = page ? page + PAGE_SIZE : addr + PARKER_SLICE_BYTES;
	}
	pr_info("%u low slices\n", nr_slices);
	return 0;
}

static bool parker_slice_free(phys_addr_t slice)
{
	struct parker_part *part;

	list_for_each_entry(part, &parker_parts, link)
		if (part->slice == slice)
			return false;
	return true;
}

void parker_slices_count(u32 *all, u32 *free)
{
	unsigned int i;

	lockdep_assert_held(&parker_view);
	*all = nr_slices;
	*free = 0;
	for (i = 0; i < nr_slices; i++)
		*free += parker_slice_free(slices[i]);
}

/* 0: none is left. It is the partition's once that is in the list. */
phys_addr_t parker_slice_find(void)
{
	unsigned int i;

	lockdep_assert_held(&parker_lock);
	for (i = 0; i < nr_slices; i++)
		if (parker_slice_free(slices[i]))
			return slices[i];
	return 0;
}
