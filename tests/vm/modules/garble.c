// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel that has lost its mind: overwrites the note that says where its log
 * is, and the log, and goes on. What it needs is exported to no module.
 */

#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/string.h>

/* The beginning of struct printk_ringbuffer, kernel/printk/printk_ringbuffer.h. */
struct ring {
	unsigned int count_bits;
	void *descs;
	void *infos;
};
#define INFO_BYTES 88 /* struct printk_info */

static unsigned long (*lookup)(const char *name);

static int __init garble_init(void)
{
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	struct ring *ring;
	char *text;
	u32 bytes;
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
	return 0;
}
module_init(garble_init);

MODULE_DESCRIPTION("Overwrite this kernel's log and the note that leads there");
MODULE_LICENSE("GPL");
