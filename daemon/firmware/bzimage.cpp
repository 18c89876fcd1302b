// SPDX-License-Identifier: LGPL-2.1-or-later
#include "firmware/bzimage.h"

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "base/little_endian.h"

namespace parker::firmware {
namespace {

// Offsets in the file, boot.rst "Details of Header Fields".
constexpr std::size_t header_start = 0x1f1;
constexpr std::size_t header_end_byte = 0x201; // the header ends this many bytes, as it says itself, behind 0x202
constexpr std::size_t least_file = 0x268;      // up to and with handover_offset, protocol 2.12
constexpr std::size_t sector = 512;

constexpr std::uint8_t loaded_high = 1 << 0;    // loadflags
constexpr std::uint16_t xlf_kernel_64 = 1 << 0; // xloadflags
constexpr std::uint16_t xlf_above_4g = 1 << 1;

bool starts_with(std::span<const std::byte> image, std::size_t offset, std::string_view magic)
{
    return image.size() >= offset + magic.size() &&
           std::ranges::equal(image.subspan(offset, magic.size()), magic, {}, {},
                              [](char c) { return static_cast<std::byte>(c); });
}

[[noreturn]] void refuse(std::string reason, std::string suggestion = "name a distribution's vmlinuz file (a bzImage)")
{
    throw Error{Code::bad_image, "kernel image", std::move(reason), std::move(suggestion)};
}

void require(bool condition, const char* otherwise)
{
    if (!condition)
        refuse(otherwise, "the file is damaged or incomplete: install the kernel package again");
}

std::string read_release(std::span<const std::byte> image, std::size_t setup_bytes)
{
    const auto pointer = get<std::uint16_t>(image, 0x20e);
    if (pointer == 0)
        return {};
    const auto offset = std::size_t{pointer} + sector;
    require(offset < setup_bytes, "its version text lies outside its setup part");
    std::string release;
    for (auto i = offset; i < setup_bytes && release.size() < 128; ++i) {
        const auto c = std::to_integer<char>(image[i]);
        if (c <= ' ' || c > '~')
            break;
        release += c;
    }
    return release;
}

} // namespace

BzImage parse_bzimage(std::span<const std::byte> image)
{
    if (starts_with(image, 0,
                    "\x7f"
                    "ELF"))
        refuse("it is an ELF file (vmlinux), not a bzImage");
    if (starts_with(image, 4, "zimg"))
        refuse("it is an EFI zboot image, not a bzImage");
    if (starts_with(image, 0, "\x1f\x8b"))
        refuse("it is a gzip file, not a bzImage");
    if (image.size() < least_file || get<std::uint16_t>(image, 0x1fe) != 0xaa55 || !starts_with(image, 0x202, "HdrS"))
        refuse("it is no Linux bzImage");
    if (get<std::uint16_t>(image, 0x206) < 0x020c)
        refuse("its boot protocol is older than 2.12 (Linux 3.8)");

    const auto xloadflags = get<std::uint16_t>(image, 0x236);
    if ((xloadflags & xlf_kernel_64) == 0)
        refuse("it is a 32-bit kernel", "use an amd64 kernel");
    if ((xloadflags & xlf_above_4g) == 0 || get<std::uint8_t>(image, 0x234) == 0)
        refuse("it cannot be loaded above 4 GiB (CONFIG_RELOCATABLE is off)", "use a relocatable kernel");
    require((get<std::uint8_t>(image, 0x211) & loaded_high) != 0, "it is a zImage that must be loaded low");

    const auto sectors = get<std::uint8_t>(image, 0x1f1);
    const auto setup_bytes = (std::size_t{sectors == 0 ? std::uint8_t{4} : sectors} + 1) * sector;
    require(setup_bytes < image.size(), "it ends within its setup part");
    const auto kernel_bytes = std::uint64_t{get<std::uint32_t>(image, 0x1f4)} * 16;
    require(kernel_bytes > entry64_offset, "its protected-mode part is empty");
    require(kernel_bytes <= image.size() - setup_bytes, "it is truncated: its protected-mode part is incomplete");

    const auto header_bytes = 0x202 + std::size_t{get<std::uint8_t>(image, header_end_byte)} - header_start;
    require(header_start + header_bytes >= least_file && header_start + header_bytes <= 0x290,
            "its header has an impossible size");

    BzImage result;
    result.setup_header = image.subspan(header_start, header_bytes);
    result.kernel = image.subspan(setup_bytes, kernel_bytes);
    result.alignment = get<std::uint32_t>(image, 0x230);
    require(std::has_single_bit(result.alignment) && result.alignment >= page_bytes && result.alignment <= GiB,
            "its alignment is impossible");
    result.init_bytes = get<std::uint32_t>(image, 0x260);
    require(result.init_bytes >= kernel_bytes, "it would need less memory than it is long");
    const auto payload = std::uint64_t{get<std::uint32_t>(image, 0x248)} + get<std::uint32_t>(image, 0x24c);
    require(payload <= kernel_bytes, "its payload lies outside the file");
    result.cmdline_max = get<std::uint32_t>(image, 0x238);
    result.release = read_release(image, setup_bytes);
    return result;
}

} // namespace parker::firmware
