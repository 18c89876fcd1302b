// SPDX-License-Identifier: LGPL-2.1-or-later
/* An application kernel starts, ends, is killed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kmod_test.h"

void test_start(void)
{
	static const char *const reasons[] = { "none", "reboot", "panic", "poweroff", "unknown" };
	uint64_t cpus[] = { 2, 3 };
	uint32_t code, unknown = 77;
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
	      "%ld online, why %u, CPU %llu", sysconf(_SC_NPROCESSORS_ONLN), why, failed);
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
