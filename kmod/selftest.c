// SPDX-License-Identifier: GPL-2.0-only
/*
 * In a debug build alone (make PARKER_DEBUG=y): the pure parts are tried when the
 * module loads, which it refuses to if one is wrong; and tests can make what goes
 * wrong on a machine in trouble.
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "parker.h"
#include "low.h"

static unsigned int failures __initdata;

#define EXPECT(row, condition)                                                    \
	do {                                                                      \
		if (!(condition)) {                                               \
			pr_err("self-test: %s: not %s\n", row, #condition);       \
			failures++;                                               \
		}                                                                 \
	} while (0)

static void __init parker_test_names(void)
{
	static const struct {
		const char *name;
		bool valid;
	} rows[] __initconst = {
		{ "a", true }, { "db-1", true }, { "0", true },
		{ "abcdefghijklmnopqrstuvwxyz012345", true },
		{ "", false }, { "-a", false }, { "A", false }, { "a/b", false }, { "a.b", false },
		{ "..", false }, { "a b", false }, { "\xc3\xa4", false },
		{ "abcdefghijklmnopqrstuvwxyz0123456", false },
	};
	char name[PARKER_NAME_SIZE];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		strscpy_pad(name, rows[i].name, sizeof(name));
		EXPECT(rows[i].name, parker_name_valid(name) == rows[i].valid);
	}
	memset(name, 'a', sizeof(name)); /* no NUL at all */
	EXPECT("no end", !parker_name_valid(name));
	memset(name, 0, sizeof(name));
	name[0] = 'a';
	name[PARKER_NAME_SIZE - 1] = 'x';
	EXPECT("behind the end", !parker_name_valid(name));
}

static void __init parker_test_holds(void)
{
	static const struct {
		const char *row;
		u64 start, bytes;
		bool holds;
	} rows[] __initconst = {
		{ "all", SZ_1M, SZ_1M, true },
		{ "first byte", SZ_1M, 1, true },
		{ "last byte", SZ_2M - 1, 1, true },
		{ "before", SZ_1M - 1, 1, false },
		{ "behind", SZ_2M, 1, false },
		{ "over the end", SZ_2M - 1, 2, false },
		{ "over the start", SZ_1M - 1, 2, false },
		{ "wraps", SZ_1M + 1, ~0ull, false },
		{ "second range", SZ_4M, SZ_4M, true },
		{ "both ranges and between", SZ_1M, SZ_4M, false },
		{ "end of addresses", ~0ull, 1, false },
	};
	struct parker_part *part = kzalloc(sizeof(*part), GFP_KERNEL);
	unsigned int i;

	if (!part)
		return;
	part->nr_ranges = 2;
	part->ranges[0] = (struct parker_range){ .start = SZ_1M, .bytes = SZ_1M };
	part->ranges[1] = (struct parker_range){ .start = SZ_4M, .bytes = SZ_4M };
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		EXPECT(rows[i].row, parker_holds(part, rows[i].start, rows[i].bytes) == rows[i].holds);
	kfree(part);
}

static void __init parker_test_around(void)
{
	static const struct {
		const char *row;
		unsigned long pfn, start, end; /* 0: not held */
	} rows[] __initconst = {
		{ "slice's first", 0x10, 0x10, 0x19 },
		{ "slice's last", 0x18, 0x10, 0x19 },
		{ "before the slice", 0xf, 0, 0 },
		{ "behind the slice", 0x19, 0, 0 },
		{ "range's first", 0x200, 0x200, 0x400 },
		{ "range's last", 0x3ff, 0x200, 0x400 },
		{ "second range", 0x400, 0x400, 0x500 },
		{ "behind both", 0x500, 0, 0 },
		{ "last frame", ~0ul, 0, 0 },
	};
	struct parker_part *part = kzalloc(sizeof(*part), GFP_KERNEL);
	unsigned long start, end;
	unsigned int i;
	bool held;

	if (!part)
		return;
	part->slice = 0x10000;
	part->nr_ranges = 2;
	part->ranges[0] = (struct parker_range){ .start = SZ_2M, .bytes = SZ_2M };
	part->ranges[1] = (struct parker_range){ .start = SZ_4M, .bytes = SZ_1M };
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		held = parker_part_around(part, rows[i].pfn, &start, &end);
		EXPECT(rows[i].row, held == !!rows[i].end);
		EXPECT(rows[i].row, !held || (start == rows[i].start && end == rows[i].end));
	}
	kfree(part);
}

static void __init parker_test_buses(void)
{
	EXPECT("same bus", parker_same_bus(PARKER_PCI(0, 1, 0), PARKER_PCI(0, 1, 0xff)));
	EXPECT("next bus", !parker_same_bus(PARKER_PCI(0, 1, 0xff), PARKER_PCI(0, 2, 0)));
	EXPECT("another domain", !parker_same_bus(PARKER_PCI(0, 1, 0), PARKER_PCI(0x10000, 1, 0)));
	EXPECT("domain above 16 bits", parker_same_bus(PARKER_PCI(0x10000, 1, 0), PARKER_PCI(0x10000, 1, 1)));
}

/* Whose memory may be given back. */
static void __init parker_test_reach(void)
{
	struct parker_part *part = kzalloc(sizeof(*part), GFP_KERNEL);
	struct parker_fn *fn = kzalloc(sizeof(*fn), GFP_KERNEL);

	if (part && fn) {
		INIT_LIST_HEAD(&part->fns);
		EXPECT("no function", !parker_devices_reach(part));
		list_add(&fn->link, &part->fns);
		EXPECT("not used yet", !parker_devices_reach(part));
		fn->used = true;
		EXPECT("used, not confined", parker_devices_reach(part));
	}
	kfree(fn);
	kfree(part);
}

static void __init parker_test_apic_ids(void)
{
	static const struct {
		const char *row;
		u32 id;
		bool xapic, x2apic;
	} rows[] __initconst = {
		{ "first", 0, true, true },
		{ "last of xAPIC", 0xfe, true, true },
		{ "xAPIC's broadcast", 0xff, false, true },
		{ "x2APIC's alone", 0x100, false, true },
		{ "last to park", PARKER_LOW_IDS - 1, false, true },
		{ "no bit to say it is parked", PARKER_LOW_IDS, false, false },
		{ "BAD_APICID, before 6.9", 0xffff, false, false },
		{ "BAD_APICID", ~0u, false, false },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		EXPECT(rows[i].row, parker_apic_id_valid(rows[i].id, false) == rows[i].xapic);
		EXPECT(rows[i].row, parker_apic_id_valid(rows[i].id, true) == rows[i].x2apic);
	}
}

int __init parker_selftest(void)
{
	parker_test_names();
	parker_test_holds();
	parker_test_around();
	parker_test_buses();
	parker_test_reach();
	parker_test_apic_ids();
	pr_info("self-test: %u failures\n", failures);
	return failures ? -EINVAL : 0;
}

/* A command that does not come to its end: for so many milliseconds parker_lock cannot be had. */
static int parker_set_hold(const char *text, const struct kernel_param *param)
{
	unsigned int ms;
	int err = kstrtouint(text, 0, &ms);

	if (err)
		return err;
	guard(mutex)(&parker_lock);
	msleep(ms);
	return 0;
}

static const struct kernel_param_ops parker_hold_ops = { .set = parker_set_hold };
module_param_cb(hold_lock, &parker_hold_ops, NULL, 0200);
