// SPDX-License-Identifier: LGPL-2.1-or-later
/* A descriptor for one partition: what it can do without a capability, and that it goes dead with the partition. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmod_test.h"

static int open_partition(const char *name)
{
	struct parker_open a = { .size = sizeof(a), .fd = -1 };
	int err;

	strncpy(a.name, name, sizeof(a.name));
	err = call(PARKER_IOC_OPEN, &a);
	return err ?: a.fd;
}

static void *map_by(int file, uint64_t start, uint64_t bytes)
{
	return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, start);
}

static int events_of(int file)
{
	struct pollfd p = { .fd = file, .events = POLLIN };

	return poll(&p, 1, 2000) == 1 ? p.revents : 0;
}

/* As nobody: bits of what is wrong. */
static int unprivileged(int file, uint64_t start, uint64_t foreign)
{
	struct parker_change change;
	struct parker_kill kill = { .size = sizeof(kill), .name = "one" };
	volatile uint8_t *own, *other;
	int bad = 0;

	if (setresuid(65534, 65534, 65534))
		return 64;
	own = map_by(file, start, 2 * MIB);
	other = map_by(file, foreign, 2 * MIB);
	bad |= (own == MAP_FAILED || peek(own) != 0x5a) << 0;
	bad |= (other == MAP_FAILED || peek(other) != -1) << 1;
	bad |= (read(file, &change, sizeof(change)) != sizeof(change) || change.state != PARKER_STATE_IDLE ||
		change.exit != PARKER_EXIT_NONE || change.changes != 1) << 2;
	bad |= (ioctl(file, PARKER_IOC_KILL, &kill) == 0) << 3;
	bad |= (call(PARKER_IOC_KILL, &kill) != -EPERM) << 4;
	return bad;
}

static int signal_by(int file, const struct parker_message *messages, uint32_t nr, uint32_t *reason, uint64_t *failed)
{
	struct parker_signal a = { .size = sizeof(a), .items = (uintptr_t)messages, .nr = nr };
	int err = ioctl(file, PARKER_IOC_SIGNAL, &a) ? -errno : 0;

	*reason = a.why;
	*failed = a.failed;
	return err;
}

/* What may be sent to a running partition, and where. CPU 2, whose APIC ID is 2 here, is its own; it runs with interrupts off. */
void test_signal(void)
{
	static const struct {
		const char *name;
		struct parker_message message;
		int err;
	} rows[] = {
		{ "signal-fixed", { 0xfee02000, 0x40, 0 }, 0 },
		{ "signal-lowest", { 0xfee02008, 0x4140, 0 }, 0 },
		{ "signal-boot-cpu", { 0xfee00000, 0x40, 0 }, -ENXIO },
		{ "signal-free-cpu", { 0xfee01000, 0x40, 0 }, -ENXIO },
		{ "signal-everybody", { 0xfeeff000, 0x40, 0 }, -ENXIO },
		{ "signal-init", { 0xfee02000, 0x540, 0 }, -EINVAL },
		{ "signal-startup", { 0xfee02000, 0x640, 0 }, -EINVAL },
		{ "signal-nmi", { 0xfee02000, 0x440, 0 }, -EINVAL },
		{ "signal-smi", { 0xfee02000, 0x240, 0 }, -EINVAL },
		{ "signal-exception", { 0xfee02000, 0x1f, 0 }, -EINVAL },
		{ "signal-logical", { 0xfee02004, 0x40, 0 }, -EINVAL },
		{ "signal-remapped", { 0xfee02010, 0x40, 0 }, -EINVAL },
		{ "signal-memory", { 0x100000, 0x40, 0 }, -EINVAL },
		{ "signal-high", { 0x1fee02000, 0x40, 0 }, -EINVAL },
		{ "signal-level", { 0xfee02000, 0x8040, 0 }, -EINVAL },
		{ "signal-reserved", { 0xfee02000, 0x40, 1 }, -EINVAL },
	};
	struct parker_message two[2] = { { 0xfee02000, 0x40, 0 }, { 0xfee00000, 0x40, 0 } };
	struct application a;
	uint64_t failed;
	uint32_t reason;
	size_t i;
	int file, err;

	err = application_begin(&a, "sig", 2);
	file = open_partition("sig");
	if (!CHECK("signal-begin", !err && file >= 0, "%d, %d", err, file))
		return;
	err = signal_by(file, two, 1, &reason, &failed);
	CHECK("signal-idle", err == -EBUSY && reason == PARKER_WHY_RUNNING, "%d, why %u", err, reason);
	err = application_start(&a);
	CHECK("signal-start", !err, "%d", err);
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		err = signal_by(file, &rows[i].message, 1, &reason, &failed);
		CHECK(rows[i].name, err == rows[i].err && (err ? failed == 0 : failed == PARKER_NO_ITEM) &&
		      (reason == PARKER_WHY_NOT_HELD) == (err == -ENXIO), "%d, why %u", err, reason);
	}
	err = signal_by(file, two, 2, &reason, &failed);
	CHECK("signal-names-message", err == -ENXIO && failed == 1, "%d, %llu", err, (unsigned long long)failed);
	CHECK("signal-none", signal_by(file, two, 0, &reason, &failed) == -EINVAL, "sent");
	CHECK("signal-many", signal_by(file, two, PARKER_SIGNAL_MAX + 1, &reason, &failed) == -EINVAL, "sent");
	CHECK("signal-nowhere", signal_by(file, NULL, 1, &reason, &failed) == -EFAULT, "sent");
	kill_partition("sig");
	err = signal_by(file, two, 1, &reason, &failed);
	CHECK("signal-ended", err == -EBUSY, "%d", err);
	application_end(&a);
	err = signal_by(file, two, 1, &reason, &failed);
	CHECK("signal-dead", err == -ENODEV, "%d", err);
	close(file);
}

void test_open(void)
{
	uint64_t start = 0, foreign = 0, slice = 0, again = 0;
	struct parker_open bad = { .size = sizeof(bad), .name = "one", .__reserved2 = 1 };
	struct parker_change change = {};
	int file, status, err, flags;
	uint8_t *memory, *low;

	partition(PARKER_IOC_CREATE, "one", &slice);
	partition(PARKER_IOC_CREATE, "two", NULL);
	take_memory("one", 2 * MIB, 2 * MIB, 0, 0, &start);
	take_memory("two", 2 * MIB, 2 * MIB, 0, 0, &foreign);
	CHECK("open-unknown", open_partition("nobody") == -ENOENT, "opened");
	CHECK("open-reserved", call(PARKER_IOC_OPEN, &bad) == -EINVAL, "opened");
	file = open_partition("one");
	if (!CHECK("open-one", file >= 0, "%d", file))
		return;
	flags = fcntl(file, F_GETFD);
	CHECK("open-cloexec", flags & FD_CLOEXEC, "%#x", flags);
	memory = map_by(file, start, 2 * MIB);
	low = map_by(file, slice, 4096);
	memset(memory, 0x5a, 2 * MIB);
	if (!fork())
		_exit(unprivileged(file, start, foreign));
	wait(&status);
	CHECK("open-unprivileged", !status, "status %#x", status);

	/* the child has read for both: it is one open file */
	CHECK("open-no-news", fcntl(file, F_SETFL, O_NONBLOCK) == 0 && read(file, &change, sizeof(change)) == -1 && errno == EAGAIN,
	      "%d", errno);
	CHECK("open-short-read", read(file, &change, 8) == -1 && errno == EINVAL, "%d", errno);
	err = set1(PARKER_IOC_TAKE_CPUS, "one", 0, 2);
	load(memory, start, slice, PARKER_EXIT_POWEROFF, exit_start, exit_end - exit_start);
	err = err ?: start_loaded("one", start, 2);
	CHECK("open-hears-of-start", !err && events_of(file) == POLLIN && read(file, &change, sizeof(change)) == sizeof(change) &&
	      change.state != PARKER_STATE_IDLE && change.changes >= 2, "%d: state %u, %llu changes", err, change.state,
	      (unsigned long long)change.changes);
	while (change.state == PARKER_STATE_RUNNING && events_of(file) == POLLIN)
		if (read(file, &change, sizeof(change)) != sizeof(change))
			break;
	CHECK("open-hears-of-end", change.state == PARKER_STATE_EXITED && change.exit == PARKER_EXIT_POWEROFF &&
	      change.changes == 3, "state %u, exit %u, %llu changes", change.state, change.exit,
	      (unsigned long long)change.changes);
	kill_partition("one");
	set1(PARKER_IOC_GIVE_CPUS, "one", 0, 2);

	err = give_memory("one", start);
	CHECK("open-given-memory", !err && peek(memory) == -1 && peek(low) >= 0, "%d", err);
	err = partition(PARKER_IOC_DESTROY, "one", NULL);
	CHECK("open-keeps-nothing", !err, "%d, why %u", err, why);
	CHECK("open-dead-poll", events_of(file) & POLLHUP, "%#x", events_of(file));
	CHECK("open-dead-read", read(file, &change, sizeof(change)) == 0, "%d", errno);
	CHECK("open-dead-map", map_by(file, slice, 4096) == MAP_FAILED && errno == ENODEV, "%d", errno);
	partition(PARKER_IOC_CREATE, "one", &again);
	CHECK("open-not-for-the-next", again == slice && peek(low) == -1 && map_by(file, slice, 4096) == MAP_FAILED,
	      "%#llx", (unsigned long long)again);
	partition(PARKER_IOC_DESTROY, "one", NULL);
	give_memory("two", foreign);
	partition(PARKER_IOC_DESTROY, "two", NULL);

	/* Only the descriptor is left, and its code is the module's. */
	munmap(memory, 2 * MIB);
	munmap(low, 4096);
	close(fd);
	err = syscall(SYS_delete_module, "parker", O_NONBLOCK) ? errno : 0;
	CHECK("open-keeps-module", err == EAGAIN || err == EBUSY, "%d", err);
	fd = open("/dev/parker", O_RDWR | O_CLOEXEC);
	close(file);
}
