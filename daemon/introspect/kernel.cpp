// SPDX-License-Identifier: LGPL-2.1-or-later
#include "introspect/kernel.h"

#include <algorithm>
#include <span>

#include "base/bytes.h"
#include "introspect/early.h"

namespace parker::introspect {
namespace {

// arch/x86/include/asm/page_64_types.h: where the kernel's own image is mapped, and how far (KERNEL_IMAGE_SIZE) with
// KASLR. NUMBER(phys_base) is what its distance is from there to physical memory.
constexpr std::uint64_t image_start = 0xffff'ffff'8000'0000;
constexpr std::uint64_t image_bytes = GiB;
constexpr std::uint64_t early_image_bytes = 128 * MiB; // far more than any kernel's
constexpr std::uint32_t release_at =
    2 * 65; // struct new_utsname: the third of arrays of 65 (include/uapi/linux/utsname.h)
constexpr std::size_t release_bytes = 65;

// The kernel's own idea of its release, or nothing where the note has no way there.
std::optional<std::string> own_release(const AddressSpace& space, const Vmcoreinfo& info)
{
    const auto names = info.symbol("init_uts_ns");
    const auto name = info.offset("uts_namespace.name");
    if (!names || !name)
        return std::nullopt;
    std::string release(release_bytes, '\0');
    if (!space.read(*names + *name + release_at, std::as_writable_bytes(std::span{release})))
        return std::string{};
    release.resize(std::min(release.find('\0'), release.size()));
    return release;
}

} // namespace

std::optional<Kernel> Kernel::open(const PhysicalMemory& memory, std::string_view note)
{
    constexpr std::size_t bytes_a_step = 16; // of parsing it
    if (!memory.look().spend(0, note.size() / bytes_a_step))
        return std::nullopt;
    auto info = Vmcoreinfo::parse(note);
    if (!info)
        return std::nullopt;
    Kernel kernel{std::move(*info)};
    return kernel.enter(memory) ? std::optional{std::move(kernel)} : std::nullopt;
}

bool Kernel::enter(const PhysicalMemory& memory)
{
    const auto table = info_.symbol("swapper_pg_dir");
    const auto base = info_.number("phys_base");
    if (!table || !base || *table < image_start || *table - image_start >= image_bytes || *table % page_bytes != 0)
        return false;
    AddressSpace::Root root;
    physical_base_ = static_cast<std::uint64_t>(*base);
    root.table = *table - image_start + physical_base_;
    root.five_levels = info_.number("pgtable_l5_enabled").value_or(0) == 1;
    root.encryption_mask = static_cast<std::uint64_t>(info_.number("sme_mask").value_or(0));
    space_ = std::make_unique<AddressSpace>(memory, root);
    if (root.table % page_bytes != 0 || space_->translate(*table) != root.table)
        return false;
    if (const auto release = own_release(*space_, info_); release && *release != info_.release())
        return false;
    release_ = info_.release();
    ring_ = PrintkRing::open(*space_, info_);
    return ring_.has_value();
}

std::optional<Kernel> Kernel::open_early(const PhysicalMemory& memory, std::uint64_t table)
{
    for (const bool five_levels : {false, true}) {
        Kernel kernel{Vmcoreinfo{}};
        if (kernel.enter_early(memory, table, five_levels))
            return kernel;
    }
    return std::nullopt;
}

bool Kernel::enter_early(const PhysicalMemory& memory, std::uint64_t table, bool five_levels)
{
    space_ = std::make_unique<AddressSpace>(memory, AddressSpace::Root{table, five_levels, 0});
    const auto begins = space_->first_mapped(image_start, image_start + image_bytes, image_step);
    const auto physical = begins ? space_->translate(*begins) : std::nullopt;
    // All top tables map the image. Those that are in it are the kernel's own.
    if (!physical || *physical % image_step != 0 || table < *physical || table - *physical >= early_image_bytes)
        return false;
    // Where it begins is code, unless the image was blotted out.
    if (memory.load<std::uint64_t>(*physical).value_or(0) == 0)
        return false;
    const auto offset = *begins - image_start;
    physical_base_ = *physical - offset;
    auto log = early_log(*space_, image_start + offset, std::min(early_image_bytes, image_bytes - offset));
    if (!log)
        return false;
    release_ = std::move(log->release);
    ring_ = log->ring;
    return true;
}

// Its ends, as what is not used of it is unmapped, also in the middle (arch/x86/mm/init_64.c, cleanup_highmap() and
// arch/x86/mm/init.c, free_kernel_image_pages()).
Kernel::Mapped Kernel::image() const
{
    Mapped mapped;
    for (std::uint64_t offset = 0; offset < image_bytes; offset += image_step) {
        if (space_->translate(image_start + offset) != physical_base_ + offset)
            continue;
        if (mapped.bytes == 0)
            mapped = {image_start + offset, physical_base_ + offset, 0};
        mapped.bytes = image_start + offset + image_step - mapped.address;
    }
    return mapped;
}

} // namespace parker::introspect
