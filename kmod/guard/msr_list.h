/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The MSRs of a guarded partition: all that it may touch. In order, and of those three
 * ranges that a bitmap has bits for; what is not here is refused, and a write to it is
 * a violation.
 *
 *  PASS   read and written as on any CPU: it is this CPU's alone, and INIT, or the
 *         kernel that gets the CPU next, sets it anew
 *  READ   read as on any CPU; a write is ignored, because stock kernels do it
 *  WATCH  the guard looks at each access (exits.c); x2APIC's are read as they are
 */
#ifndef PARKER_GUARD_MSR_LIST_H
#define PARKER_GUARD_MSR_LIST_H

/* M(first, last, rule, why) */
#define GUARD_MSRS(M) \
	M(0x00000010, 0x00000010, READ, "TSC: the same for all CPUs of the machine") \
	M(0x00000017, 0x00000017, READ, "platform ID, asked for by the microcode loader") \
	M(0x0000001b, 0x0000001b, WATCH, "APIC base: stays in x2APIC mode") \
	M(0x0000003b, 0x0000003b, READ, "TSC_ADJUST: as TSC") \
	M(0x00000048, 0x00000048, PASS, "speculation control of this CPU") \
	M(0x00000049, 0x00000049, PASS, "prediction barrier of this CPU") \
	M(0x00000079, 0x00000079, READ, "microcode update: the boot kernel's business") \
	M(0x0000008b, 0x0000008b, READ, "microcode revision, written before it is read") \
	M(0x000000ce, 0x000000ce, READ, "platform information") \
	M(0x000000e7, 0x000000e8, READ, "effective frequency counters") \
	M(0x000000fe, 0x000000fe, READ, "how many MTRRs there are") \
	M(0x0000010a, 0x0000010a, READ, "which flaws the CPU does not have") \
	M(0x0000010b, 0x0000010b, PASS, "first level cache flush of this CPU") \
	M(0x00000174, 0x00000176, PASS, "SYSENTER") \
	M(0x00000179, 0x0000017b, READ, "machine checks: the boot kernel's business") \
	M(0x000001d9, 0x000001d9, PASS, "branch tracing of this CPU") \
	M(0x000001db, 0x000001de, READ, "last branches of this CPU") \
	M(0x00000200, 0x0000020f, READ, "MTRRs: the same on all CPUs of the machine") \
	M(0x00000250, 0x00000250, READ, "MTRRs of the first MiB") \
	M(0x00000258, 0x00000259, READ, "MTRRs of the first MiB") \
	M(0x00000268, 0x0000026f, READ, "MTRRs of the first MiB") \
	M(0x00000277, 0x00000277, PASS, "PAT: the guest's own, with nested paging") \
	M(0x000002ff, 0x000002ff, READ, "MTRR default type") \
	M(0x00000400, 0x0000047f, READ, "machine check banks: the boot kernel's business") \
	M(0x000006a0, 0x000006a0, PASS, "shadow stacks of user space") \
	M(0x000006a2, 0x000006a2, PASS, "shadow stacks of the kernel") \
	M(0x000006a4, 0x000006a8, PASS, "shadow stack pointers") \
	M(0x00000802, 0x00000803, READ, "x2APIC: ID, version") \
	M(0x00000808, 0x00000808, PASS, "x2APIC: task priority") \
	M(0x0000080a, 0x0000080a, READ, "x2APIC: processor priority") \
	M(0x0000080b, 0x0000080b, PASS, "x2APIC: end of interrupt") \
	M(0x0000080d, 0x0000080d, READ, "x2APIC: logical destination") \
	M(0x0000080f, 0x0000080f, PASS, "x2APIC: spurious vector, on and off") \
	M(0x00000810, 0x00000827, READ, "x2APIC: vectors in service, level, asked for") \
	M(0x00000828, 0x00000828, PASS, "x2APIC: errors") \
	M(0x00000830, 0x00000830, WATCH, "x2APIC: interrupts to other CPUs, to its own alone") \
	M(0x00000832, 0x00000837, WATCH, "x2APIC: local vectors: no SMI, INIT, ExtINT") \
	M(0x00000838, 0x00000839, PASS, "x2APIC: timer") \
	M(0x0000083e, 0x0000083e, PASS, "x2APIC: timer divider") \
	M(0x0000083f, 0x0000083f, PASS, "x2APIC: interrupt to itself") \
	M(0x00000da0, 0x00000da0, PASS, "which state XSAVES saves") \
	M(0xc0000080, 0xc0000080, WATCH, "EFER: without it the guard would lose its CPU") \
	M(0xc0000081, 0xc0000084, PASS, "SYSCALL") \
	M(0xc00000e7, 0xc00000e8, READ, "effective frequency counters") \
	M(0xc0000100, 0xc0000103, PASS, "FS, GS, TSC_AUX") \
	M(0xc0000104, 0xc0000104, READ, "TSC ratio of guests") \
	M(0xc0000408, 0xc000040a, READ, "machine check banks") \
	M(0xc0010000, 0xc0010007, PASS, "performance counters of this CPU") \
	M(0xc0010010, 0xc0010010, READ, "SYSCFG: encryption and MTRRs of the machine") \
	M(0xc0010015, 0xc0010015, READ, "HWCR: locks SMM, stops the TSC") \
	M(0xc0010016, 0xc0010019, READ, "ranges of I/O") \
	M(0xc001001a, 0xc001001a, READ, "top of memory") \
	M(0xc001001d, 0xc001001d, READ, "top of memory") \
	M(0xc001001f, 0xc001001f, READ, "configuration of the northbridge") \
	M(0xc0010020, 0xc0010020, READ, "microcode update: the boot kernel's business") \
	M(0xc0010055, 0xc0010055, READ, "C1E: whether the timer stops") \
	M(0xc0010058, 0xc0010058, READ, "where configuration space is") \
	M(0xc0010061, 0xc001006b, READ, "P-states: whose number a kernel asks for") \
	M(0xc0010114, 0xc0010114, WATCH, "VM_CR: says that SVM is off") \
	M(0xc0010140, 0xc0010141, READ, "which flaws need no remedy") \
	M(0xc0010200, 0xc001020b, PASS, "performance counters of this CPU") \
	M(0xc0011004, 0xc0011005, READ, "what CPUID says") \
	M(0xc001100c, 0xc001100c, READ, "node ID") \
	M(0xc0011020, 0xc001102f, READ, "remedies for flaws: the boot kernel has set them")

#endif
