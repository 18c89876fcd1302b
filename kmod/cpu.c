// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs leave this kernel by hot-unplug and come back by hot-plug. In between
 * they are stopped and started by INIT and SIPI alone.
 *
 * What else could touch a CPU that is held:
 *  - bringing it online (sysfs, SMT switched on): vetoed. Linux ends an
 *    "echo on > smt/control" at the first such CPU, so others may stay offline.
 *  - ejecting it (ACPI): its device is kept from going offline, which an eject
 *    begins with, even of a CPU that is offline already.
 *  - SMT switched off: it is given back, but stays offline, as its siblings do.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <asm/apic.h>
#include <asm/smp.h>

#include "parker.h"
#include "compat.h"
#include "low.h"

/* How long PCI drivers that probe may keep CPUs from going offline or coming online, for one command. */
#define HOTPLUG_TIMEOUT (5 * HZ)

/*
 * CPUs that no one else may bring up: those of all partitions, and those that are
 * being taken right now. Bits are set under parker_lock; the cpuhp callback looks
 * at them under the CPU hotplug lock alone.
 */
static cpumask_t held;
static int veto_state;

/*
 * Those of them that this kernel has let go of: they, and no others, get INIT and
 * SIPI. And whether the machine goes down: no CPU is started or leaves the mask then.
 * The spinlock is taken with nothing else, for as long as one write takes: it cannot
 * be stuck.
 */
static cpumask_t away;
static bool going_down;
static DEFINE_SPINLOCK(away_lock);

static int parker_cpu_veto(unsigned int cpu)
{
	return cpumask_test_cpu(cpu, &held) ? -EPERM : 0;
}

static u32 parker_cpu_apic_id(unsigned int cpu)
{
	return per_cpu(x86_cpu_to_apicid, cpu);
}

/* Where x86_cpu_to_apicid has none it has a number that means all CPUs. */
bool parker_apic_id_valid(u32 id, bool x2apic)
{
	return id < (x2apic ? PARKER_LOW_IDS : 0xff);
}

static void parker_cpu_send(unsigned int cpu, u32 icr)
{
	u32 id = parker_cpu_apic_id(cpu);
	unsigned long flags;
	int us;

	if (WARN_ON_ONCE(!cpumask_test_cpu(cpu, &away)) || WARN_ON_ONCE(!parker_apic_id_valid(id, x2apic_enabled())))
		return;
	mb(); /* in x2APIC mode, writing the ICR waits for no store: what the CPU will read must be there */
	local_irq_save(flags);
	apic->icr_write(icr, id);
	/* x2APIC has no such bit: it reads as zero */
	for (us = 0; us < 1000 && (apic->icr_read() & APIC_ICR_BUSY); us++)
		udelay(1);
	local_irq_restore(flags);
}

/* An ordinary interrupt for the partition's CPU with that ID; with @send false, whether it has one. */
bool parker_cpu_interrupt(const struct parker_part *part, u32 apic_id, u8 vector, bool send)
{
	unsigned int cpu;

	lockdep_assert_held(&parker_view);
	for_each_cpu(cpu, &part->cpus) {
		if (parker_cpu_apic_id(cpu) != apic_id)
			continue;
		if (send)
			parker_cpu_send(cpu, APIC_DM_FIXED | vector);
		return true;
	}
	return false;
}

/* The CPU will wait for a SIPI, soon, whatever it does. */
static void parker_cpu_init(unsigned int cpu)
{
	parker_cpu_send(cpu, APIC_INT_LEVELTRIG | APIC_INT_ASSERT | APIC_DM_INIT);
}

static void parker_cpu_sipi(unsigned int cpu, phys_addr_t page)
{
	parker_cpu_send(cpu, APIC_DM_STARTUP | (page >> PAGE_SHIFT));
}

/*
 * When this returns 0, each of these CPUs has left whatever it did, and waits in the
 * page to park in. An INIT alone does not prove that: nothing tells when it has
 * arrived. So the CPUs are sent through a few instructions that say so.
 *
 * A CPU in VMX operation takes no INIT: there, this can only fail.
 *
 * Takes no lock, and may run twice at once for the same CPUs.
 */
int parker_cpus_stop(const struct cpumask *cpus, unsigned int ms)
{
	unsigned long end = jiffies + msecs_to_jiffies(ms);
	phys_addr_t page = parker_low_park();
	unsigned int cpu, missing;
	bool late;

	for_each_cpu(cpu, cpus) {
		parker_low_clear_parked(parker_cpu_apic_id(cpu));
		parker_cpu_init(cpu);
	}
	/* Once more: one may have been started by another that had not stopped yet. */
	for_each_cpu(cpu, cpus)
		parker_cpu_init(cpu);
	do {
		late = time_after(jiffies, end);
		missing = 0;
		for_each_cpu(cpu, cpus) {
			if (parker_low_parked(parker_cpu_apic_id(cpu)))
				continue;
			missing++;
			parker_cpu_sipi(cpu, page); /* again, for one that came before the INIT did */
		}
		if (!missing)
			return 0;
		usleep_range(500, 1000);
	} while (!late);

	for_each_cpu(cpu, cpus)
		if (!parker_low_parked(parker_cpu_apic_id(cpu)))
			pr_err_ratelimited("CPU %u does not answer to INIT\n", cpu);
	return -ETIMEDOUT;
}

/*
 * Before the machine or this kernel goes. From here on no CPU is started, and none
 * comes back. Needs nothing that could be stuck. In the end they wait for a SIPI, and
 * not in a page that the next kernel will use.
 */
int parker_cpus_stop_all(unsigned int ms)
{
	unsigned int cpu;
	int err;

	spin_lock(&away_lock);
	going_down = true;
	spin_unlock(&away_lock);
	err = parker_cpus_stop(&away, ms);
	for_each_cpu(cpu, &away)
		parker_cpu_init(cpu);
	return err;
}

bool parker_going_down(void)
{
	return READ_ONCE(going_down);
}

static bool parker_cpu_wait(const u32 *word, unsigned int us)
{
	ktime_t end = ktime_add_us(ktime_get(), us);

	do {
		if (READ_ONCE(*word))
			return true;
		usleep_range(50, 100);
	} while (ktime_before(ktime_get(), end));
	return READ_ONCE(*word);
}

/* A parked CPU executes the code in @page, which sets @started. A second SIPI, if it missed the first (SDM 3A, 9.4.4). */
int parker_cpu_start(unsigned int cpu, phys_addr_t page, const u32 *started)
{
	static const unsigned int wait_us[] = { 200, 1000000 };
	unsigned int i;
	bool down;

	parker_cpu_init(cpu);
	usleep_range(10000, 11000);
	for (i = 0; i < ARRAY_SIZE(wait_us); i++) {
		spin_lock(&away_lock);
		down = going_down;
		if (!down)
			parker_cpu_sipi(cpu, page);
		spin_unlock(&away_lock);
		if (down)
			return -ESHUTDOWN;
		if (parker_cpu_wait(started, wait_us[i]))
			return 0;
	}
	return -ETIMEDOUT;
}

int parker_cpu_identity(struct parker_part *none, void *arg, const u64 *items)
{
	struct parker_cpu *a = arg;

	if (a->cpu >= nr_cpu_ids || !cpu_present(a->cpu)) {
		a->why = PARKER_WHY_NO_SUCH;
		return -ENXIO;
	}
	a->apic_id = parker_cpu_apic_id(a->cpu);
	return 0;
}

/* An INIT to the bootstrap processor makes it run the firmware. */
static bool parker_cpu_is_bsp(unsigned int cpu)
{
	u64 base;

	if (cpu == 0 || parker_rdmsr_on_cpu(cpu, MSR_IA32_APICBASE, &base))
		return true;
	return base & MSR_IA32_APICBASE_BSP;
}

/* On that CPU: its APIC ID as the code in the page to park in finds it. */
static void parker_cpu_look(void *info)
{
	u32 *id = info, a, b = 0, c, d;

	if (cpuid_eax(0) >= 0xb)
		cpuid_count(0xb, 0, &a, &b, &c, &d);
	*id = b ? d : cpuid_ebx(1) >> 24;
}

static int parker_cpu_check(u64 cpu, u32 *why)
{
	u32 id;

	lockdep_assert_held(&parker_lock);
	if (cpu >= nr_cpu_ids || !cpu_present(cpu)) {
		*why = PARKER_WHY_NO_SUCH;
		return -ENXIO;
	}
	if (cpumask_test_cpu(cpu, &held)) {
		*why = PARKER_WHY_HELD;
		return -EBUSY;
	}
	if (!cpu_online(cpu) || smp_call_function_single(cpu, parker_cpu_look, &id, 1)) {
		*why = PARKER_WHY_OFFLINE;
		return -ENXIO;
	}
	if (parker_cpu_is_bsp(cpu)) {
		*why = PARKER_WHY_BSP;
		return -EPERM;
	}
	/* Nobody could tell when it has stopped. */
	if (id != parker_cpu_apic_id(cpu) || !parker_apic_id_valid(id, x2apic_enabled())) {
		pr_err("CPU %llu has APIC ID %#x, but calls itself %#x\n", cpu, parker_cpu_apic_id(cpu), id);
		*why = PARKER_WHY_REFUSED;
		return -EPERM;
	}
	return 0;
}

/* What CPU hotplug is retried with: while a PCI driver probes, anywhere, it is -EBUSY. */
struct parker_patience {
	unsigned long end;
	unsigned int ms;
};

static struct parker_patience parker_patience(void)
{
	return (struct parker_patience){ .end = jiffies + HOTPLUG_TIMEOUT, .ms = 10 };
}

static bool parker_patient(struct parker_patience *patience)
{
	if (time_after(jiffies, patience->end) || fatal_signal_pending(current))
		return false;
	msleep(patience->ms);
	patience->ms = min(2 * patience->ms, 40u); /* often: another probe may follow at once */
	return true;
}

/* Ends when whoever plugs CPUs is done: bringing up one that is online takes the lock and does nothing. */
static void parker_cpu_hotplug_barrier(void)
{
	add_cpu(cpumask_first(cpu_online_mask));
}

/* With the CPU's bit in @held, so that no one can bring it up again in between. */
static int parker_cpu_take(unsigned int cpu, struct parker_patience *patience)
{
	struct device *dev = get_cpu_device(cpu);
	int err;

	if (!dev)
		return -EBUSY;
	do {
		err = remove_cpu(cpu);
	} while (err == -EBUSY && parker_patient(patience));
	if (err)
		return fatal_signal_pending(current) ? -EINTR : -EBUSY; /* positive: somebody else offlined it just now */

	parker_pin_offline(dev, true);
	parker_cpu_hotplug_barrier();
	/* An eject that had begun is over now. */
	if (get_cpu_device(cpu) != dev || !parker_apic_id_valid(parker_cpu_apic_id(cpu), x2apic_enabled()))
		return -EBUSY;
	spin_lock(&away_lock);
	cpumask_set_cpu(cpu, &away);
	spin_unlock(&away_lock);
	return 0;
}

/* 0: it is back, or offline because this kernel wants it so, and can be brought up by anybody. */
static int parker_cpu_give(unsigned int cpu, struct parker_patience *patience)
{
	struct device *dev = get_cpu_device(cpu);
	bool down;
	int err;

	spin_lock(&away_lock);
	down = going_down;
	if (!down)
		cpumask_clear_cpu(cpu, &away);
	spin_unlock(&away_lock);
	if (down)
		return -ESHUTDOWN;
	cpumask_clear_cpu(cpu, &held);
	do {
		err = dev ? add_cpu(cpu) : -EPERM;
	} while (err == -EBUSY && !cpu_online(cpu) && parker_patient(patience));

	/* cpu_online(): also if it was somebody else who brought it up. -EPERM: switched off by policy (SMT). */
	if (!cpu_online(cpu) && err != -EPERM) {
		cpumask_set_cpu(cpu, &held);
		cpus_read_lock(); /* waits for one who got past the veto meanwhile */
		if (!cpu_online(cpu)) {
			cpumask_set_cpu(cpu, &away);
			cpus_read_unlock();
			return -EBUSY;
		}
		cpus_read_unlock();
		cpumask_clear_cpu(cpu, &held);
	}
	if (dev)
		parker_pin_offline(dev, false);
	if (!cpu_online(cpu))
		pr_notice("CPU %u is given back and stays offline, as this kernel's policy is\n", cpu);
	return 0;
}

/* Those that would not come back are kept where they can be seen and given again, rather than lost. */
static void parker_cpus_untake(struct parker_part *part, const struct cpumask *taken)
{
	struct parker_patience patience = parker_patience();
	unsigned int cpu;

	for_each_cpu(cpu, taken) {
		if (!parker_cpu_give(cpu, &patience))
			continue;
		dev_err(&part->dev, "CPU %u would not come back\n", cpu);
		guard(rwsem_write)(&parker_view);
		cpumask_set_cpu(cpu, &part->cpus);
	}
}

int parker_take_cpus(struct parker_part *part, void *arg, const u64 *items)
{
	struct parker_patience patience = parker_patience();
	struct cpumask *set __free(kfree) = kzalloc(2 * sizeof(*set), GFP_KERNEL);
	struct parker_set *a = arg;
	struct cpumask *taken;
	unsigned int i;
	int err;

	lockdep_assert_held(&parker_lock);
	if (!set)
		return -ENOMEM;
	taken = set + 1;
	for (i = 0; i < a->nr; i++) {
		a->failed = items[i];
		err = parker_cpu_check(items[i], &a->why);
		if (!err && cpumask_test_and_set_cpu(items[i], set))
			err = -EINVAL; /* named twice */
		if (err)
			return err;
	}
	if (num_online_cpus() <= a->nr) {
		a->why = PARKER_WHY_LAST;
		return -EPERM;
	}

	for (i = 0; i < a->nr; i++)
		cpumask_set_cpu(items[i], &held);
	parker_slow_begin(part);
	for (i = 0; i < a->nr; i++) {
		err = parker_cpu_take(items[i], &patience);
		if (err)
			break;
		cpumask_set_cpu(items[i], taken);
	}
	if (err) {
		a->failed = items[i];
		a->why = PARKER_WHY_REFUSED;
		parker_cpus_untake(part, taken);
		for (; i < a->nr; i++)
			cpumask_clear_cpu(items[i], &held);
	}
	parker_slow_end(part);
	if (err)
		return err;

	guard(rwsem_write)(&parker_view);
	cpumask_or(&part->cpus, &part->cpus, set);
	a->failed = PARKER_NO_ITEM;
	return 0;
}

int parker_give_cpus(struct parker_part *part, void *arg, const u64 *items)
{
	struct parker_patience patience = parker_patience();
	struct parker_set *a = arg;
	unsigned int i;
	int err = 0;

	lockdep_assert_held(&parker_lock);
	for (i = 0; i < a->nr; i++) {
		if (items[i] >= nr_cpu_ids || !cpumask_test_cpu(items[i], &part->cpus)) {
			a->failed = items[i];
			a->why = PARKER_WHY_NOT_HELD;
			return -ENXIO;
		}
	}
	parker_slow_begin(part);
	for (i = 0; i < a->nr; i++) {
		/* named twice: it is back already */
		if (!cpumask_test_cpu(items[i], &part->cpus))
			continue;
		if (parker_cpu_give(items[i], &patience)) {
			a->failed = items[i];
			a->why = PARKER_WHY_REFUSED;
			err = -EBUSY;
			continue;
		}
		guard(rwsem_write)(&parker_view);
		cpumask_clear_cpu(items[i], &part->cpus);
	}
	parker_slow_end(part);
	return err;
}

int parker_cpu_setup(void)
{
	veto_state = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "parker:veto", parker_cpu_veto, NULL);
	return veto_state < 0 ? veto_state : 0;
}

void parker_cpu_exit(void)
{
	cpuhp_remove_state_nocalls(veto_state);
}
