// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bus/names.h"

#include <systemd/sd-bus.h>

#include <cstdlib>
#include <memory>
#include <new>

namespace parker::bus {

namespace {

constexpr const char* prefix = "/org/parker1/partition";
constexpr const char* unit_prefix = "/org/freedesktop/systemd1/unit";

using Text = std::unique_ptr<char, decltype(&std::free)>;

std::string encode(const char* below, const std::string& name)
{
    char* encoded = nullptr;
    if (sd_bus_path_encode(below, name.c_str(), &encoded) < 0)
        throw std::bad_alloc{}; // the only other failure is a bad prefix
    const Text owner{encoded, &std::free};
    return encoded;
}

} // namespace

std::string partition_path(const std::string& name)
{
    return encode(prefix, name);
}

std::string partition_name(const std::string& path)
{
    char* name = nullptr;
    if (sd_bus_path_decode(path.c_str(), prefix, &name) <= 0)
        return {};
    const Text owner{name, &std::free};
    return name;
}

std::string job_path(std::uint32_t id)
{
    return "/org/parker1/job/" + std::to_string(id);
}

std::string unit_name(const std::string& partition)
{
    return "parker@" + partition + ".service";
}

std::string unit_path(const std::string& partition)
{
    return encode(unit_prefix, unit_name(partition));
}

} // namespace parker::bus
