// SPDX-License-Identifier: LGPL-2.1-or-later
/* Partitions and their low slices come and go. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kmod_test.h"

void test_create(void)
{
	struct parker_info info = { .size = sizeof(info) };
	uint64_t slice = 0, second = 0;
	char name[16];
	unsigned int i;
	uint8_t *page;
	int err, events = events_open();

	err = partition(PARKER_IOC_CREATE, "one", &slice);
	CHECK("create", !err && slice >= 0x10000 && slice < 0xa0000 && !(slice & 4095), "%d: %#llx", err,
	      (unsigned long long)slice);
	CHECK("create-event", event_seen(events, "ACTION=add", "DEVPATH=/devices/virtual/parker/one"), "none");
	close(events);
	CHECK("create-twice", partition(PARKER_IOC_CREATE, "one", NULL) == -EEXIST, "accepted");
	CHECK("sysfs-new", attribute_is("one", "state", "idle") && attribute_is("one", "exit_reason", "none") &&
	      attribute_is("one", "cpus", "") && attribute_is("one", "memory", "") && attribute_is("one", "devices", "") &&
	      attribute_is("one", "heartbeat", "0") && attribute_is("one", "dma", "none"), "other");
	CHECK("create-second", !partition(PARKER_IOC_CREATE, "two", &second) && second != slice, "%#llx",
	      (unsigned long long)second);
	page = map(slice, PARKER_SLICE_BYTES);
	CHECK("slice-mapped", page != MAP_FAILED && !peek(page) && !peek(page + PARKER_SLICE_BYTES - 1), "no");
	memset(page, 0xaa, PARKER_SLICE_BYTES);

	/* A partition outlives its creator's file, and keeps the module in. */
	close(fd);
	err = syscall(SYS_delete_module, "parker", O_NONBLOCK) ? errno : 0;
	CHECK("mapping-survives-close", peek(page) == 0xaa, "no");
	munmap(page, PARKER_SLICE_BYTES);
	CHECK("rmmod-refused", err == EAGAIN || err == EBUSY, "%d", err);
	err = syscall(SYS_delete_module, "parker", O_NONBLOCK) ? errno : 0;
	CHECK("rmmod-refused-no-file", err == EAGAIN || err == EBUSY, "%d", err);
	fd = open("/dev/parker", O_RDWR | O_CLOEXEC);
	CHECK("survives-close", attribute_is("one", "state", "idle"), "gone");

	page = map(slice, PARKER_SLICE_BYTES);
	CHECK("slice-kept", peek(page) == 0xaa, "%d", peek(page));
	CHECK("destroy", !partition(PARKER_IOC_DESTROY, "one", NULL), "%d", errno);
	CHECK("sysfs-gone", access("/sys/class/parker/one", F_OK), "still there");
	CHECK("slice-sigbus", peek(page) == -1, "%d", peek(page));
	partition(PARKER_IOC_CREATE, "one", &second);
	CHECK("slice-sigbus-still", second == slice && peek(page) == -1, "%#llx: %d", (unsigned long long)second, peek(page));
	munmap(page, PARKER_SLICE_BYTES);
	page = map(slice, PARKER_SLICE_BYTES);
	CHECK("slice-zeroed", peek(page) == 0, "%d", peek(page));
	partition(PARKER_IOC_DESTROY, "one", NULL);
	partition(PARKER_IOC_DESTROY, "two", NULL);
	munmap(page, PARKER_SLICE_BYTES);

	call(PARKER_IOC_INFO, &info);
	for (i = 0; i < info.slices; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		err = partition(PARKER_IOC_CREATE, name, NULL);
		if (err)
			break;
	}
	CHECK("all-slices", i == info.slices, "%u of %u: %d", i, info.slices, err);
	err = partition(PARKER_IOC_CREATE, "more", NULL);
	CHECK("no-slice", err == -ENOSPC && why == PARKER_WHY_NO_SLICE, "%d, why %u", err, why);
	while (i--) {
		snprintf(name, sizeof(name), "s%u", i);
		partition(PARKER_IOC_DESTROY, name, NULL);
	}
	call(PARKER_IOC_INFO, &info);
	CHECK("slices-back", info.slices == info.slices_free, "%u of %u", info.slices_free, info.slices);
}
