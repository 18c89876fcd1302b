// SPDX-License-Identifier: LGPL-2.1-or-later
/* A tiny application kernel: %rsi = { u64 counter; u64 control page } */
#include <string.h>

#include "kmod_test.h"

asm(".pushsection .rodata\n"
    ".globl spin_start, spin_end, exit_start, exit_end, nmi_start, nmi_end\n"
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
    /* three NMIs each to the APICs whose IDs are the third word's bytes; counts on */
    "nmi_start:\n"
    "	mov	$0xfee00300, %edx\n"
    "	mov	16(%rsi), %eax\n"
    "	mov	$6, %ecx\n"
    "2:	movzbl	%al, %ebx\n"
    "	rolw	$8, %ax\n"
    "	shl	$24, %ebx\n"
    "	movl	%ebx, 0x10(%rdx)\n"
    "	movl	$0x4400, (%rdx)\n"
    "3:	testl	$0x1000, (%rdx)\n"
    "	jnz	3b\n"
    "	loop	2b\n"
    "1:	incq	(%rsi)\n"
    "	jmp	1b\n"
    "nmi_end:\n"
    ".popsection\n");

/* Identity for the lowest GiB and the one around @base, by 2 MiB pages, and the local APIC. */
void load(uint8_t *memory, uint64_t base, uint64_t control, uint32_t exit, const char *code, size_t bytes)
{
	uint64_t *pml4 = (void *)(memory + OFFSET_TABLES), *pdpt = pml4 + 512, *low = pml4 + 1024, *high = pml4 + 1536, *apic = pml4 + 2048;
	uint64_t at = base + OFFSET_TABLES, gib = base >> 30, *params = (void *)(memory + OFFSET_PARAMS);
	int i;

	memset(memory, 0, 0x8000);
	pml4[0] = (at + 0x1000) | 3;
	pdpt[0] = (at + 0x2000) | 3;
	pdpt[gib] = (at + (gib ? 0x3000 : 0x2000)) | 3;
	if (gib != 3)
		pdpt[3] = (at + 0x4000) | 3;
	apic[0xfee00000u >> 21 & 511] = 0xfee00000u | 0x9b;
	for (i = 0; i < 512; i++) {
		low[i] = (uint64_t)i << 21 | 0x83;
		high[i] = gib << 30 | (uint64_t)i << 21 | 0x83;
	}
	params[1] = control;
	params[2] = exit;
	memcpy(memory + OFFSET_ENTRY, code, bytes);
}

int start_loaded(const char *name, uint64_t base, uint32_t cpu)
{
	return start(name, base + OFFSET_ENTRY, base + OFFSET_PARAMS, base + OFFSET_TABLES, cpu);
}
