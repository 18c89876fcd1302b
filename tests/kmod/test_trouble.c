// SPDX-License-Identifier: LGPL-2.1-or-later
/* What must go well while something else does not: stuck commands, two callers, NMIs. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmod_test.h"

#define HOLD "/sys/module/parker/parameters/hold_lock" /* of the debug build: a command that does not end */

static uint64_t base, slice;
static uint8_t *memory;

static int run_one(const char *code, size_t bytes, uint32_t word)
{
	static const uint64_t cpus[] = { 2, 3 };
	int err;

	partition(PARKER_IOC_CREATE, "one", &slice);
	err = set(PARKER_IOC_TAKE_CPUS, "one", 0, 2, cpus) ?: take_memory("one", 16 * MIB, 2 * MIB, 0, 0, &base);
	memory = map(base, 16 * MIB);
	load(memory, base, slice, word, code, bytes);
	return err ?: start_loaded("one", base, 2);
}

static int end_one(void)
{
	static const uint64_t cpus[] = { 2, 3 };

	munmap(memory, 16 * MIB);
	return set(PARKER_IOC_GIVE_CPUS, "one", 0, 2, cpus) ?: give_memory("one", base) ?: partition(PARKER_IOC_DESTROY, "one", NULL);
}

static bool moves(void)
{
	volatile uint64_t *counter = (void *)(memory + OFFSET_PARAMS);
	uint64_t before = *counter;
	int i;

	for (i = 0; i < 30 && *counter == before; i++)
		usleep(100000);
	return *counter != before;
}

static void wait_for(pid_t child, const char *name)
{
	int status = -1;

	waitpid(child, &status, 0);
	CHECK(name, WIFEXITED(status) && !WEXITSTATUS(status), "status %#x", status);
}

/* One command that hangs keeps others waiting, but not KILL, nor who asks. */
void test_stuck(void)
{
	struct parker_info info = { .size = sizeof(info) };
	struct pollfd state = { .events = POLLPRI };
	int err = run_one(spin_start, spin_end - spin_start, 0);
	double began, took;
	uint8_t *low;
	char text[64];
	pid_t child, waiter;

	if (!CHECK("stuck-start", !err, "%d, why %u", err, why))
		return;
	state.fd = open("/sys/class/parker/one/state", O_RDONLY);
	CHECK("state-readable", read(state.fd, text, sizeof(text)) > 0 && poll(&state, 1, 0) == 0, "%#x", state.revents);
	low = map(slice, PARKER_SLICE_BYTES);
	memset(low + PARKER_SLICE_RAM, 0xa5, PARKER_SLICE_RAM_BYTES);

	child = fork();
	if (!child)
		_exit(spit(HOLD, "6000") ? 1 : 0);
	usleep(300000);
	waiter = fork();
	if (!waiter) {
		began = seconds();
		err = partition(PARKER_IOC_CREATE, "two", NULL) ?: partition(PARKER_IOC_DESTROY, "two", NULL);
		_exit(err || seconds() - began < 3);
	}
	began = seconds();
	err = call(PARKER_IOC_INFO, &info);
	CHECK("info-while-stuck", !err && info.slices_free == info.slices - 1, "%d", err);
	err = kill_partition("one");
	took = seconds() - began;
	CHECK("kill-while-stuck", !err && took < 2 && !strcmp(attribute("one", "exit_reason"), "killed"), "%d, after %.1f s", err, took);
	CHECK("killed-while-stuck-stands-still", !moves(), "moves");
	CHECK("state-polled", poll(&state, 1, 0) == 1 && state.revents & POLLPRI, "%#x", state.revents);
	CHECK("killed-leaves-memory", low[PARKER_SLICE_RAM] == 0xa5 && low[PARKER_SLICE_RAM + 0x10] == 0xa5, "%#x",
	      low[PARKER_SLICE_RAM]);
	munmap(low, PARKER_SLICE_BYTES);
	close(state.fd);
	wait_for(child, "stuck-command-done");
	wait_for(waiter, "others-waited");
	err = end_one();
	CHECK("stuck-all-back", !err, "%d, why %u", err, why);
}

/* Two callers want the same CPUs, over and over: each time one gets them, and the other is told. */
void test_two_callers(void)
{
	static const uint64_t cpus[] = { 2, 3 };
	int i, err, held = 0, status = 0, wrong = 0;
	pid_t child;

	partition(PARKER_IOC_CREATE, "one", NULL);
	partition(PARKER_IOC_CREATE, "two", NULL);
	child = fork();
	for (i = 0; i < 10; i++) {
		const char *name = child ? "one" : "two";

		err = set(PARKER_IOC_TAKE_CPUS, name, 0, 2, cpus);
		if (!err) {
			held++;
			wrong |= strcmp(attribute(name, "cpus"), "2-3") || set(PARKER_IOC_GIVE_CPUS, name, 0, 2, cpus);
		} else {
			/* OFFLINE: taken in the moment between two looks */
			wrong |= !(err == -EBUSY && why == PARKER_WHY_HELD) && !(err == -ENXIO && why == PARKER_WHY_OFFLINE);
			usleep(20000);
		}
	}
	if (!child)
		_exit(wrong ? 255 : held);
	waitpid(child, &status, 0);
	CHECK("two-callers", !wrong && WIFEXITED(status) && WEXITSTATUS(status) != 255 && held + WEXITSTATUS(status) > 0,
	      "%d taken here, status %#x, wrong %d", held, status, wrong);
	err = partition(PARKER_IOC_DESTROY, "one", NULL) ?: partition(PARKER_IOC_DESTROY, "two", NULL);
	CHECK("two-callers-nothing-held", !err && sysconf(_SC_NPROCESSORS_ONLN) == 4, "%d", err);
}

/*
 * NMIs while a CPU of a partition is in the trampoline's world, and another one is
 * parked. Where they have nowhere to go, the machine is reset.
 */
void test_interrupted(void)
{
	int err = run_one(nmi_start, nmi_end - nmi_start, 3 | 2 << 8);

	CHECK("nmi-survived", !err && moves(), "%d, why %u", err, why);
	err = kill_partition("one");
	CHECK("interrupted-killed", !err && !moves(), "%d", err);
	err = start_loaded("one", base, 3);
	CHECK("interrupted-starts-again", !err && moves() && !kill_partition("one"), "%d, why %u", err, why);
	err = end_one();
	CHECK("interrupted-all-back", !err, "%d, why %u", err, why);
}
