// SPDX-License-Identifier: GPL-2.0-only
/* A kernel that is beyond help: every CPU loops with interrupts off. Loading this never returns. */

#include <linux/irqflags.h>
#include <linux/module.h>
#include <linux/smp.h>

static void spin(void *unused)
{
	local_irq_disable();
	for (;;)
		cpu_relax();
}

static int __init spin_init(void)
{
	preempt_disable();
	smp_call_function(spin, NULL, 0);
	spin(NULL);
	return 0;
}
module_init(spin_init);

MODULE_DESCRIPTION("Loop forever on every CPU, interrupts off");
MODULE_LICENSE("GPL");
