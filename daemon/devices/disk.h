// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/fd.h"

namespace parker::devices {

// What a drive keeps its blocks in. Calls return 0, or the errno that says what went wrong; all or nothing is not
// promised for a write that fails. The bytes may change while they are written: they are the partition's.
class Disk {
public:
    virtual ~Disk() = default;
    virtual std::uint64_t bytes() const = 0;
    virtual bool readonly() const = 0;
    virtual int read(std::uint64_t offset, std::span<std::byte> into) = 0;
    virtual int write(std::uint64_t offset, std::span<const std::byte> from) = 0;
    virtual int flush() = 0;
    virtual int discard(std::uint64_t offset, std::uint64_t bytes) = 0;
};

// A regular file or a block device.
class FileDisk : public Disk {
public:
    // Throws Error if it is neither. One that was opened for reading alone is readonly, whatever is asked for.
    FileDisk(Fd file, bool readonly);

    std::uint64_t bytes() const override { return bytes_; }
    bool readonly() const override { return readonly_; }
    int read(std::uint64_t offset, std::span<std::byte> into) override;
    int write(std::uint64_t offset, std::span<const std::byte> from) override;
    int flush() override;
    int discard(std::uint64_t offset, std::uint64_t bytes) override;

private:
    Fd file_;
    std::uint64_t bytes_ = 0;
    bool readonly_ = false;
};

} // namespace parker::devices
