// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The EFI runtime services of a partition: the only code of its firmware, run by the application kernel in one-to-one
 * mapped pages (UEFI 2.10, chapter 8). ResetSystem is how a stock kernel ends on a machine with reduced ACPI hardware:
 * it leaves a note in the control page and stops the CPU. Everything else is unsupported, and says so.
 *
 * Linked to two pages (services.ld): code, then the data that the daemon fills in.
 */
#include <stdint.h>

#include "parker_control.h"

#define EFIAPI __attribute__((ms_abi))

typedef uint64_t efi_status;
#define EFI_SUCCESS     0
#define EFI_UNSUPPORTED (UINT64_C(1) << 63 | 3)

/* Physical address of the control page. Volatile: known only after linking. */
__attribute__((section(".data.control"))) volatile uint64_t control_page = 1;

__attribute__((section(".text.unsupported"), used)) static EFIAPI efi_status unsupported(void)
{
    return EFI_UNSUPPORTED;
}

/* SetVirtualAddressMap: the kernel keeps the one-to-one mapping that we rely on. */
__attribute__((section(".text.success"), used)) static EFIAPI efi_status success(void)
{
    return EFI_SUCCESS;
}

__attribute__((section(".text.reset"), used)) static EFIAPI void reset_system(uint32_t type, efi_status status)
{
    volatile uint8_t *control = (volatile uint8_t *)control_page;

    *(volatile uint64_t *)(control + PARKER_CTL_EXIT_STATUS) = status;
    /* Last, for it is what the module looks at; x86 keeps the order of stores. */
    *(volatile uint32_t *)(control + PARKER_CTL_EXIT) = type + 1;
    for (;;)
        __asm__ volatile("cli; hlt");
}
