// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a function can reach after its partition was stopped, or after this kernel lost it. The tests do to its
 * configuration what an application kernel would.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmod_test.h"

enum {
	COMMAND = 4, MASTER = 4, BRIDGE_SECONDARY = 0x19,
	EXTENDED = 0x100, CAPABILITY_SRIOV = 0x10, CONTROL = 8, NUMBER = 0x10, OFFSET = 0x14, ENABLE = 1 | 8,
};

static bool master(const char *bdf)
{
	uint16_t word = raw_read(bdf, COMMAND);

	return word != 0xffff && (word & MASTER);
}

static void set_master(const char *bdf)
{
	raw_write(bdf, COMMAND, raw_read(bdf, COMMAND) | MASTER | 2);
}

static bool override_is(const char *bdf, const char *name)
{
	char path[100];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override", bdf);
	return !strncmp(slurp(path), name, strlen(name));
}

/* `remove` is the usual recipe before `rescan`; a surprise removal and a return look the same. */
static void test_removed(const char *bdf, bool iommu)
{
	uint64_t item = pci_number(bdf);
	struct application a;
	int err;

	prepare(bdf);
	err = application_begin(&a, "one", 2) ?: set1(PARKER_IOC_TAKE_DEVICES, "one", iommu ? PARKER_CONFINE : 0, item) ?:
	      application_start(&a);
	CHECK("removed-start", !err, "%d, why %u", err, why);
	set_master(bdf);
	pci_write(bdf, "remove", "1");
	CHECK("removed-no-dma", !master(bdf), "command %#x", raw_read(bdf, COMMAND));
	CHECK("removed-dma-lost", attribute_is("one", "dma", "lost"), "%s", attribute("one", "dma"));
	set_master(bdf);
	spit("/sys/bus/pci/rescan", "1");
	CHECK("rescanned-no-driver", pci_driver_is(bdf, NULL) && override_is(bdf, "parker") &&
	      attribute_is("one", "state", "running"), "bound, or %s", attribute("one", "state"));
	set_master(bdf);
	err = kill_partition("one");
	CHECK("removed-killed-no-dma", !err && !master(bdf), "%d: command %#x", err, raw_read(bdf, COMMAND));
	err = give_memory("one", a.base);
	CHECK("removed-keeps-memory", err == -EBUSY && why == PARKER_WHY_USED, "%d, why %u", err, why);
	err = set1(PARKER_IOC_GIVE_DEVICES, "one", 0, item);
	CHECK("removed-given", !err, "%d, why %u", err, why);
	err = application_end(&a);
	CHECK("removed-all-back", !err, "%d, why %u", err, why);
	restore(bdf);
}

/* Without rescan: nobody but the module could reset it before the next driver comes. */
static void test_removed_for_good(const char *bdf)
{
	uint64_t item = pci_number(bdf);
	struct application a;
	int err;

	prepare(bdf);
	err = application_begin(&a, "one", 2) ?: set1(PARKER_IOC_TAKE_DEVICES, "one", 0, item) ?: application_start(&a);
	raw_write(bdf, 0x3c, 0x55); /* interrupt line: only a reset clears it */
	pci_write(bdf, "remove", "1");
	err = err ?: kill_partition("one") ?: set1(PARKER_IOC_GIVE_DEVICES, "one", 0, item);
	CHECK("gone-reset", !err && (raw_read(bdf, 0x3c) & 0xff) != 0x55, "%d, why %u: %#x", err, why, raw_read(bdf, 0x3c));
	err = application_end(&a);
	CHECK("gone-all-back", !err, "%d, why %u", err, why);
	spit("/sys/bus/pci/rescan", "1");
	restore(bdf);
}

/* Memory that a function of the last kernel could still write to stays, whatever order the daemon has. */
static void test_order(const char *bdf, bool iommu)
{
	uint64_t item = pci_number(bdf);
	struct application a;
	int err;

	prepare(bdf);
	err = application_begin(&a, "one", 2) ?: set1(PARKER_IOC_TAKE_DEVICES, "one", 0, item) ?: application_start(&a) ?:
	      kill_partition("one");
	CHECK("order-ran", !err, "%d, why %u", err, why);
	if (!iommu) {
		err = give_memory("one", a.base);
		CHECK("order-memory-first", err == -EBUSY && why == PARKER_WHY_USED, "%d, why %u", err, why);
	}
	err = set1(PARKER_IOC_GIVE_DEVICES, "one", 0, item) ?: application_end(&a);
	CHECK("order-device-first", !err, "%d, why %u", err, why);
	restore(bdf);
}

static int sriov_at(const char *bdf)
{
	int at = EXTENDED, left = 64;

	while (at >= EXTENDED && left--) {
		uint32_t header = config_read(bdf, at, 4);

		if ((header & 0xffff) == CAPABILITY_SRIOV)
			return at;
		at = header >> 20;
	}
	return 0;
}

/* Those that this kernel made are refused, those that an application kernel makes end with it. */
static void test_sriov(const char *pf)
{
	uint64_t item = pci_number(pf);
	int at = sriov_at(pf), err;
	unsigned int domain, bus, dev, fn;
	struct application a;
	char vf[20];

	if (!CHECK("sriov-there", at, "%s has no such capability", pf))
		return;
	sscanf(pf, "%x:%x:%x.%x", &domain, &bus, &dev, &fn);
	snprintf(vf, sizeof(vf), "%04x:%02x:%02x.%x", domain, bus, dev, fn + config_read(pf, at + OFFSET, 2));
	pci_write(pf, "sriov_drivers_autoprobe", "0");
	pci_write(pf, "sriov_numvfs", "2");
	partition(PARKER_IOC_CREATE, "one", NULL);
	err = set1(PARKER_IOC_TAKE_DEVICES, "one", 0, item);
	CHECK("sriov-with-vfs", err == -EBUSY && why == PARKER_WHY_HAS_VIRTUAL, "%d, why %u", err, why);
	prepare(vf);
	err = set1(PARKER_IOC_TAKE_DEVICES, "one", 0, pci_number(vf));
	CHECK("sriov-vf", err == -EPERM && why == PARKER_WHY_VIRTUAL, "%s: %d, why %u", vf, err, why);
	partition(PARKER_IOC_DESTROY, "one", NULL);
	pci_write(pf, "sriov_numvfs", "0");

	prepare(pf);
	err = application_begin(&a, "one", 2) ?: set1(PARKER_IOC_TAKE_DEVICES, "one", 0, item) ?: application_start(&a);
	config_write(pf, at + NUMBER, 2);
	config_write(pf, at + CONTROL, ENABLE);
	set_master(vf);
	CHECK("sriov-made", !err && (config_read(pf, at + CONTROL, 2) & ENABLE) == ENABLE && master(vf), "%d, why %u: control %#x, "
	      "command %#x", err, why, config_read(pf, at + CONTROL, 2), raw_read(vf, COMMAND));
	err = kill_partition("one");
	CHECK("sriov-killed", !err && !(config_read(pf, at + CONTROL, 2) & ENABLE) && !master(vf), "%d: control %#x", err,
	      config_read(pf, at + CONTROL, 2));
	err = application_start(&a);
	config_write(pf, at + NUMBER, 2);
	config_write(pf, at + CONTROL, ENABLE);
	pci_write(pf, "remove", "1");
	CHECK("sriov-removed", !err && !master(vf), "%d: command %#x", err, raw_read(vf, COMMAND));
	spit("/sys/bus/pci/rescan", "1");
	err = kill_partition("one") ?: set1(PARKER_IOC_GIVE_DEVICES, "one", 0, item) ?: application_end(&a);
	CHECK("sriov-all-back", !err, "%d, why %u", err, why);
	restore(pf);
}

/*
 * A function that does not come back from its reset, because the bridge above it leads elsewhere, holds up nobody
 * else: not the end of another partition, which must be within two seconds.
 */
static void test_slow_reset(const char *bdf, const char *bridge)
{
	uint64_t item = pci_number(bdf);
	unsigned int bus = config_read(bridge, BRIDGE_SECONDARY, 1);
	struct application a, b;
	double killed;
	int err, status = 0;
	pid_t child, early;

	prepare(bdf);
	err = application_begin(&a, "one", 2) ?: application_begin(&b, "two", 3) ?: application_start(&b) ?:
	      set1(PARKER_IOC_TAKE_DEVICES, "one", 0, item);
	CHECK("slow-begin", !err, "%d, why %u", err, why);
	config_write8(bridge, BRIDGE_SECONDARY, 0xfe);
	child = fork();
	if (!child)
		_exit(-set1(PARKER_IOC_GIVE_DEVICES, "one", 0, item));
	sleep(1);
	killed = seconds();
	err = kill_partition("two");
	killed = seconds() - killed;
	early = waitpid(child, &status, WNOHANG);
	CHECK("slow-reset-kill", !err && !early && killed < 2, "%d after %.1f s, %s", err, killed, early ? "no slow reset" : "slow");
	err = give_memory("one", a.base);
	CHECK("slow-reset-busy", err == -EBUSY && why == PARKER_WHY_BUSY, "%d, why %u", err, why);
	config_write8(bridge, BRIDGE_SECONDARY, bus);
	if (!early)
		waitpid(child, &status, 0);
	err = WEXITSTATUS(status) ? set1(PARKER_IOC_GIVE_DEVICES, "one", 0, item) : 0;
	CHECK("slow-given", !err, "%d, why %u", err, why);
	err = application_end(&a) ?: application_end(&b);
	CHECK("slow-all-back", !err, "%d, why %u", err, why);
	restore(bdf);
}

/* The IOMMU takes each address from such a function for one that it translated itself. */
static void test_ats(const char *bdf)
{
	uint64_t item = pci_number(bdf);
	int err;

	prepare(bdf);
	partition(PARKER_IOC_CREATE, "one", NULL);
	err = set1(PARKER_IOC_TAKE_DEVICES, "one", PARKER_CONFINE, item);
	CHECK("ats-confined", err == -EPERM && why == PARKER_WHY_ATS, "%d, why %u", err, why);
	err = set1(PARKER_IOC_TAKE_DEVICES, "one", 0, item) ?: set1(PARKER_IOC_GIVE_DEVICES, "one", 0, item);
	CHECK("ats-open", !err, "%d, why %u", err, why);
	partition(PARKER_IOC_DESTROY, "one", NULL);
	restore(bdf);
}

/* The parent's errors come to this kernel: it says whom they are of, and does not reset what is not lost. */
static void test_errors(const char *bdf)
{
	int err, events = events_open();
	struct application a;
	char fault[60];

	prepare(bdf);
	err = application_begin(&a, "one", 2) ?: set1(PARKER_IOC_TAKE_DEVICES, "one", 0, pci_number(bdf)) ?: application_start(&a);
	snprintf(fault, sizeof(fault), "PARKER_FAULT=%s", bdf);
	monitor("pcie_aer_inject_error card COMP_TIME");
	CHECK("error-said", !err && event_seen(events, fault, "PARKER_STATE=running"), "%d, why %u", err, why);
	pci_write(bdf, "reset", "1");
	CHECK("foreign-reset-said", event_seen(events, fault, "PARKER_STATE=running"), "not");
	err = kill_partition("one") ?: set1(PARKER_IOC_GIVE_DEVICES, "one", 0, pci_number(bdf)) ?: application_end(&a);
	CHECK("error-all-back", !err, "%d, why %u", err, why);
	restore(bdf);
	close(events);
}

/* Nobody else maps the registers of what a partition has. */
static void test_claimed(const char *bdf)
{
	int err;

	prepare(bdf);
	partition(PARKER_IOC_CREATE, "one", NULL);
	err = set1(PARKER_IOC_TAKE_DEVICES, "one", 0, pci_number(bdf));
	CHECK("registers-claimed", !err && strstr(slurp("/proc/iomem"), " : parker\n"), "%d, why %u", err, why);
	err = set1(PARKER_IOC_GIVE_DEVICES, "one", 0, pci_number(bdf));
	CHECK("registers-free", !err && !strstr(slurp("/proc/iomem"), " : parker\n"), "%d, why %u", err, why);
	partition(PARKER_IOC_DESTROY, "one", NULL);
	restore(bdf);
}

void test_dma(bool iommu)
{
	char drive[20], port[20], pf[20], card[20], ats[20];

	if (!CHECK("dma-there", pci_find("0x0108", 0, drive) && pci_find("0x0108", 1, pf) && pci_port(drive, port) &&
		   pci_find("0x0200", 2, card) && (!iommu || pci_find("0x0200", 3, ats)), "%s %s %s", drive, pf, card))
		return;
	test_claimed(drive);
	test_order(drive, iommu);
	test_removed(drive, iommu);
	test_removed_for_good(drive);
	test_sriov(pf);
	test_slow_reset(drive, port);
	if (iommu)
		test_ats(ats);
	test_errors(card);
}
