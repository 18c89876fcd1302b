// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel that has lost its mind: overwrites the note that says where its log
 * is, and the log, and goes on. What it needs is exported to no module. With
 * maze=MIB it also fills so much memory with page tables that lead to each
 * other, and to nothing but what looks like the beginning of a log.
 */

#include <linux/io.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>

/* The beginning of struct printk_ringbuffer, kernel/printk/printk_ringbuffer.h. */
struct ring {
	unsigned int count_bits;
	void *descs;
	void *infos;
};
#define INFO_BYTES 88 /* struct printk_info */

static unsigned int maze;
module_param(maze, uint, 0);

#define BLOCK_ORDER 9 /* 2 MiB: what a large page maps */
#define TABLE (PAGE_SIZE / sizeof(u64))

/*
 * Each page is a top table: its last entry leads to page 1, a table of each of
 * the upper levels, which leads to page 2, which maps the block itself.
 */
static void lay_block(u64 *at, u64 start)
{
	size_t i;

	for (i = 0; i < TABLE << BLOCK_ORDER; i++)
		at[i] = i % 3 == 2 ? 0xff000000 | (i & 0xffff) : 0xffffffff80000000 + i * 8;
	for (i = TABLE - 1; i < TABLE << BLOCK_ORDER; i += TABLE)
		at[i] = (start + PAGE_SIZE) | 3;
	for (i = 0; i < TABLE; i++) {
		at[TABLE + i] = (start + (i == TABLE - 1 ? 1 : 2) * PAGE_SIZE) | 3;
		at[2 * TABLE + i] = start | 0x83;
	}
}

static unsigned long (*lookup)(const char *name);

static int __init garble_init(void)
{
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	struct ring *ring;
	char *text;
	u32 bytes;
	unsigned int mib;
	int err;

	err = register_kprobe(&probe);
	if (err)
		return err;
	lookup = (void *)probe.addr;
	unregister_kprobe(&probe);
	if (!lookup("vmcoreinfo_note") || !lookup("prb") || !lookup("log_buf") || !lookup("log_buf_len"))
		return -ENOENT;
	ring = *(struct ring **)lookup("prb");
	text = *(char **)lookup("log_buf");
	bytes = *(u32 *)lookup("log_buf_len");
	memset(*(void **)lookup("vmcoreinfo_note"), 0x5a, PAGE_SIZE);
	memset(ring->infos, 0xa5, (size_t)INFO_BYTES << ring->count_bits);
	memset(text, 0xa5, bytes);
	for (mib = 0; mib < maze; mib += 2) { /* which stays allocated */
		struct page *block = alloc_pages(GFP_KERNEL, BLOCK_ORDER);

		if (!block)
			return -ENOMEM;
		lay_block(page_address(block), page_to_phys(block));
	}
	return 0;
}
module_init(garble_init);

MODULE_DESCRIPTION("Overwrite this kernel's log and the note that leads there");
MODULE_LICENSE("GPL");
