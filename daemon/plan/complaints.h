// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/cpu_set.h"
#include "manifest/finding.h"
#include "manifest/manifest.h"

namespace parker {

// Says what is wrong with one manifest, in findings.
class Complaints {
public:
    Complaints(const Manifest& manifest, Findings& findings) : manifest_{manifest}, findings_{findings} {}

    void error(Code code, const Position& at, std::string message, std::string suggestion = {},
               std::string holder = {});
    void warning(Code code, const Position& at, std::string message, std::string suggestion = {});
    bool has_errors() const { return has_errors_; }

private:
    void add(Finding finding);

    const Manifest& manifest_;
    Findings& findings_;
    bool has_errors_ = false;
};

// Who holds what nobody's partition holds.
inline constexpr std::string_view boot_kernel = "the boot kernel";

// "partition db"; the boot kernel stays what it is.
std::string holder_text(std::string_view holder);

// "partition a, partition b and 3 more": each once, by name, the boot kernel last.
std::string holders_text(std::vector<std::string_view> holders);

// "CPU 3", "CPUs 3-5".
std::string cpus_text(const CpuSet& cpus);

// "1 CPU", "3 CPUs".
std::string cpu_count_text(unsigned count);

// "1 is", "3 are".
std::string count_is_text(unsigned count);

// "a", "a, or b", "a, b, or c".
std::string alternatives_text(const std::vector<std::string>& alternatives);

// Exactly that much, in a form that a manifest can have: "1.5GiB", "13314MiB".
std::string exact_bytes(std::uint64_t bytes);

} // namespace parker
