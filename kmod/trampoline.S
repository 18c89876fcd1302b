/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a CPU executes between this kernel and the application kernel, or while it
 * has nothing to do. Copied to a page below 1 MiB (low.c), so it finds itself by
 * %cs in real mode and by %rip later.
 *
 * Started: real mode to the application kernel's 64-bit entry. What the caller of a
 * 64-bit boot protocol entry must provide (Documentation/arch/x86/boot.rst): code
 * segment 0x10, data segments 0x18, interrupts off, identity mapping, boot_params
 * in %rsi. Beyond that, %rsp and the interrupt table stay good as long as the page.
 *
 * Parked: says that it is here, and halts.
 *
 * Machine checks are broadcast to all CPUs of some machines, and one that has not
 * set CR4.MCE when it gets one shuts the machine down. So does one that gets an NMI
 * and has nowhere to go. Here it has, in each mode, from the third instruction on;
 * what is wrong is the business of the CPU that it happened to.
 */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include "uapi/parker_control.h"
#include "low.h"

#define HERE(label) (label - parker_low_code)

	.section .rodata
	.balign 16
	.globl parker_low_code
parker_low_code:
	.code16
	jmp	real_mode
	.balign 8
page_table:	.quad 0			/* struct parker_low_page, low.c */
entry:		.quad 0
boot_params:	.quad 0
control:	.quad 0
tables:		.long 0
far_pointer:	.long HERE(long_mode)
		.word 0x10
gdt_pointer:	.word gdt_end - gdt - 1
		.long HERE(gdt)
idt_pointer:	.word idt_end - idt - 1
		.long HERE(idt)
bytes:		.word HERE(end)
idt_at:		.word HERE(idt)
real_handlers:	.word HERE(real_nmi), HERE(real_mce)
long_handlers:	.word HERE(long_nmi), HERE(long_mce)
		.balign 4
park:		.long 0

gdt:		.quad 0, 0
		.quad 0x00af9a000000ffff	/* 0x10: code, 64-bit */
		.quad 0x00cf92000000ffff	/* 0x18: data */
gdt_end:
	/*
	 * For both modes: real mode's vectors, of four bytes each, lie where long
	 * mode's gates of sixteen are not used. low.c fills it in.
	 */
	.balign 8
idt:		.fill 19 * 2, 8, 0
idt_end:

real_mode:
	cli
	cld
	/* %ss and %esp as the same place in each mode */
	xorl	%eax, %eax
	movw	%cs, %ax
	movw	%ax, %ds
	movl	%eax, %esp
	shll	$4, %esp
	addl	$PARKER_LOW_STACK, %esp
	andw	$0xf000, %ax
	movw	%ax, %ss
	lidtl	HERE(idt_pointer)
	movl	$(X86_CR4_PAE | X86_CR4_MCE), %eax
	movl	%eax, %cr4
	cmpl	$0, HERE(park)
	jne	parked

	lgdtl	HERE(gdt_pointer)
	movl	HERE(tables), %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	movl	$(1 << _EFER_LME), %eax
	xorl	%edx, %edx
	wrmsr
	movl	$CR0_STATE, %eax		/* paging, and caches on */
	movl	%eax, %cr0
	ljmpl	*HERE(far_pointer)

	/* By its APIC ID, as low.c knows it: from leaf 0xb, if that is there. */
parked:
	xorl	%eax, %eax
	cpuid
	cmpl	$0xb, %eax
	jb	1f
	movl	$0xb, %eax
	xorl	%ecx, %ecx
	cpuid
	testl	%ebx, %ebx
	jnz	2f
1:	movl	$1, %eax
	cpuid
	shrl	$24, %ebx
	movl	%ebx, %edx
2:	cmpl	$PARKER_LOW_IDS, %edx
	jae	3f
	lock btsl %edx, PARKER_LOW_PARKED
3:	hlt
	jmp	3b

	/*
	 * Many CPUs are parked in one page, so what is on its stack is nobody's: such
	 * a CPU begins anew, as after a SIPI.
	 */
real_mce:
	pushl	%eax
	pushl	%ecx
	pushl	%edx
	movl	$MSR_IA32_MCG_STATUS, %ecx
	xorl	%eax, %eax
	xorl	%edx, %edx
	wrmsr
	popl	%edx
	popl	%ecx
	popl	%eax
real_nmi:
	cmpl	$0, %cs:HERE(park)
	jne	real_mode
	iretw

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

long_mce:
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	movl	$MSR_IA32_MCG_STATUS, %ecx
	xorl	%eax, %eax
	xorl	%edx, %edx
	wrmsr
	popq	%rdx
	popq	%rcx
	popq	%rax
long_nmi:
	iretq
end:
