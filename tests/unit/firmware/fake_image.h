// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "base/little_endian.h"
#include "firmware/firmware.h"

namespace parker::firmware::test {

// The least that passes for a relocatable 64-bit bzImage: a header, four setup sectors, and 4 KiB of "kernel".
inline Bytes fake_image(std::uint32_t init_bytes = 32 * 1024 * 1024)
{
    constexpr std::size_t setup_bytes = 5 * 512;
    Bytes image(setup_bytes + 4096);
    const auto bytes = std::span{image};
    put<std::uint8_t>(bytes, 0x1f1, 4);
    put<std::uint32_t>(bytes, 0x1f4, 4096 / 16);
    put<std::uint16_t>(bytes, 0x1fe, 0xaa55);
    put<std::uint8_t>(bytes, 0x201, 0x6a);
    put_text(bytes, 0x202, "HdrS");
    put<std::uint16_t>(bytes, 0x206, 0x020f);
    put<std::uint16_t>(bytes, 0x20e, 0x300);
    put_text(bytes, 0x500, "6.1.0-test (builder) #1");
    put<std::uint8_t>(bytes, 0x211, 1);
    put<std::uint32_t>(bytes, 0x230, 0x200000);
    put<std::uint8_t>(bytes, 0x234, 1);
    put<std::uint16_t>(bytes, 0x236, 3);
    put<std::uint32_t>(bytes, 0x238, 2047);
    put<std::uint32_t>(bytes, 0x248, 0x100);
    put<std::uint32_t>(bytes, 0x24c, 0x800);
    put<std::uint32_t>(bytes, 0x260, init_bytes);
    return image;
}

} // namespace parker::firmware::test
