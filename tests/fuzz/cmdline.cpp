// SPDX-License-Identifier: LGPL-2.1-or-later
// Any line is a user's words. Both readers see what the plain model of their rules sees, and a line that is not refused
// leaves parkerd's own words in force, by that model.
#include <algorithm>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/kernel_line.h"
#include "base/kernel_line_model.h"
#include "firmware/cmdline.h"
#include "require.h"

using namespace parker;

namespace {

std::vector<model::Word> kernels_part(const std::string& line)
{
    auto words = model::kernel_reader(line);
    const auto end =
        std::ranges::find_if(words, [](const model::Word& word) { return word.name == "--" && !word.has_value; });
    words.erase(end, words.end());
    for (auto& word : words)
        word.name = model::underscored(word.name);
    return words;
}

bool same(const std::vector<KernelWord>& read, const std::vector<model::Word>& expected)
{
    return std::ranges::equal(read, expected, [](const KernelWord& one, const model::Word& other) {
        return one.name == other.name && one.value == other.value && one.has_value == other.has_value;
    });
}

std::string last(const std::vector<model::Word>& words, std::string_view name)
{
    std::string value = "-";
    for (const auto& word : words)
        if (word.name == name)
            value = word.value;
    return value;
}

bool begins(const std::vector<model::Word>& words, std::string_view start)
{
    return std::ranges::any_of(words, [start](const model::Word& word) { return word.name.starts_with(start); });
}

void check_built(const std::string& line)
{
    const auto words = kernels_part(line);
    const auto early = model::early_reader(line);
    require(last(words, "no_ipi_broadcast") == "1", "interrupts stay inside");
    require(last(words, "disable_cpu_apicid") == "7", "the phantom stays one");
    require(last(words, "reboot") == "efi,panic_warm", "a reboot stays inside");
    require(last(words, "reserve") != "-", "configuration ports are reserved");
    require(last(words, "module_blacklist").starts_with("kvm,kvm_intel,kvm_amd,"), "KVM stays out");
    require(!begins(words, "noefi") && !begins(words, "noacpi") && !begins(words, "memmap"), "tables and memory");
    require(last(words, "acpi") == "-" || last(words, "acpi") == "force", "ACPI stays on");
    require(last(words, "bootconfig") == "-", "no words from elsewhere");
    require(last(early, "earlyprintk") == "-", "the decompressor has no UART");
    require(last(early, "acpi_rsdp") == "-", "the decompressor has no other tables");
    require(!last(early, "console").starts_with("uart") && !last(words, "console").starts_with("uart"), "no UART");
}

} // namespace

// libFuzzer's name for it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    std::string line{reinterpret_cast<const char*>(data), size};
    std::erase(line, '\0'); // ends the line; no manifest has one
    require(same(kernel_words(line), kernels_part(line)), "the kernel's reader");
    require(same(early_words(line), model::early_reader(line)), "the early readers");
    require(same(kernel_words(line.substr(0, kernel_part(line))), kernels_part(line)), "where the kernel's part ends");

    firmware::Request request;
    request.cmdline = line;
    request.phantom_apic_id = 7;
    try {
        check_built(firmware::build_cmdline(request, "6.1.0"));
    } catch (const Error& error) {
        require(error.code() == Code::bad_value, "the one error that a line can be");
    }
    return 0;
}
