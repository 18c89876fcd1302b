// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Tries every command of /dev/parker, and every refusal, on a machine with four
 * CPUs and the PCI devices that tests/kmod/run builds. Runs as root, and prints
 * one line for each check: "ok NAME" or "FAIL NAME: what was seen".
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/netlink.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../../kmod/uapi/parker.h"
#include "../../kmod/uapi/parker_control.h"

#define MIB      (1024ull * 1024)
#define CHECK(name, ...) check(__LINE__, name, __VA_ARGS__)

static int fd = -1;
static int failures;

__attribute__((format(printf, 4, 5)))
static bool check(int line, const char *name, bool good, const char *format, ...)
{
	va_list args;

	if (good) {
		printf("ok %s\n", name);
	} else {
		failures++;
		printf("FAIL %s: line %d: ", name, line);
		va_start(args, format);
		vprintf(format, args);
		va_end(args);
		printf("\n");
	}
	fflush(stdout);
	return good;
}

/* ---- commands: 0 or a negative errno; why of the last one ---- */

static unsigned int why, failed;

static int call(unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) ? -errno : 0;
}

static int partition(unsigned long cmd, const char *name, uint64_t *slice)
{
	struct parker_partition a = { .size = sizeof(a) };
	int err;

	strncpy(a.name, name, sizeof(a.name));
	err = call(cmd, &a);
	why = a.why;
	if (slice)
		*slice = a.slice;
	return err;
}

static int set(unsigned long cmd, const char *name, unsigned int flags, unsigned int nr, const uint32_t *items)
{
	struct parker_set a = { .size = sizeof(a), .flags = flags, .items = (uintptr_t)items, .nr = nr };
	int err;

	strncpy(a.name, name, sizeof(a.name));
	err = call(cmd, &a);
	why = a.why;
	failed = a.failed;
	return err;
}

static int set1(unsigned long cmd, const char *name, unsigned int flags, uint32_t item)
{
	return set(cmd, name, flags, 1, &item);
}

static int take_memory(const char *name, uint64_t bytes, uint64_t align, uint64_t below, uint32_t node, uint64_t *start)
{
	struct parker_memory a = { .size = sizeof(a), .bytes = bytes, .align = align, .below = below, .node = node };
	int err;

	strncpy(a.name, name, sizeof(a.name));
	err = call(PARKER_IOC_TAKE_MEMORY, &a);
	why = a.why;
	if (start)
		*start = a.start;
	return err;
}

static int give_memory(const char *name, uint64_t start)
{
	struct parker_memory a = { .size = sizeof(a), .start = start };
	int err;

	strncpy(a.name, name, sizeof(a.name));
	err = call(PARKER_IOC_GIVE_MEMORY, &a);
	why = a.why;
	return err;
}

static int start(const char *name, uint64_t entry, uint64_t boot_params, uint64_t page_table, uint32_t cpu)
{
	struct parker_start a = { .size = sizeof(a), .entry = entry, .boot_params = boot_params,
				  .page_table = page_table, .cpu = cpu };
	int err;

	strncpy(a.name, name, sizeof(a.name));
	err = call(PARKER_IOC_START, &a);
	why = a.why;
	return err;
}

static int kill_partition(const char *name)
{
	struct parker_kill a = { .size = sizeof(a) };

	strncpy(a.name, name, sizeof(a.name));
	return call(PARKER_IOC_KILL, &a);
}

/* ---- the machine as seen from user space ---- */

static char *slurp(const char *path)
{
	static char text[8192];
	int f = open(path, O_RDONLY);
	ssize_t n = f < 0 ? -1 : read(f, text, sizeof(text) - 1);

	if (f >= 0)
		close(f);
	text[n < 0 ? 0 : n] = 0;
	return text;
}

static int spit(const char *path, const char *text)
{
	int f = open(path, O_WRONLY), err = 0;

	if (f < 0)
		return -errno;
	if (write(f, text, strlen(text)) < 0)
		err = -errno;
	close(f);
	return err;
}

static char *attribute(const char *name, const char *attr)
{
	char path[200], *text;

	snprintf(path, sizeof(path), "/sys/class/parker/%s/%s", name, attr);
	text = slurp(path);
	if (*text && text[strlen(text) - 1] == '\n')
		text[strlen(text) - 1] = 0;
	return text;
}

static bool attribute_is(const char *name, const char *attr, const char *value)
{
	int i;

	for (i = 0; i < 30; i++) { /* the module looks every 100 ms */
		if (!strcmp(attribute(name, attr), value))
			return true;
		usleep(100000);
	}
	return false;
}

static long meminfo(const char *field)
{
	char *at = strstr(slurp("/proc/meminfo"), field);

	return at ? atol(at + strlen(field) + 1) : -1;
}

static int events_open(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int s = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT);

	return s >= 0 && !bind(s, (void *)&addr, sizeof(addr)) ? s : -1;
}

/* Waits up to 3 s for a uevent that has both words; drops those before it. */
static bool event_seen(int s, const char *one, const char *two)
{
	struct pollfd p = { .fd = s, .events = POLLIN };
	char text[4096];
	ssize_t n, i;

	while (poll(&p, 1, 3000) == 1) {
		bool a = false, b = false;

		n = recv(s, text, sizeof(text) - 1, 0);
		if (n <= 0)
			return false;
		text[n] = 0;
		for (i = 0; i < n; i += strlen(text + i) + 1) {
			a |= !strcmp(text + i, one);
			b |= !strcmp(text + i, two);
		}
		if (a && b)
			return true;
	}
	return false;
}

static sigjmp_buf bus_jump;

static void on_sigbus(int sig)
{
	siglongjmp(bus_jump, sig);
}

/* -1: SIGBUS, otherwise the byte */
static int peek(volatile uint8_t *at)
{
	if (sigsetjmp(bus_jump, 1))
		return -1;
	return *at;
}

static void *map(uint64_t start, uint64_t bytes)
{
	return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, start);
}

/* ---- a tiny application kernel: %rsi = { u64 counter; u64 control page } ---- */

extern const char spin_start[], spin_end[], exit_start[], exit_end[];
asm(".pushsection .rodata\n"
    "spin_start:\n"
    "	mov	8(%rsi), %rdi\n"
    "	movq	$1, 0x18(%rdi)\n" /* heartbeat */
    "	cli\n"
    "1:	incq	(%rsi)\n"
    "	jmp	1b\n"
    "spin_end:\n"
    "exit_start:\n"
    "	incq	(%rsi)\n"
    "	mov	8(%rsi), %rdi\n"
    "	movq	$2, 0x18(%rdi)\n"
    "	mov	16(%rsi), %eax\n"
    "	movl	%eax, 0x0c(%rdi)\n" /* exit code */
    "1:	cli\n"
    "	hlt\n"
    "	jmp	1b\n"
    "exit_end:\n"
    ".popsection\n");

#define OFFSET_TABLES 0x1000
#define OFFSET_PARAMS 0x6000
#define OFFSET_ENTRY  0x7000

/* Identity for the lowest GiB and the one around @base, by 2 MiB pages. */
static void load(uint8_t *memory, uint64_t base, uint64_t control, uint32_t exit, const char *code, size_t bytes)
{
	uint64_t *pml4 = (void *)(memory + OFFSET_TABLES), *pdpt = pml4 + 512, *low = pml4 + 1024, *high = pml4 + 1536;
	uint64_t at = base + OFFSET_TABLES, gib = base >> 30, *params = (void *)(memory + OFFSET_PARAMS);
	int i;

	memset(memory, 0, 0x8000);
	pml4[0] = (at + 0x1000) | 3;
	pdpt[0] = (at + 0x2000) | 3;
	pdpt[gib] = (at + (gib ? 0x3000 : 0x2000)) | 3;
	for (i = 0; i < 512; i++) {
		low[i] = (uint64_t)i << 21 | 0x83;
		high[i] = gib << 30 | (uint64_t)i << 21 | 0x83;
	}
	params[1] = control;
	params[2] = exit;
	memcpy(memory + OFFSET_ENTRY, code, bytes);
}

static int start_loaded(const char *name, uint64_t base, uint32_t cpu)
{
	return start(name, base + OFFSET_ENTRY, base + OFFSET_PARAMS, base + OFFSET_TABLES, cpu);
}

/* ---- the checks ---- */

static void test_dispatch(void)
{
	struct { struct parker_info info; uint32_t tail[2]; } big = { .info.size = sizeof(big) };
	struct parker_info info = { .size = sizeof(info) };
	struct parker_cpu cpu = { .size = sizeof(cpu), .cpu = 1 };
	struct parker_partition p = { .size = sizeof(p), .name = "x", .__reserved = 1 };
	char name[PARKER_NAME_SIZE] = {};
	int err;

	err = call(PARKER_IOC_INFO, &info);
	CHECK("info", !err && info.abi == PARKER_ABI_VERSION && info.slices >= 8 && info.slices == info.slices_free &&
	      info.tsc_khz, "%d: abi %u, %u of %u slices, %u kHz", err, info.abi, info.slices_free, info.slices, info.tsc_khz);
	printf("# %u low slices, TSC %u kHz\n", info.slices, info.tsc_khz);
	err = call(PARKER_IOC_CPU, &cpu);
	CHECK("cpu-identity", !err && cpu.apic_id == 1, "%d: APIC ID %u", err, cpu.apic_id);
	cpu.cpu = 100000;
	err = call(PARKER_IOC_CPU, &cpu);
	CHECK("cpu-identity-none", err == -ENXIO, "%d", err);

	err = call(PARKER_IOC_INFO, &big);
	CHECK("larger-struct", !err, "%d", err);
	big.tail[1] = 1;
	err = call(PARKER_IOC_INFO, &big);
	CHECK("larger-struct-tail", err == -E2BIG, "%d", err);
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

static void test_unprivileged(void)
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

static void test_create(void)
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
	CHECK("slice-zeroed", second == slice && peek(page) == 0, "%#llx: %d", (unsigned long long)second, peek(page));
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

static void test_cpus(void)
{
	uint32_t cpus[] = { 2, 3 }, with_bsp[] = { 3, 0 }, twice[] = { 3, 3 };
	int err;

	partition(PARKER_IOC_CREATE, "one", NULL);
	partition(PARKER_IOC_CREATE, "two", NULL);
	err = set(PARKER_IOC_TAKE_CPUS, "one", 0, 2, with_bsp);
	CHECK("take-bsp", err == -EPERM && why == PARKER_WHY_BSP && failed == 0, "%d, why %u, failed %u", err, why, failed);
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
	CHECK("take-cpus", !err && failed == ~0u, "%d, why %u, failed %u", err, why, failed);
	CHECK("take-cpus-seen", sysconf(_SC_NPROCESSORS_ONLN) == 2 && attribute_is("one", "cpus", "2-3"), "%s",
	      attribute("one", "cpus"));
	err = spit("/sys/devices/system/cpu/cpu3/online", "1");
	CHECK("foreign-online-vetoed", err == -EBUSY, "%d", err);
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

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Of its first range. */
static uint64_t held_start(const char *name)
{
	return strtoull(attribute(name, "memory"), NULL, 16);
}

static bool all_zero(const uint8_t *at, uint64_t bytes)
{
	const uint64_t *word = (const void *)at;
	uint64_t i;

	for (i = 0; i < bytes / 8; i++)
		if (word[i])
			return false;
	return true;
}

static void test_memory(void)
{
	long total = meminfo("MemTotal"), less;
	uint64_t a = 0, b = 0;
	char text[100];
	uint8_t *at;
	int err;

	partition(PARKER_IOC_CREATE, "one", NULL);
	CHECK("memory-align-small", take_memory("one", 2 * MIB, MIB, 0, 0, NULL) == -EINVAL, "accepted");
	CHECK("memory-align-odd", take_memory("one", 6 * MIB, 3 * MIB, 0, 0, NULL) == -EINVAL, "accepted");
	CHECK("memory-size-odd", take_memory("one", 3 * MIB, 2 * MIB, 0, 0, NULL) == -EINVAL, "accepted");
	CHECK("memory-size-zero", take_memory("one", 0, 2 * MIB, 0, 0, NULL) == -EINVAL, "accepted");
	err = take_memory("one", 2 * MIB, 2 * MIB, 0, 5, NULL);
	CHECK("memory-no-node", err == -ENXIO && why == PARKER_WHY_NO_SUCH, "%d, why %u", err, why);
	err = take_memory("one", 1ull << 62, 2 * MIB, 0, 0, NULL);
	CHECK("memory-too-much", err == -ENOMEM, "%d", err);
	err = give_memory("one", 0x1000000);
	CHECK("memory-give-not-held", err == -ENXIO && why == PARKER_WHY_NOT_HELD, "%d, why %u", err, why);

	err = take_memory("one", 512 * MIB, 2 * MIB, 0, 0, &a);
	CHECK("take-memory", !err && a >= 1ull << 32 && !(a & (2 * MIB - 1)), "%d: %#llx", err, (unsigned long long)a);
	less = total - meminfo("MemTotal");
	CHECK("memtotal-fell", less == 512 * 1024, "by %ld KiB", less);
	err = take_memory("one", 64 * MIB, 4 * MIB, 1ull << 32, 0, &b);
	CHECK("take-memory-below", !err && b + 64 * MIB <= 1ull << 32 && !(b & (4 * MIB - 1)), "%d: %#llx", err,
	      (unsigned long long)b);
	snprintf(text, sizeof(text), "%#llx-%#llx node 0\n%#llx-%#llx node 0", (unsigned long long)a,
		 (unsigned long long)(a + 512 * MIB), (unsigned long long)b, (unsigned long long)(b + 64 * MIB));
	CHECK("memory-attribute", attribute_is("one", "memory", text), "%s", attribute("one", "memory"));

	at = map(a, 512 * MIB);
	CHECK("memory-zero", at != MAP_FAILED && all_zero(at, 512 * MIB), "not");
	CHECK("private-map-refused", mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, a) == MAP_FAILED, "mapped");
	memset(at, 0x55, 512 * MIB);
	CHECK("destroy-holding-memory", partition(PARKER_IOC_DESTROY, "one", NULL) == -EBUSY, "accepted");
	CHECK("give-memory", !give_memory("one", a) && peek(at) == -1 && peek(at + 512 * MIB - 1) == -1, "%d", peek(at));
	munmap(at, 512 * MIB);
	at = map(0x100000, 4096);
	CHECK("foreign-memory-sigbus", at != MAP_FAILED && peek(at) == -1, "readable");
	munmap(at, 4096);
	CHECK("give-memory-second", !give_memory("one", b), "%d", errno);
	CHECK("memtotal-back", meminfo("MemTotal") == total, "%ld, was %ld", meminfo("MemTotal"), total);

	/* Where other pages are in the way. */
	at = mmap(NULL, 1024 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (at != MAP_FAILED)
		memset(at, 0x77, 1024 * MIB);
	err = take_memory("one", 1536 * MIB, 2 * MIB, 0, 0, &a);
	CHECK("take-memory-in-use", !err && !give_memory("one", a), "%d", err);
	CHECK("migrated-intact", at != MAP_FAILED && peek(at) == 0x77 && peek(at + 1024 * MIB - 1) == 0x77, "lost");
	munmap(at, 1024 * MIB);
	err = take_memory("one", 3584 * MIB, 2 * MIB, 0, 0, &a);
	CHECK("take-nearly-all", err == -ENOMEM && meminfo("MemTotal") == total, "%d", err);
	partition(PARKER_IOC_DESTROY, "one", NULL);
}

/* Numbers only: the emulator's are not a machine's. */
static void print_speed(void)
{
	uint64_t bytes = 512 * MIB, start;
	double took, zeroed, set;
	uint8_t *at;

	partition(PARKER_IOC_CREATE, "one", NULL);
	took = seconds();
	if (take_memory("one", bytes, 2 * MIB, 0, 0, &start)) {
		partition(PARKER_IOC_DESTROY, "one", NULL);
		return;
	}
	took = seconds() - took;
	zeroed = seconds();
	give_memory("one", start);
	zeroed = seconds() - zeroed;
	partition(PARKER_IOC_DESTROY, "one", NULL);
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (at == MAP_FAILED)
		return;
	set = seconds();
	memset(at, 0x11, bytes);
	asm volatile("" : : "r"(at) : "memory");
	set = seconds() - set;
	munmap(at, bytes);
	printf("# 512 MiB: taken and zeroed in %.0f ms, zeroed and given in %.0f ms, memset in %.0f ms: zeroing at %.0f %% of memset\n",
	       took * 1e3, zeroed * 1e3, set * 1e3, 100 * set / zeroed);
}

/* While memory is migrated and zeroed for one partition, others are not kept waiting. */
static void test_busy(void)
{
	bool busy = false, other = false, still;
	int status = 0;
	pid_t child;

	partition(PARKER_IOC_CREATE, "one", NULL);
	child = fork();
	if (!child)
		_exit(take_memory("one", 1024 * MIB, 2 * MIB, 0, 0, NULL) ? 1 : 0);
	while (!busy && !waitpid(child, &status, WNOHANG))
		busy = give_memory("one", 0x1000000) == -EBUSY && why == PARKER_WHY_BUSY;
	other = busy && !partition(PARKER_IOC_CREATE, "two", NULL) && !partition(PARKER_IOC_DESTROY, "two", NULL);
	CHECK("busy-destroy", busy && partition(PARKER_IOC_DESTROY, "one", NULL) == -EBUSY, "busy %d", busy);
	still = !waitpid(child, &status, WNOHANG);
	CHECK("others-go-on", other && still, "busy %d, done %d, before the end %d", busy, other, still);
	if (still)
		waitpid(child, &status, 0);
	CHECK("busy-take", WIFEXITED(status) && !WEXITSTATUS(status) && !give_memory("one", held_start("one")), "status %d", status);
	partition(PARKER_IOC_DESTROY, "one", NULL);
}

static int round_trip(void)
{
	uint32_t cpus[] = { 1, 2, 3 };
	uint64_t a = 0;
	int bad = 0;

	bad |= partition(PARKER_IOC_CREATE, "round", NULL);
	bad |= set(PARKER_IOC_TAKE_CPUS, "round", 0, 3, cpus);
	bad |= take_memory("round", 256 * MIB, 2 * MIB, 0, 0, &a);
	bad |= give_memory("round", a);
	bad |= set(PARKER_IOC_GIVE_CPUS, "round", 0, 3, cpus);
	bad |= partition(PARKER_IOC_DESTROY, "round", NULL);
	return bad;
}

/* Free memory in KiB, with the pages that each CPU keeps for itself. */
static long free_memory(void)
{
	FILE *f = fopen("/proc/zoneinfo", "r");
	long kib = meminfo("MemFree"), pages;
	char line[200];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %ld", &pages) == 1)
			kib += pages * 4;
	if (f)
		fclose(f);
	return kib;
}

static void test_rounds(void)
{
	long total = meminfo("MemTotal"), less;
	int i, bad = round_trip(); /* fills the kernel's own caches */

	less = free_memory();
	for (i = 0; i < 10; i++)
		bad |= round_trip();
	less -= free_memory();
	printf("# ten rounds: %ld KiB less\n", less);
	CHECK("ten-rounds", !bad && sysconf(_SC_NPROCESSORS_ONLN) == 4 && meminfo("MemTotal") == total && less < 2048,
	      "%d, %ld KiB less", bad, less);
}

/* The driver of the one NVMe drive, by following its links. */
static bool pci_driver_is(const char *bdf, const char *name)
{
	char path[100], target[200];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", bdf);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return !name;
	target[n] = 0;
	return name && !strcmp(strrchr(target, '/') + 1, name);
}

static uint32_t pci_number(const char *bdf)
{
	unsigned int domain, bus, dev, fn;

	if (sscanf(bdf, "%x:%x:%x.%x", &domain, &bus, &dev, &fn) != 4)
		abort();
	return PARKER_PCI(domain, bus, dev << 3 | fn);
}

static void pci_write(const char *bdf, const char *file, const char *text)
{
	char path[100];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bdf, file);
	spit(path, text);
}

static void prepare(const char *bdf)
{
	pci_write(bdf, "driver_override", "parker");
	pci_write(bdf, "driver/unbind", bdf);
}

static void restore(const char *bdf)
{
	pci_write(bdf, "driver_override", "\n");
	spit("/sys/bus/pci/drivers_probe", bdf);
}

/* The first function of a class (or, behind a root port, a bridge). */
static bool pci_find(const char *class, int nth, char *bdf)
{
	struct dirent *entry;
	DIR *dir = opendir("/sys/bus/pci/devices");
	char path[300], best[20] = "~";
	int i;

	bdf[0] = 0;
	for (i = 0; i <= nth; i++) {
		strcpy(best, "~");
		rewinddir(dir);
		while ((entry = readdir(dir))) {
			if (entry->d_name[0] == '.' || strlen(entry->d_name) > 15)
				continue;
			snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/class", entry->d_name);
			if (strncmp(slurp(path), class, strlen(class)) || !strncmp(entry->d_name, "0000:00:", 8))
				continue;
			if (strcmp(entry->d_name, bdf) > 0 && strcmp(entry->d_name, best) < 0)
				strcpy(best, entry->d_name);
		}
		strcpy(bdf, best);
	}
	closedir(dir);
	return *bdf != '~';
}

enum { STATUS = 0x14, VIRTIO_BYTES = 4096 };

/* The registers of a device, which loses its driver: what one has cannot be mapped. */
static volatile void *map_registers(const char *bdf, const char *resource, size_t bytes)
{
	volatile void *bar;
	char path[100];
	int f;

	prepare(bdf);
	pci_write(bdf, "enable", "1");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bdf, resource);
	f = open(path, O_RDWR);
	bar = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
	close(f);
	return bar;
}

/* A reset function forgets what was written to it: here, a virtio device its status. */
static void test_reset(const char *bdf)
{
	volatile uint8_t *bar = map_registers(bdf, "resource4", VIRTIO_BYTES);
	uint32_t item = pci_number(bdf);
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
static void test_reset_between_runs(void)
{
	enum { RCTL = 0x100 / 4, ENABLED = 2, E1000E_BYTES = 0x20000 };
	uint64_t base = 0, slice = 0;
	volatile uint32_t *bar;
	char nic[2][20];
	uint32_t nics[2];
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

static void test_devices(bool iommu)
{
	char nvme[20], bridge[20], nic[3][20], text[100];
	uint32_t nics[2];
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
	CHECK("take-device", !err && failed == ~0u && pci_driver_is(nvme, "parker"), "%d, why %u", err, why);
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

static void test_start(void)
{
	static const char *const reasons[] = { "none", "reboot", "panic", "poweroff", "unknown" };
	uint32_t cpus[] = { 2, 3 }, code, unknown = 77;
	uint64_t base = 0, slice = 0, low = 0, before;
	int err, events = events_open();
	volatile uint64_t *counter;
	uint8_t *at, *control;
	char name[40];

	partition(PARKER_IOC_CREATE, "one", &slice);
	set(PARKER_IOC_TAKE_CPUS, "one", 0, 2, cpus);
	take_memory("one", 16 * MIB, 2 * MIB, 0, 0, &base);
	take_memory("one", 16 * MIB, 2 * MIB, 1ull << 32, 0, &low);
	at = map(base, 16 * MIB);
	control = map(slice, 4096);
	counter = (void *)(at + OFFSET_PARAMS);

	load(at, base, slice, 0, spin_start, spin_end - spin_start);
	err = start_loaded("one", base, 1);
	CHECK("start-foreign-cpu", err == -ENXIO && why == PARKER_WHY_NOT_HELD, "%d, why %u", err, why);
	err = start("one", 0x100000, base + OFFSET_PARAMS, base + OFFSET_TABLES, 2);
	CHECK("start-foreign-entry", err == -EFAULT && why == PARKER_WHY_OUTSIDE, "%d, why %u", err, why);
	err = start("one", base + OFFSET_ENTRY, base + 16 * MIB - 1024, base + OFFSET_TABLES, 2);
	CHECK("start-params-over-edge", err == -EFAULT && why == PARKER_WHY_OUTSIDE, "%d, why %u", err, why);
	err = start("one", base + OFFSET_ENTRY, base + OFFSET_PARAMS, base + OFFSET_TABLES + 8, 2);
	CHECK("start-odd-table", err == -EFAULT && why == PARKER_WHY_OUTSIDE, "%d, why %u", err, why);
	/* tables full of zeros: a triple fault would reset a machine, so none here */

	*(uint64_t *)(control + PARKER_CTL_MAGIC) = PARKER_CTL_MAGIC_VALUE;
	err = start_loaded("one", base, 2);
	if (!CHECK("start", !err, "%d, why %u", err, why))
		goto out;
	CHECK("start-event", event_seen(events, "PARKER_STATE=running", "PARKER_EXIT=none"), "none");
	CHECK("heartbeat-event", event_seen(events, "PARKER_HEARTBEAT=first", "PARKER_STATE=running"), "none");
	before = *counter;
	usleep(100000);
	CHECK("runs", *counter > before, "%llu", (unsigned long long)before);
	CHECK("runs-seen", attribute_is("one", "state", "running") && attribute_is("one", "heartbeat", "1") &&
	      attribute_is("one", "exit_reason", "none"), "%s", attribute("one", "heartbeat"));
	CHECK("control-kept", *(uint64_t *)(control + PARKER_CTL_MAGIC) == PARKER_CTL_MAGIC_VALUE, "cleared");
	err = start_loaded("one", base, 3);
	CHECK("start-twice", err == -EBUSY && why == PARKER_WHY_RUNNING, "%d, why %u", err, why);
	err = set1(PARKER_IOC_GIVE_CPUS, "one", 0, 3);
	CHECK("give-while-running", err == -EBUSY && why == PARKER_WHY_RUNNING, "%d, why %u", err, why);
	err = give_memory("one", base);
	CHECK("give-memory-while-running", err == -EBUSY && why == PARKER_WHY_RUNNING, "%d, why %u", err, why);
	CHECK("destroy-while-running", partition(PARKER_IOC_DESTROY, "one", NULL) == -EBUSY && why == PARKER_WHY_RUNNING,
	      "why %u", why);

	err = kill_partition("one");
	CHECK("kill-spinning", !err && attribute_is("one", "state", "idle") && attribute_is("one", "exit_reason", "killed"),
	      "%d: %s", err, attribute("one", "exit_reason"));
	before = *counter;
	usleep(100000);
	CHECK("killed-stands-still", *counter == before, "moves");
	CHECK("kill-event", event_seen(events, "PARKER_STATE=idle", "PARKER_EXIT=killed"), "none");
	CHECK("kill-unknown", kill_partition("nobody") == -ENOENT, "accepted");
	CHECK("kill-clears", !kill_partition("one") && attribute_is("one", "exit_reason", "none"), "%s",
	      attribute("one", "exit_reason"));

	for (code = 1; code <= 4; code++) {
		/* below 4 GiB this time, and started on the other CPU */
		uint8_t *memory = map(low, 16 * MIB);
		char event[40];

		load(memory, low, slice, code == 4 ? unknown : code, exit_start, exit_end - exit_start);
		err = start_loaded("one", low, 3);
		snprintf(name, sizeof(name), "exit-%s", reasons[code]);
		snprintf(event, sizeof(event), "PARKER_EXIT=%s", reasons[code]);
		CHECK(name, !err && event_seen(events, "PARKER_STATE=exited", event) && attribute_is("one", "state", "exited") &&
		      attribute_is("one", "exit_reason", reasons[code]), "%d: %s", err, attribute("one", "exit_reason"));
		munmap(memory, 16 * MIB);
	}
	load(at, base, slice, 0, spin_start, spin_end - spin_start);
	CHECK("start-after-exit", !start_loaded("one", base, 3) && attribute_is("one", "state", "running"), "why %u", why);
	CHECK("kill-again", !kill_partition("one"), "%d", errno);
out:
	CHECK("give-cpus-after-run", !set(PARKER_IOC_GIVE_CPUS, "one", 0, 2, cpus) && sysconf(_SC_NPROCESSORS_ONLN) == 4,
	      "%ld online, why %u, CPU %u", sysconf(_SC_NPROCESSORS_ONLN), why, failed);
	CHECK("give-memory-after-run", !give_memory("one", base) && !give_memory("one", low), "%d", errno);
	CHECK("destroy-after-run", !partition(PARKER_IOC_DESTROY, "one", NULL), "%d", errno);
	for (code = 1; code < 4; code++) {
		snprintf(name, sizeof(name), "/sys/devices/system/cpu/cpu%u/online", code);
		err = spit(name, "0") ?: spit(name, "1");
		CHECK("own-cpu-down-up", !err && sysconf(_SC_NPROCESSORS_ONLN) == 4, "CPU %u: %d", code, err);
	}
	munmap(at, 16 * MIB);
	munmap(control, 4096);
	close(events);
}

int main(void)
{
	bool iommu = strstr(slurp("/proc/cmdline"), "intel_iommu=on");
	int err;

	signal(SIGBUS, on_sigbus);
	fd = open("/dev/parker", O_RDWR | O_CLOEXEC);
	if (!CHECK("open", fd >= 0, "%d", errno))
		return 1;
	test_dispatch();
	test_unprivileged();
	test_create();
	test_cpus();
	test_memory();
	test_busy();
	print_speed();
	test_rounds();
	test_start();
	test_reset_between_runs();
	test_devices(iommu);
	close(fd);
	err = syscall(SYS_delete_module, "parker", O_NONBLOCK) ? errno : 0;
	CHECK("rmmod", !err, "%d", err);
	CHECK("kernel-untainted-by-us", !(atol(slurp("/proc/sys/kernel/tainted")) & ~0x3001L), "%s",
	      slurp("/proc/sys/kernel/tainted")); /* out of tree, unsigned */
	printf("# %d failures\n", failures);
	return failures != 0;
}
