// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stock kernel finds a KVM that offers next to nothing: enough for it to stay in
 * x2APIC mode without interrupt remapping, and to keep its own spinlocks. What is
 * hidden belongs to the whole package or machine; the MSRs behind it are refused
 * anyhow (msr.h).
 */
#include "cpuid.h"

#define BIT32(n) (1u << (n))

#define CR4_OSXSAVE GUARD_BIT(18)
#define CR4_PKE     GUARD_BIT(22)

/* Whatever the leaf said: these leaves say nothing. */
static bool leaf_hidden(u32 leaf)
{
	switch (leaf) {
	case 0x0f: /* cache and bandwidth monitoring */
	case 0x10: /* and allocation */
	case 0x12: /* SGX */
	case 0x14: /* Intel PT, which writes to physical addresses */
	case 0x1b: /* PCONFIG */
	case 0x1c: /* architectural LBRs */
	case 0x8000000a: /* SVM */
	case 0x8000001b: /* IBS */
	case 0x8000001c: /* LWP */
	case 0x8000001f: /* SME, SEV */
	case 0x80000020: /* bandwidth enforcement */
	case 0x80000022: /* performance monitoring version 2: global registers */
		return true;
	}
	return leaf >= 0x40000002 && leaf < 0x50000000;
}

static void features(u64 cr4, struct guard_leaf *r)
{
	r->edx &= ~(BIT32(21) /* debug store */ | BIT32(22) /* thermal control */ | BIT32(29));
	r->ecx &= ~(BIT32(2) | BIT32(4) /* debug store */ | BIT32(5) /* VMX */ | BIT32(6) /* SMX */ |
		    BIT32(7) /* SpeedStep */ | BIT32(8) | BIT32(15) /* PERF_CAPABILITIES */ |
		    BIT32(24) /* TSC deadline */ | BIT32(27));
	r->ecx |= BIT32(21) /* x2APIC */ | BIT32(31); /* a hypervisor is there */
	if (cr4 & CR4_OSXSAVE)
		r->ecx |= BIT32(27);
}

static void more_features(u64 cr4, struct guard_leaf *r)
{
	r->ebx &= ~(BIT32(2) /* SGX */ | BIT32(12) /* monitoring */ | BIT32(15) /* allocation */ | BIT32(25)); /* PT */
	r->ecx &= ~(BIT32(4) | BIT32(13) /* TME */ | BIT32(30)); /* SGX launch control */
	r->edx &= ~(BIT32(18) /* PCONFIG */ | BIT32(19) /* LBRs */ | BIT32(30)); /* core capabilities: split locks */
	if (cr4 & CR4_PKE)
		r->ecx |= BIT32(4);
}

/* @r: what this CPU itself says; becomes what the guest reads. @cr4 is the guest's. */
void guard_cpuid(u32 leaf, u32 subleaf, u64 cr4, struct guard_leaf *r)
{
	if (leaf_hidden(leaf)) {
		*r = (struct guard_leaf){ 0 };
		return;
	}
	switch (leaf) {
	case 1:
		features(cr4, r);
		break;
	case 6: /* power: only that the timer never stops, and how fast the clock went */
		*r = (struct guard_leaf){ .eax = r->eax & BIT32(2), .ecx = r->ecx & BIT32(0) };
		break;
	case 7:
		if (!subleaf)
			more_features(cr4, r);
		break;
	case 0x40000000:
		*r = (struct guard_leaf){ 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d }; /* "KVMKVMKVM" */
		break;
	case 0x40000001: /* PV_UNHALT and, as CPUs are its own, HINTS_REALTIME: so its spinlocks are the native ones */
		*r = (struct guard_leaf){ .eax = BIT32(7), .edx = BIT32(0) };
		break;
	case 0x80000001:
		r->ecx &= ~(BIT32(2) /* SVM */ | BIT32(10) /* IBS */ | BIT32(12) /* SKINIT */ | BIT32(15) /* LWP */ |
			    BIT32(24) /* counters of the northbridge */ | BIT32(28)); /* and of the last cache */
		break;
	case 0x80000007: /* power and errors: only the invariant TSC, and the effective frequency */
		*r = (struct guard_leaf){ .edx = r->edx & (BIT32(8) | BIT32(10)) };
		break;
	case 0x80000008:
		r->ebx &= ~(BIT32(3) /* INVLPGB: to all CPUs of the machine */ | BIT32(4) /* RDPRU */ |
			    BIT32(6) /* bandwidth */ | BIT32(8) /* MCOMMIT */ | BIT32(27)); /* CPPC */
		break;
	}
}
