/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The control page: the first page of a partition's low slice, and all that the
 * two sides say to each other. Shared by the module, the EFI services, the AML
 * (iasl's preprocessor reads this file too: only #define with plain numbers) and
 * the daemon. All fields are little endian and naturally aligned; whatever is not
 * named here is zero.
 *
 * The application kernel can write every byte of it: readers outside believe
 * nothing.
 */
#ifndef PARKER_CONTROL_H
#define PARKER_CONTROL_H

#define PARKER_CTL_MAGIC_VALUE 0x314C5443524B5250 /* "PRKRCTL1", little endian */

#define PARKER_CTL_MAGIC       0x000 /* u64, daemon */
#define PARKER_CTL_STARTED     0x008 /* u32, trampoline: 1 = the first CPU arrived */
#define PARKER_CTL_EXIT        0x00C /* u32, EFI ResetSystem, written last: PARKER_EXIT_* */
#define PARKER_CTL_EXIT_STATUS 0x010 /* u64, EFI ResetSystem: its EFI_STATUS argument */
#define PARKER_CTL_HEARTBEAT   0x018 /* u64, AML: counts its runs, about one a second */
#define PARKER_CTL_COMMAND     0x020 /* u32, daemon writes, AML does it and writes 0: PARKER_COMMAND_* */
#define PARKER_CTL_ARGUMENT    0x024 /* u32, daemon, before COMMAND */

/* EFI_RESET_TYPE + 1 (UEFI 2.10, 8.5.1), so that 0 says: none yet. A panic is told
 * from a reboot by the command line's reboot=efi,panic_warm. */
#define PARKER_EXIT_NONE     0
#define PARKER_EXIT_REBOOT   1 /* EfiResetCold */
#define PARKER_EXIT_PANIC    2 /* EfiResetWarm */
#define PARKER_EXIT_POWEROFF 3 /* EfiResetShutdown */

#define PARKER_COMMAND_NONE         0
#define PARKER_COMMAND_POWER_BUTTON 1

/* One PCI host bridge for each assigned bus, read by the AML's _STA, _SEG, _BBN, _CRS. */
#define PARKER_CTL_BUSES      0x100
#define PARKER_CTL_BUS_BYTES  0x40
#define PARKER_CTL_BUS_MAX    16
#define PARKER_BUS_PRESENT    0x00 /* u32, 1 = assigned */
#define PARKER_BUS_SEGMENT    0x04 /* u32, what the application kernel calls its domain, never 0 */
#define PARKER_BUS_NUMBER     0x08 /* u32, the machine's bus number */
#define PARKER_BUS_MEM_START  0x10 /* u64, bridge window, not prefetchable; length 0 = none */
#define PARKER_BUS_MEM_BYTES  0x18 /* u64 */
#define PARKER_BUS_PREF_START 0x20 /* u64, bridge window, prefetchable */
#define PARKER_BUS_PREF_BYTES 0x28 /* u64 */
#define PARKER_BUS_ECAM       0x30 /* u64, this bus's MiB of configuration space */

#endif /* PARKER_CONTROL_H */
