// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "control/control.h"
#include "firmware/firmware.h"
#include "machine/machine.h"
#include "manifest/manifest.h"
#include "partition/run_record.h"

namespace parker {

using BuildFirmware = std::function<firmware::Firmware(const firmware::Request&)>;

// Reads the images and builds the firmware as if for the memory wished for, so that a start that cannot work takes
// nothing. Throws as launch() would.
void rehearse(const Manifest& manifest, const BuildFirmware& build_firmware, std::optional<Finding>& finding);

// All that the worker needs to bring a reserved partition to its first instruction.
struct Launch {
    std::shared_ptr<const Manifest> manifest;
    std::string definition; // digest of its source
    Machine machine;
    bool memory_is_clean = false; // zero, or the same kernel's before a reboot
    BuildFirmware build;
    std::filesystem::path state_directory;
    Origin origin = {}; // of the manifest
};

struct Launched {
    RunRecord run;
    std::optional<Finding> finding; // what is wrong with the manifest, if it is that
    Findings warnings;
};

// Reads the images, builds the firmware, writes it and starts. On an Error nothing runs; everything stays held.
void launch(Control& control, const Launch& launch, Launched& launched);

// The lowest ID behind all that are used, or, so that it fits an xAPIC's 8 bits, the highest free one below 255; above
// only if there is none. `used` are all of the machine's.
std::uint32_t phantom_apic_id(const std::vector<std::uint32_t>& used);

// The partition's identity, in SMBIOS byte order: always the same for this name on the machine with this ID.
std::array<std::byte, 16> partition_uuid(std::string_view machine_id, std::string_view name);

} // namespace parker
