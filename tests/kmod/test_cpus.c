// SPDX-License-Identifier: LGPL-2.1-or-later
/* CPUs are taken, and given back. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmod_test.h"

void test_cpus(void)
{
	uint64_t cpus[] = { 2, 3 }, with_bsp[] = { 3, 0 }, twice[] = { 3, 3 };
	int err;

	partition(PARKER_IOC_CREATE, "one", NULL);
	partition(PARKER_IOC_CREATE, "two", NULL);
	err = set(PARKER_IOC_TAKE_CPUS, "one", 0, 2, with_bsp);
	CHECK("take-bsp", err == -EPERM && why == PARKER_WHY_BSP && failed == 0, "%d, why %u, failed %llu", err, why, failed);
	err = set1(PARKER_IOC_TAKE_CPUS, "one", 0, 77);
	CHECK("take-no-cpu", err == -ENXIO && why == PARKER_WHY_NO_SUCH && failed == 77, "%d, why %u", err, why);
	err = set(PARKER_IOC_TAKE_CPUS, "one", 0, 2, twice);
	CHECK("take-cpu-named-twice", err == -EINVAL, "%d", err);
	err = set(PARKER_IOC_TAKE_CPUS, "one", 0, 0, cpus);
	CHECK("take-none", err == -EINVAL, "%d", err);
	err = set(PARKER_IOC_TAKE_CPUS, "one", 0, PARKER_SET_MAX + 1, cpus);
	CHECK("take-too-many", err == -EINVAL, "%d", err);
	err = set(PARKER_IOC_TAKE_CPUS, "one", 0, 2, NULL);
	CHECK("take-bad-items", err == -EFAULT, "%d", err);
	CHECK("refused-took-nothing", sysconf(_SC_NPROCESSORS_ONLN) == 4, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	spit("/sys/devices/system/cpu/cpu3/online", "0");
	err = set(PARKER_IOC_TAKE_CPUS, "one", 0, 2, cpus);
	CHECK("take-offline", err == -ENXIO && why == PARKER_WHY_OFFLINE && failed == 3, "%d, why %u", err, why);
	spit("/sys/devices/system/cpu/cpu3/online", "1");

	err = set(PARKER_IOC_TAKE_CPUS, "one", 0, 2, cpus);
	CHECK("take-cpus", !err && failed == PARKER_NO_ITEM, "%d, why %u, failed %llu", err, why, failed);
	CHECK("take-cpus-seen", sysconf(_SC_NPROCESSORS_ONLN) == 2 && attribute_is("one", "cpus", "2-3"), "%s",
	      attribute("one", "cpus"));
	err = spit("/sys/devices/system/cpu/cpu3/online", "1");
	CHECK("foreign-online-vetoed", err == -EPERM, "%d", err);
	err = set1(PARKER_IOC_TAKE_CPUS, "two", 0, 3);
	CHECK("take-held-cpu", err == -EBUSY && why == PARKER_WHY_HELD, "%d, why %u", err, why);
	err = set1(PARKER_IOC_TAKE_CPUS, "one", 0, 3);
	CHECK("take-cpu-again", err == -EBUSY && why == PARKER_WHY_HELD, "%d, why %u", err, why);
	err = set1(PARKER_IOC_GIVE_CPUS, "two", 0, 3);
	CHECK("give-foreign-cpu", err == -ENXIO && why == PARKER_WHY_NOT_HELD, "%d, why %u", err, why);
	CHECK("destroy-holding-cpus", partition(PARKER_IOC_DESTROY, "one", NULL) == -EBUSY, "accepted");
	err = set(PARKER_IOC_GIVE_CPUS, "one", 0, 2, cpus);
	CHECK("give-cpus", !err && sysconf(_SC_NPROCESSORS_ONLN) == 4 && attribute_is("one", "cpus", ""), "%d: %ld online",
	      err, sysconf(_SC_NPROCESSORS_ONLN));
	partition(PARKER_IOC_DESTROY, "one", NULL);
	partition(PARKER_IOC_DESTROY, "two", NULL);
}

/* ACPI would eject a CPU that is offline. One that is held stays. */
void test_eject(void)
{
	static const char eject[] = "/sys/devices/system/cpu/cpu3/firmware_node/eject";
	int err;

	partition(PARKER_IOC_CREATE, "one", NULL);
	err = set1(PARKER_IOC_TAKE_CPUS, "one", 0, 3);
	CHECK("eject-there", !err && !access(eject, W_OK), "%d, %d", err, errno);
	spit(eject, "1");
	usleep(1500000); /* it is done by a worker */
	CHECK("eject-refused", !access(eject, F_OK) && attribute_is("one", "cpus", "3"), "gone");
	err = kill_partition("one");
	CHECK("eject-kill", !err, "%d", err);
	err = set1(PARKER_IOC_GIVE_CPUS, "one", 0, 3);
	CHECK("eject-given-back", !err && sysconf(_SC_NPROCESSORS_ONLN) == 4, "%d: %ld online", err,
	      sysconf(_SC_NPROCESSORS_ONLN));
	err = spit("/sys/devices/system/cpu/cpu3/online", "0") ?: spit("/sys/devices/system/cpu/cpu3/online", "1");
	CHECK("eject-own-again", !err, "%d", err);
	partition(PARKER_IOC_DESTROY, "one", NULL);
}

/* A PCI driver that probes keeps CPUs from being plugged meanwhile. */
void test_probing(void)
{
	char nic[20];
	int i, taken = 0, given = 0;
	pid_t child;

	if (!CHECK("probing-nic", pci_find("0x0200", 0, nic), "none"))
		return;
	partition(PARKER_IOC_CREATE, "one", NULL);
	child = fork();
	while (!child) {
		pci_write(nic, "driver/unbind", nic);
		spit("/sys/bus/pci/drivers/e1000e/bind", nic);
	}
	usleep(300000);
	for (i = 0; i < 10; i++) {
		bool took = !set1(PARKER_IOC_TAKE_CPUS, "one", 0, 3);

		taken += took;
		given += took && !set1(PARKER_IOC_GIVE_CPUS, "one", 0, 3);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	spit("/sys/bus/pci/drivers/e1000e/bind", nic);
	CHECK("taken-while-probing", taken == 10, "%d of 10", taken);
	CHECK("given-while-probing", given == taken, "%d of %d", given, taken);
	set1(PARKER_IOC_GIVE_CPUS, "one", 0, 3);
	CHECK("probing-all-back", !partition(PARKER_IOC_DESTROY, "one", NULL) && sysconf(_SC_NPROCESSORS_ONLN) == 4, "%ld online",
	      sysconf(_SC_NPROCESSORS_ONLN));
}
