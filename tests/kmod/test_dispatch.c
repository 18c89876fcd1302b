// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the module makes of a command before it does it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmod_test.h"

void test_dispatch(uint64_t host)
{
	struct { struct parker_info info; uint32_t tail[2]; } big = { .info.size = sizeof(big) };
	struct parker_info info = { .size = sizeof(info) };
	struct parker_cpu cpu = { .size = sizeof(cpu), .cpu = 1 };
	struct parker_partition p = { .size = sizeof(p), .name = "x", .__reserved = 1 };
	struct { struct parker_kill kill; uint8_t behind[8]; } end = { .kill = { .size = sizeof(end.kill), .name = "nobody", .why = 99 } };
	static uint8_t page[8192] = { 0 };
	char name[PARKER_NAME_SIZE] = {};
	int err;

	err = call(PARKER_IOC_INFO, &info);
	CHECK("info", !err && info.abi == PARKER_ABI_VERSION && info.slices >= 8 && info.slices == info.slices_free &&
	      info.slice_bytes >= PARKER_SLICE_BYTES && info.tsc_khz, "%d: abi %u, %u of %u slices of %#x, %u kHz", err,
	      info.abi, info.slices_free, info.slices, info.slice_bytes, info.tsc_khz);
	CHECK("info-host", info.host == host, "%#llx, wanted %#llx", (unsigned long long)info.host, (unsigned long long)host);
	printf("# %u low slices, TSC %u kHz\n", info.slices, info.tsc_khz);
	err = call(PARKER_IOC_CPU, &cpu);
	CHECK("cpu-identity", !err && cpu.apic_id == 1, "%d: APIC ID %u", err, cpu.apic_id);
	cpu.cpu = 100000;
	err = call(PARKER_IOC_CPU, &cpu);
	CHECK("cpu-identity-none", err == -ENXIO && cpu.why == PARKER_WHY_NO_SUCH, "%d, why %u", err, cpu.why);
	strcpy(cpu.name, "x");
	err = call(PARKER_IOC_CPU, &cpu);
	CHECK("name-not-wanted", err == -EINVAL, "%d", err);

	err = call(PARKER_IOC_INFO, &big);
	CHECK("larger-struct", !err, "%d", err);
	big.tail[1] = 1;
	err = call(PARKER_IOC_INFO, &big);
	CHECK("larger-struct-tail", err == -E2BIG, "%d", err);
	*(uint32_t *)page = 4096;
	err = call(PARKER_IOC_INFO, page);
	CHECK("page-of-struct", !err, "%d", err);
	*(uint32_t *)page = 4097;
	err = call(PARKER_IOC_INFO, page);
	CHECK("more-than-a-page", err == -E2BIG, "%d", err);
	memset(end.behind, 0x55, sizeof(end.behind));
	err = call(PARKER_IOC_KILL, &end);
	CHECK("nothing-written-behind", err == -ENOENT && end.kill.why == PARKER_WHY_NONE && end.behind[0] == 0x55 &&
	      end.behind[7] == 0x55, "%d, why %u", err, end.kill.why);
	info.size = sizeof(info) - 4;
	err = call(PARKER_IOC_INFO, &info);
	CHECK("smaller-struct", err == -EINVAL, "%d", err);
	info.size = sizeof(info);
	info.flags = 1;
	err = call(PARKER_IOC_INFO, &info);
	CHECK("unknown-flag", err == -EOPNOTSUPP, "%d", err);
	err = call(PARKER_IOC_CREATE, &p);
	CHECK("reserved-field", err == -EINVAL, "%d", err);
	err = call(_IO(PARKER_IOC_TYPE, 0x7f), &info);
	CHECK("unknown-command", err == -ENOTTY, "%d", err);
	err = call(_IO(0x12, 0), &info);
	CHECK("foreign-command", err == -ENOTTY, "%d", err);
	err = call(PARKER_IOC_INFO, NULL);
	CHECK("bad-address", err == -EFAULT, "%d", err);

	CHECK("name-empty", partition(PARKER_IOC_CREATE, "", NULL) == -EINVAL, "accepted");
	CHECK("name-slash", partition(PARKER_IOC_CREATE, "a/b", NULL) == -EINVAL, "accepted");
	CHECK("name-upper", partition(PARKER_IOC_CREATE, "Db", NULL) == -EINVAL, "accepted");
	memset(name, 'a', PARKER_NAME_MAX + 1);
	CHECK("name-long", partition(PARKER_IOC_CREATE, name, NULL) == -EINVAL, "accepted");
	p.__reserved = 0;
	p.name[3] = 'x'; /* behind the NUL */
	err = call(PARKER_IOC_CREATE, &p);
	CHECK("name-tail", err == -EINVAL, "%d", err);
	CHECK("name-unknown", partition(PARKER_IOC_DESTROY, "nobody", NULL) == -ENOENT, "accepted");
}

void test_unprivileged(void)
{
	int status;

	if (!fork()) {
		struct parker_info info = { .size = sizeof(info) };
		int bad = 0;

		if (setresuid(65534, 65534, 65534))
			_exit(64);
		bad |= (call(PARKER_IOC_INFO, &info) != -EPERM) << 0;
		bad |= (map(0x10000, 4096) != MAP_FAILED || errno != EPERM) << 1;
		bad |= (open("/dev/parker", O_RDWR) >= 0 || errno != EACCES) << 2;
		_exit(bad);
	}
	wait(&status);
	CHECK("unprivileged", !status, "status %#x", status);
}
