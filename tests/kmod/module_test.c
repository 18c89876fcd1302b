// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Tries every command of /dev/parker, and every refusal, on a machine with four
 * CPUs and the PCI devices that tests/kmod/run builds. Runs as root, and prints
 * one line for each check: "ok NAME" or "FAIL NAME: what was seen".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kmod_test.h"

/* `module_test crash KERNEL INITRD` and, in that kernel, `module_test look` are the test of the crash dump. */
int main(int argc, char **argv)
{
	bool iommu = strstr(slurp("/proc/cmdline"), "intel_iommu=on");
	uint64_t host = strstr(slurp("/proc/cmdline"), "intremap=on") ? PARKER_HOST_IRQ_REMAPPING | PARKER_HOST_ISOLATED_MSI : 0;
	int err;

	machine_setup();
	if (argc == 2 && !strcmp(argv[1], "look")) {
		kdump_look();
		return failures != 0;
	}
	fd = open("/dev/parker", O_RDWR | O_CLOEXEC);
	if (!CHECK("open", fd >= 0, "%d", errno))
		return 1;
	if (argc == 4 && !strcmp(argv[1], "crash")) {
		kdump_crash(argv[2], argv[3]);
		return 1;
	}
	test_dispatch(host);
	test_unprivileged();
	test_create();
	test_open();
	test_signal();
	test_cpus();
	test_two_callers();
	test_memory();
	test_busy();
	print_speed();
	test_rounds();
	test_start();
	test_stuck();
	test_interrupted();
	test_probing();
	test_eject();
	test_reset_between_runs();
	test_devices(iommu);
	test_hidden();
	test_dma(iommu);
	close(fd);
	err = syscall(SYS_delete_module, "parker", O_NONBLOCK) ? errno : 0;
	CHECK("rmmod", !err, "%d", err);
	/* out of tree, unsigned, and by START: another kernel ran */
	CHECK("kernel-tainted-by-start", (atol(slurp("/proc/sys/kernel/tainted")) | 0x3001) == 0x3041, "%s",
	      slurp("/proc/sys/kernel/tainted"));
	printf("# %d failures\n", failures);
	return failures != 0;
}
