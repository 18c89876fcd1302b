// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs leave this kernel by hot-unplug and come back by hot-plug. In between
 * they are stopped and started by INIT and SIPI alone.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/delay.h>
#include <asm/apic.h>
#include <asm/smp.h>

#include "parker.h"
#include "compat.h"

#define PARK_TIMEOUT_MS 2000 /* hardware answers within microseconds, a busy emulator does not */

extern const u8 parker_park[], parker_parked[], parker_park_end[];

/*
 * CPUs that no one else may bring up: those of all partitions, and one that is
 * being taken right now. Bits change under parker_lock; the cpuhp callback looks
 * at them under the CPU hotplug lock alone.
 */
static cpumask_t held;
static int veto_state;

static int veto(unsigned int cpu)
{
	return cpumask_test_cpu(cpu, &held) ? -EBUSY : 0;
}

static u32 apic_id(unsigned int cpu)
{
	return per_cpu(x86_cpu_to_apicid, cpu);
}

static void send(unsigned int cpu, u32 icr)
{
	unsigned long flags;
	int us;

	local_irq_save(flags);
	apic->icr_write(icr, apic_id(cpu));
	/* x2APIC has no such bit: it reads as zero */
	for (us = 0; us < 1000 && (apic->icr_read() & APIC_ICR_BUSY); us++)
		udelay(1);
	local_irq_restore(flags);
}

/* The CPU will wait for a SIPI, soon, whatever it does. Only for held CPUs. */
void parker_cpu_init(unsigned int cpu)
{
	send(cpu, APIC_INT_LEVELTRIG | APIC_INT_ASSERT | APIC_DM_INIT);
}

void parker_cpu_startup(unsigned int cpu, phys_addr_t vector)
{
	send(cpu, APIC_DM_STARTUP | (vector >> PAGE_SHIFT));
}

/*
 * When this returns 0 the CPU waits for a SIPI, and has left whatever it did. An
 * INIT alone does not prove that: nothing tells when it has arrived. So the CPU
 * is sent through a few instructions in @page, below 1 MiB and its own to
 * overwrite, that say so (trampoline.S).
 */
int parker_cpu_park(unsigned int cpu, phys_addr_t page)
{
	u8 *park = __va(page);
	u32 *parked = (u32 *)(park + (parker_parked - parker_park));
	int ms;

	parker_cpu_init(cpu);
	memcpy(park, parker_park, parker_park_end - parker_park);
	for (ms = 0; ms < PARK_TIMEOUT_MS && !READ_ONCE(*parked); ms++) {
		parker_cpu_startup(cpu, page); /* again, for one that came before the INIT did */
		usleep_range(500, 1000);
	}
	if (!READ_ONCE(*parked)) {
		pr_err_ratelimited("CPU %u does not answer to INIT\n", cpu);
		return -ETIMEDOUT;
	}
	parker_cpu_init(cpu); /* out of that page: it halts there meanwhile */
	return 0;
}

int parker_cpu_identity(struct parker_part *none, void *arg, const u64 *items)
{
	struct parker_cpu *a = arg;

	if (a->cpu >= nr_cpu_ids || !cpu_present(a->cpu)) {
		a->why = PARKER_WHY_NO_SUCH;
		return -ENXIO;
	}
	a->apic_id = apic_id(a->cpu);
	return 0;
}

/* An INIT to the bootstrap processor makes it run the firmware. */
static bool is_bsp(unsigned int cpu)
{
	u64 base;

	if (cpu == 0 || parker_rdmsr_on_cpu(cpu, MSR_IA32_APICBASE, &base))
		return true;
	return base & MSR_IA32_APICBASE_BSP;
}

static int check_take(u64 cpu, u32 *why)
{
	if (cpu >= nr_cpu_ids || !cpu_present(cpu)) {
		*why = PARKER_WHY_NO_SUCH;
		return -ENXIO;
	}
	if (cpumask_test_cpu(cpu, &held)) {
		*why = PARKER_WHY_HELD;
		return -EBUSY;
	}
	if (!cpu_online(cpu)) {
		*why = PARKER_WHY_OFFLINE;
		return -ENXIO;
	}
	if (is_bsp(cpu)) {
		*why = PARKER_WHY_BSP;
		return -EPERM;
	}
	return 0;
}

static int take(unsigned int cpu)
{
	int err;

	/* First, so that no one can bring it up again in between. */
	cpumask_set_cpu(cpu, &held);
	err = remove_cpu(cpu);
	if (err)
		cpumask_clear_cpu(cpu, &held);
	return err ? -EBUSY : 0; /* positive: somebody else offlined it just now */
}

static int give(unsigned int cpu)
{
	cpumask_clear_cpu(cpu, &held);
	add_cpu(cpu);
	if (cpu_online(cpu)) /* also if it was somebody else who brought it up */
		return 0;

	cpumask_set_cpu(cpu, &held);
	cpus_read_lock(); /* waits for one who got past the veto meanwhile */
	if (cpu_online(cpu))
		cpumask_clear_cpu(cpu, &held);
	cpus_read_unlock();
	return cpumask_test_cpu(cpu, &held) ? -EBUSY : 0;
}

int parker_take_cpus(struct parker_part *part, void *arg, const u64 *items)
{
	struct parker_set *a = arg;
	cpumask_var_t set;
	unsigned int i;
	int err;

	if (!zalloc_cpumask_var(&set, GFP_KERNEL))
		return -ENOMEM;
	for (i = 0; i < a->nr; i++) {
		a->failed = items[i];
		err = check_take(items[i], &a->why);
		if (!err && cpumask_test_and_set_cpu(items[i], set))
			err = -EINVAL; /* named twice */
		if (err)
			goto out;
	}
	if (num_online_cpus() <= a->nr) {
		a->why = PARKER_WHY_LAST;
		err = -EPERM;
		goto out;
	}

	for (i = 0; i < a->nr; i++) {
		err = take(items[i]);
		if (err) {
			a->failed = items[i];
			a->why = PARKER_WHY_REFUSED;
			goto undo;
		}
	}
	down_write(&parker_view);
	cpumask_or(&part->cpus, &part->cpus, set);
	up_write(&parker_view);
	a->failed = PARKER_NO_ITEM;
	goto out;

undo:
	while (i--) {
		if (!give(items[i]))
			continue;
		/* This kernel does not want it back. Keep it where it can be
		 * seen and given again, rather than lose it.
		 */
		pr_err("CPU %llu would not come back\n", items[i]);
		down_write(&parker_view);
		cpumask_set_cpu(items[i], &part->cpus);
		up_write(&parker_view);
	}
out:
	free_cpumask_var(set);
	return err;
}

int parker_give_cpus(struct parker_part *part, void *arg, const u64 *items)
{
	struct parker_set *a = arg;
	unsigned int i;
	int err = 0;

	for (i = 0; i < a->nr; i++) {
		if (items[i] >= nr_cpu_ids || !cpumask_test_cpu(items[i], &part->cpus)) {
			a->failed = items[i];
			a->why = PARKER_WHY_NOT_HELD;
			return -ENXIO;
		}
	}
	for (i = 0; i < a->nr; i++) {
		/* named twice: it is back already */
		if (!cpumask_test_cpu(items[i], &part->cpus))
			continue;
		if (give(items[i])) {
			a->failed = items[i];
			a->why = PARKER_WHY_REFUSED;
			err = -EBUSY;
			continue;
		}
		down_write(&parker_view);
		cpumask_clear_cpu(items[i], &part->cpus);
		up_write(&parker_view);
	}
	return err;
}

int parker_cpu_setup(void)
{
	veto_state = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "parker:veto", veto, NULL);
	return veto_state < 0 ? veto_state : 0;
}

void parker_cpu_exit(void)
{
	cpuhp_remove_state_nocalls(veto_state);
}
