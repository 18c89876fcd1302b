// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <algorithm>
#include <span>
#include <string>

#include "base/error.h"
#include "base/kernel_line.h"
#include "firmware/cmdline.h"

using namespace parker;
using namespace parker::firmware;

namespace {

std::string build(std::string cmdline, std::string_view release = "6.1.0-18-amd64")
{
    Request request;
    request.cmdline = std::move(cmdline);
    request.phantom_apic_id = 7;
    return build_cmdline(request, release);
}

// What counts in the end: the last one, for the kernel. Nothing: "-".
std::string last(const std::string& line, std::string_view name)
{
    std::string value = "-";
    for (const auto& word : kernel_words(line))
        if (word.name == name)
            value = word.value;
    return value;
}

bool lists(const std::string& list, const std::string& item)
{
    return ("," + list + ",").find("," + item + ",") != std::string::npos;
}

bool has_boot_config(std::string_view text)
{
    return firmware::has_boot_config(std::as_bytes(std::span{text.data(), text.size()}));
}

} // namespace

TEST_CASE("side effects on the whole machine are turned off")
{
    const auto line = build("root=/dev/vda");
    CHECK(last(line, "reserve") == "0xcf8,8");
    CHECK(last(line, "rdt") == "!l3cat,!l3cdp,!l2cat,!l2cdp,!mba,!smba,!bmec,!cmt,!mbmtotal,!mbmlocal");
    CHECK(last(line, "mce") == "no_cmci");
    CHECK(last(line, "sysctl.kernel.kexec_load_disabled") == "1");
    CHECK(last(line, "nosgx").empty());
    CHECK(last(build("", "5.11.0"), "nosgx").empty());
    CHECK(last(build("", "5.10.0-46-amd64"), "nosgx") == "-"); // it would hand it to init
    CHECK(last(build("", "4.19"), "nosgx") == "-");
    CHECK(last(build("", "junk"), "nosgx") == "-");
    for (const auto* module : {"intel_rapl_msr", "intel_uncore", "amd_uncore", "x86_pkg_temp_thermal", "msr"})
        CHECK(lists(last(line, "module_blacklist"), module));
    CHECK(lists(last(line, "modprobe.blacklist"), "intel_rapl_msr"));
    CHECK(line.ends_with(" root=/dev/vda"));
    CHECK(line.size() + 1024 - 14 < 2047); // there is room for the longest line that a manifest may have
}

TEST_CASE("what depends on the machine")
{
    Request request;
    CHECK(last(build_cmdline(request, "6.1"), "nopv") == "-");
    CHECK_FALSE(lists(last(build_cmdline(request, "6.1"), "initcall_blacklist"), "thermal_throttle_init_device"));
    request.in_virtual_machine = true;
    request.hide_hfi = true;
    CHECK(last(build_cmdline(request, "6.1"), "nopv").empty());
    CHECK(lists(last(build_cmdline(request, "6.1"), "initcall_blacklist"), "thermal_throttle_init_device"));
}

TEST_CASE("KVM stays out, unless the manifest lets it in")
{
    Request request;
    const auto without = build_cmdline(request, "6.12");
    for (const auto* module : {"kvm", "kvm_intel", "kvm_amd"})
        CHECK(lists(last(without, "module_blacklist"), module));
    for (const auto* start : {"vmx_init", "vt_init", "svm_init"}) // a kernel that has it built in
        CHECK(lists(last(without, "initcall_blacklist"), start));
    CHECK(lists(last(without, "modprobe.blacklist"), "kvm_intel"));
    request.virtualization = true;
    CHECK(build_cmdline(request, "6.12").find("kvm") == std::string::npos);
    CHECK(last(build_cmdline(request, "6.12"), "initcall_blacklist") == "-");
    CHECK(lists(last(build_cmdline(request, "6.12"), "module_blacklist"), "msr"));
}

TEST_CASE("a module_blacklist= of the user's is put together with parkerd's, as Linux keeps the last alone")
{
    for (const auto* users : {"a module_blacklist=pcspkr,nouveau b", "a \"module_blacklist=pcspkr,nouveau\" b",
                              "a module-blacklist=\"pcspkr,nouveau\" b",
                              "module_blacklist=first a module_blacklist=pcspkr,nouveau b -- c"}) {
        CAPTURE(users);
        const auto line = build(users);
        const auto list = last(line, "module_blacklist");
        for (const auto* module : {"kvm", "msr", "pcspkr", "nouveau"})
            CHECK(lists(list, module));
        CHECK_FALSE(lists(list, "first"));
        const auto words = kernel_words(line);
        CHECK(std::ranges::count(words, "module_blacklist", &KernelWord::name) == 1);
        CHECK(last(line, "a").empty());
        CHECK(last(line, "b").empty());
    }
    CHECK(lists(last(build("module_blacklist="), "module_blacklist"), "kvm"));
    CHECK(build("a -- module_blacklist=x").ends_with("a -- module_blacklist=x")); // init's
    CHECK_THROWS_WITH(build("module_blacklist=\"a b\""), Catch::Contains("no module has such a name"));
    CHECK_THROWS_WITH(build("module_blacklist=a\"b"), Catch::Contains("no module has such a name"));
    CHECK_THROWS_WITH(build("module_blacklist=" + std::string(1000, 'x')), Catch::Contains("Linux takes 1024"));
}

TEST_CASE("quotes of the user's do not reach parkerd's words, nor do credentials bring words in")
{
    const auto line = build("\"a b");
    CHECK(last(line, "reserve") == "0xcf8,8");
    Request request;
    request.credentials = {{"system.hostname", "db acpi=off"},
                           {"system.machine_id", "\"0123"},
                           {"acpi", "off"},
                           {"io.systemd.stub.kernel-cmdline-extra", "acpi=off"}};
    CHECK(build_cmdline(request, "6.1") == build_cmdline(Request{}, "6.1"));
    request.credentials = {{"system.hostname", "d\xc3\xa0"}};
    CHECK(build_cmdline(request, "6.1") == build_cmdline(Request{}, "6.1"));
    request.credentials = {{"system.hostname", "db-1.example"}};
    CHECK(last(build_cmdline(request, "6.1"), "systemd.hostname") == "db-1.example");
}

TEST_CASE("a boot configuration at the end of an initial RAM disk is seen where the kernel sees it")
{
    const auto trailer = "kernel { acpi = off }\n" + std::string(8, '\x16') + "#BOOTCONFIG\n"; // length and sum
    CHECK(has_boot_config("cpio" + trailer));
    CHECK(has_boot_config("cpio" + trailer + std::string(3, '\0'))); // a boot loader's padding
    CHECK(has_boot_config("#BOOTCONFIG\n"));
    CHECK_FALSE(has_boot_config("cpio" + trailer + std::string(16, '\0')));
    CHECK_FALSE(has_boot_config("#BOOTCONFIG"));
    CHECK_FALSE(has_boot_config(""));
}
