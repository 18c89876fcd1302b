// SPDX-License-Identifier: LGPL-2.1-or-later
/* PCI functions are taken, reset, unplugged, and given back. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kmod_test.h"

enum { STATUS = 0x14, VIRTIO_BYTES = 4096 };

/* A reset function forgets what was written to it: here, a virtio device its status. */
static void test_reset(const char *bdf)
{
	volatile uint8_t *bar = map_registers(bdf, "resource4", VIRTIO_BYTES);
	uint64_t item = pci_number(bdf);
	int err;

	if (!CHECK("reset-bar", bar != MAP_FAILED, "%d", errno))
		return;
	bar[STATUS] = 1;
	CHECK("reset-marked", bar[STATUS] == 1, "%u", bar[STATUS]);
	err = set1(PARKER_IOC_TAKE_DEVICES, "one", 0, item);
	CHECK("reset-when-taken", !err && bar[STATUS] == 0, "%d, why %u, status %u", err, why, bar[STATUS]);
	bar[STATUS] = 1;
	err = set1(PARKER_IOC_GIVE_DEVICES, "one", 0, item);
	CHECK("reset-when-given", !err && bar[STATUS] == 0, "%d, why %u, status %u", err, why, bar[STATUS]);
	munmap((void *)bar, VIRTIO_BYTES);
	restore(bdf);
}

/*
 * So does one that the last kernel left as it was, before the next one starts, and
 * when it is given back: RCTL.EN of the first of two e1000e, which have no FLR.
 */
void test_reset_between_runs(void)
{
	enum { RCTL = 0x100 / 4, ENABLED = 2, E1000E_BYTES = 0x20000 };
	uint64_t base = 0, slice = 0;
	volatile uint32_t *bar;
	char nic[2][20];
	uint64_t nics[2];
	uint8_t *at;
	int err;

	if (!CHECK("reset-runs-nic", pci_find("0x0200", 0, nic[0]) && pci_find("0x0200", 1, nic[1]), "none"))
		return;
	nics[0] = pci_number(nic[0]);
	nics[1] = pci_number(nic[1]);
	partition(PARKER_IOC_CREATE, "one", &slice);
	set1(PARKER_IOC_TAKE_CPUS, "one", 0, 2);
	take_memory("one", 16 * MIB, 2 * MIB, 0, 0, &base);
	at = map(base, 16 * MIB);
	load(at, base, slice, 0, spin_start, spin_end - spin_start);
	prepare(nic[1]);
	bar = map_registers(nic[0], "resource0", E1000E_BYTES);
	if (!CHECK("reset-runs-bar", bar != MAP_FAILED, "%d", errno))
		goto out;
	err = set(PARKER_IOC_TAKE_DEVICES, "one", 0, 2, nics) ?: start_loaded("one", base, 2);
	bar[RCTL] = ENABLED;
	err = kill_partition("one") ?: err;
	CHECK("reset-runs-left", !err && bar[RCTL] == ENABLED, "%d, why %u, RCTL %#x", err, why, bar[RCTL]);
	err = start_loaded("one", base, 2);
	CHECK("reset-when-started-again", !err && bar[RCTL] == 0 && attribute_is("one", "state", "running"),
	      "%d, why %u, RCTL %#x", err, why, bar[RCTL]);
	bar[RCTL] = ENABLED;
	kill_partition("one");
	err = set(PARKER_IOC_GIVE_DEVICES, "one", 0, 2, nics);
	CHECK("reset-when-given-after-run", !err && bar[RCTL] == 0, "%d, why %u, RCTL %#x", err, why, bar[RCTL]);
	munmap((void *)bar, E1000E_BYTES);
out:
	restore(nic[0]);
	restore(nic[1]);
	munmap(at, 16 * MIB);
	err = set1(PARKER_IOC_GIVE_CPUS, "one", 0, 2) ?: give_memory("one", base) ?: partition(PARKER_IOC_DESTROY, "one", NULL);
	CHECK("reset-runs-all-back", !err, "%d, why %u", err, why);
}

void test_devices(bool iommu)
{
	char nvme[20], bridge[20], nic[3][20], text[100];
	uint64_t nics[2];
	uint64_t memory = 0;
	int err, events = events_open();

	if (!CHECK("pci-there", pci_find("0x0108", 0, nvme) && pci_find("0x0604", 0, bridge) &&
		   pci_find("0x0200", 0, nic[0]) && pci_find("0x0200", 1, nic[1]) && pci_find("0x0200", 2, nic[2]),
		   "%s %s", nvme, bridge))
		return;
	partition(PARKER_IOC_CREATE, "one", NULL);
	partition(PARKER_IOC_CREATE, "two", NULL);
	take_memory("one", 64 * MIB, 2 * MIB, 0, 0, &memory);

	err = set1(PARKER_IOC_TAKE_DEVICES, "one", 0, PARKER_PCI(0, 0, 0));
	CHECK("device-root-bus", err == -EPERM && why == PARKER_WHY_ROOT_BUS, "%d, why %u", err, why);
	err = set1(PARKER_IOC_TAKE_DEVICES, "one", 0, pci_number(bridge));
	CHECK("device-bridge", err == -EPERM && why == PARKER_WHY_BRIDGE, "%d, why %u", err, why);
	err = set1(PARKER_IOC_TAKE_DEVICES, "one", 0, PARKER_PCI(0, 0xe0, 0));
	CHECK("device-none", err == -ENXIO && why == PARKER_WHY_NO_SUCH, "%d, why %u", err, why);
	err = set1(PARKER_IOC_TAKE_DEVICES, "one", 0, pci_number(nvme));
	CHECK("device-in-use", pci_driver_is(nvme, "nvme") && err == -EBUSY && why == PARKER_WHY_NOT_BOUND, "%d, why %u",
	      err, why);
	pci_write(nvme, "driver/unbind", nvme);
	err = set1(PARKER_IOC_TAKE_DEVICES, "one", 0, pci_number(nvme));
	CHECK("device-no-override", err == -EBUSY && why == PARKER_WHY_NOT_BOUND, "%d, why %u", err, why);
	prepare(nvme);
	spit("/sys/bus/pci/drivers_probe", nvme);
	CHECK("device-stray-probe", pci_driver_is(nvme, NULL), "bound");
	if (!iommu) {
		err = set1(PARKER_IOC_TAKE_DEVICES, "one", PARKER_CONFINE, pci_number(nvme));
		CHECK("device-no-iommu", err == -ENODEV && why == PARKER_WHY_IOMMU && pci_driver_is(nvme, NULL),
		      "%d, why %u", err, why);
	}
	err = set1(PARKER_IOC_TAKE_DEVICES, "one", iommu ? PARKER_CONFINE : 0, pci_number(nvme));
	CHECK("take-device", !err && failed == PARKER_NO_ITEM && pci_driver_is(nvme, "parker"), "%d, why %u", err, why);
	CHECK("take-device-seen", attribute_is("one", "devices", nvme) &&
	      attribute_is("one", "dma", iommu ? "confined" : "open"), "%s", attribute("one", "dma"));
	err = set1(PARKER_IOC_TAKE_DEVICES, "two", 0, pci_number(nvme));
	CHECK("device-held", err == -EBUSY && why == PARKER_WHY_HELD, "%d, why %u", err, why);
	err = set1(PARKER_IOC_GIVE_DEVICES, "two", 0, pci_number(nvme));
	CHECK("give-device-foreign", err == -ENXIO && why == PARKER_WHY_NOT_HELD, "%d, why %u", err, why);
	CHECK("destroy-holding-device", partition(PARKER_IOC_DESTROY, "one", NULL) == -EBUSY, "accepted");
	err = give_memory("one", memory) ?: take_memory("one", 64 * MIB, 2 * MIB, 0, 0, &memory);
	CHECK("memory-changes-with-device", !err, "%d, why %u", err, why);

	test_reset(nic[2]);

	/* Two functions on one bus, and where there is an IOMMU, in one group. */
	nics[0] = pci_number(nic[0]);
	nics[1] = pci_number(nic[1]);
	prepare(nic[0]);
	prepare(nic[1]);
	err = set(PARKER_IOC_TAKE_DEVICES, "one", 0, 1, nics);
	CHECK("device-shared-bus", err == -EPERM && why == PARKER_WHY_SHARED_BUS && failed == nics[0], "%d, why %u", err, why);
	err = set(PARKER_IOC_TAKE_DEVICES, "one", 0, 2, nics);
	CHECK("take-both", !err && pci_driver_is(nic[0], "parker") && pci_driver_is(nic[1], "parker"), "%d, why %u", err, why);
	snprintf(text, sizeof(text), "%s\n%s\n%s", nvme, nic[0], nic[1]);
	CHECK("take-both-seen", attribute_is("one", "devices", text) &&
	      attribute_is("one", "dma", iommu ? "confined" : "open"), "%s", attribute("one", "devices"));
	err = set(PARKER_IOC_GIVE_DEVICES, "one", 0, 2, nics);
	CHECK("give-both", !err && pci_driver_is(nic[0], NULL) && pci_driver_is(nic[1], NULL), "%d, why %u", err, why);
	restore(nic[0]);
	restore(nic[1]);

	/* Unplugged while held: kept as lost until it is given. */
	prepare(nic[0]);
	prepare(nic[1]);
	err = set(PARKER_IOC_TAKE_DEVICES, "one", 0, 2, nics);
	pci_write(nic[1], "remove", "1");
	snprintf(text, sizeof(text), "%s\n%s\n%s lost", nvme, nic[0], nic[1]);
	CHECK("device-lost", !err && attribute_is("one", "devices", text), "%d: %s", err, attribute("one", "devices"));
	snprintf(text, sizeof(text), "PARKER_LOST=%s", nic[1]);
	CHECK("device-lost-event", event_seen(events, text, "PARKER_STATE=idle"), "none");
	err = set1(PARKER_IOC_TAKE_CPUS, "one", 0, 3) ?: start("one", memory, memory, memory, 3);
	CHECK("start-with-lost", err == -EPERM && why == PARKER_WHY_SHARED_BUS, "%d, why %u", err, why);
	set1(PARKER_IOC_GIVE_CPUS, "one", 0, 3);
	err = set(PARKER_IOC_GIVE_DEVICES, "one", 0, 2, nics);
	CHECK("give-lost", !err && attribute_is("one", "devices", nvme), "%d, why %u", err, why);
	spit("/sys/bus/pci/rescan", "1");
	CHECK("device-rescanned", !access("/sys/bus/pci/devices", F_OK) && pci_find("0x0200", 1, text), "gone");

	err = set1(PARKER_IOC_GIVE_DEVICES, "one", 0, pci_number(nvme));
	CHECK("give-device", !err && pci_driver_is(nvme, NULL) && attribute_is("one", "dma", "none"), "%d, why %u", err, why);
	restore(nvme);
	CHECK("device-works-again", pci_driver_is(nvme, "nvme"), "no driver");
	for (err = 0; err < 100 && access("/dev/nvme0n1", F_OK); err++)
		usleep(100000);
	err = open("/dev/nvme0n1", O_RDONLY);
	CHECK("device-reads-again", err >= 0 && read(err, text, sizeof(text)) == sizeof(text), "%d", errno);
	close(err);
	give_memory("one", memory);
	partition(PARKER_IOC_DESTROY, "one", NULL);
	partition(PARKER_IOC_DESTROY, "two", NULL);
	close(events);
}
