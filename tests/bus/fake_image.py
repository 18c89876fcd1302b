# SPDX-License-Identifier: LGPL-2.1-or-later
"""The least that passes for a relocatable 64-bit bzImage (Documentation/arch/x86/boot.rst)."""

import struct

SETUP_SECTORS = 4
KERNEL_BYTES = 64 * 1024


def bzimage(release: str = "6.1.0-fake") -> bytes:
    setup = bytearray((SETUP_SECTORS + 1) * 512)

    def put(offset: int, form: str, *values: int) -> None:
        struct.pack_into("<" + form, setup, offset, *values)

    put(0x1F1, "B", SETUP_SECTORS)
    put(0x1F4, "I", KERNEL_BYTES // 16)
    put(0x1FE, "H", 0xAA55)
    put(0x201, "B", 0x6A)  # the header ends at 0x26c
    setup[0x202:0x206] = b"HdrS"
    put(0x206, "H", 0x020F)
    put(0x20E, "H", 0x300 - 0x200)  # version text, from byte 0x200 on
    put(0x211, "B", 1)  # LOADED_HIGH
    put(0x22C, "I", 0x7FFFFFFF)  # initrd_addr_max
    put(0x230, "I", 0x200000)  # kernel_alignment
    put(0x234, "B", 1)  # relocatable
    put(0x236, "H", 3)  # XLF_KERNEL_64, XLF_CAN_BE_LOADED_ABOVE_4G
    put(0x238, "I", 2047)  # cmdline_size
    put(0x258, "Q", 0x1000000)  # pref_address
    put(0x260, "I", 2 * 1024 * 1024)  # init_size
    text = release.encode() + b" (builder) #1\0"
    setup[0x300 : 0x300 + len(text)] = text
    return bytes(setup) + bytes(KERNEL_BYTES)
