/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Real mode to the application kernel's 64-bit entry. Copied to a page below
 * 1 MiB (start.c), so it finds itself by %cs in real mode and by %rip later.
 * What the caller of a 64-bit boot protocol entry must provide
 * (Documentation/arch/x86/boot.rst): code segment 0x10, data segments 0x18,
 * interrupts off, identity mapping, boot_params in %rsi.
 */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include "uapi/parker_control.h"

#define HERE(label) (label - parker_trampoline)

	.section .rodata
	.balign 16
	.globl parker_trampoline, parker_trampoline_end
parker_trampoline:
	.code16
	jmp	real_mode
	.balign 8
page_table:	.quad 0			/* struct trampoline, start.c */
entry:		.quad 0
boot_params:	.quad 0
control:	.quad 0
tables:		.long 0
far_pointer:	.long HERE(long_mode)
		.word 0x10
gdt_pointer:	.word gdt_end - gdt - 1
		.long HERE(gdt)

gdt:		.quad 0, 0
		.quad 0x00af9a000000ffff	/* 0x10: code, 64-bit */
		.quad 0x00cf92000000ffff	/* 0x18: data */
gdt_end:

real_mode:
	cli
	cld
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	HERE(gdt_pointer)
	movl	HERE(tables), %eax
	movl	%eax, %cr3
	movl	$X86_CR4_PAE, %eax
	movl	%eax, %cr4
	movl	$MSR_EFER, %ecx
	movl	$(1 << _EFER_LME), %eax
	xorl	%edx, %edx
	wrmsr
	movl	$CR0_STATE, %eax		/* paging, and caches on */
	movl	%eax, %cr0
	ljmpl	*HERE(far_pointer)

	.code64
long_mode:
	movl	$0x18, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%eax, %fs
	movl	%eax, %gs
	/* May be above 4 GiB, which is why there are temporary tables at all. */
	movq	page_table(%rip), %rax
	movq	%rax, %cr3
	movq	boot_params(%rip), %rsi
	movq	control(%rip), %rdi
	xorl	%eax, %eax
	xorl	%ebx, %ebx
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	xorl	%ebp, %ebp
	xorl	%esp, %esp
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	xorl	%r10d, %r10d
	xorl	%r11d, %r11d
	xorl	%r12d, %r12d
	xorl	%r13d, %r13d
	xorl	%r14d, %r14d
	xorl	%r15d, %r15d
	movl	$1, PARKER_CTL_STARTED(%rdi)
	xorl	%edi, %edi
	jmp	*entry(%rip)
parker_trampoline_end:

/* A stop on the way nowhere: says that the CPU is here (cpu.c), in its own page. */
	.balign 16
	.globl parker_park, parker_parked, parker_park_end
parker_park:
	.code16
	cli
	movw	%cs, %ax
	movw	%ax, %ds
	movl	$1, (parker_parked - parker_park)
1:	hlt
	jmp	1b
	.balign 4
parker_parked:	.long 0
parker_park_end:
