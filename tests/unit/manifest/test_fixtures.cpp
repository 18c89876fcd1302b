// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "manifest/load.h"

using namespace parker;
namespace fs = std::filesystem;

// tests/fuzz/manifest.cpp, which is part of this program.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

// Fixtures carry what they expect in comments of their own:
//   # manifests: NAME...        those that are to be accepted
//   # expect: LINE:COL: SEVERITY[CODE]: MESSAGE     a finding, in order; without LINE:COL about the file
//   # help: SUGGESTION          of the finding above
//   # held by: HOLDER           likewise
namespace {

std::string read(const fs::path& file)
{
    std::ifstream in{file};
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

std::vector<fs::path> files_in(const fs::path& folder)
{
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator{folder})
        if (entry.path().extension() == ".yaml")
            files.push_back(entry.path());
    std::ranges::sort(files);
    return files;
}

struct Expected {
    std::string names;
    std::string findings;
};

Expected expected_in(const std::string& text)
{
    Expected expected;
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("# manifests: "))
            expected.names = line.substr(13) + ' ';
        for (const std::string_view kind : {"# expect: ", "# help: ", "# held by: "})
            if (line.starts_with(kind))
                expected.findings += line + '\n';
    }
    return expected;
}

Expected found_in(const std::string& text, const std::string& name)
{
    Expected found;
    const auto result = parse_manifests(text, name);
    for (const auto& manifest : result.manifests)
        found.names += manifest.name.value + ' ';
    for (auto finding : result.findings) {
        finding.source_line.clear();
        std::istringstream lines{to_text(finding)};
        std::string line;
        std::getline(lines, line);
        line.erase(0, name.size() + 1);
        found.findings += "# expect: " + line.substr(line.find_first_not_of(' ')) + '\n';
        if (!finding.holder.empty())
            found.findings += "# held by: " + finding.holder + '\n';
        if (!finding.suggestion.empty())
            found.findings += "# help: " + finding.suggestion + '\n';
    }
    return found;
}

} // namespace

TEST_CASE("fixtures get the findings that they say")
{
    std::size_t count = 0;
    for (const auto* folder : {"valid", "invalid"}) {
        for (const auto& file : files_in(fs::path{FIXTURES} / folder)) {
            const auto text = read(file);
            const auto name = file.filename().string();
            const auto expected = expected_in(text);
            const auto found = found_in(text, name);
            INFO(file);
            CHECK(found.names == expected.names);
            CHECK(found.findings == expected.findings);
            const bool has_error = found.findings.find(" error[") != std::string::npos;
            CHECK(has_error == (std::string_view{folder} == "invalid"));
            ++count;
        }
    }
    CHECK(count >= 37);
}

TEST_CASE("the fuzzer's promises hold for its corpus and for the fixtures")
{
    std::vector<fs::path> files;
    for (const auto& folder : {fs::path{CORPUS}, fs::path{FIXTURES} / "valid", fs::path{FIXTURES} / "invalid"})
        for (const auto& file : files_in(folder))
            files.push_back(file);
    CHECK(files.size() >= 40);
    for (const auto& file : files) {
        const auto text = read(file);
        const std::vector<std::uint8_t> bytes{text.begin(), text.end()};
        INFO(file);
        CHECK(LLVMFuzzerTestOneInput(bytes.data(), bytes.size()) == 0); // ends the program if not
    }
}

TEST_CASE("the examples are accepted without a finding")
{
    const auto files = files_in(EXAMPLES);
    CHECK(files.size() >= 3);
    for (const auto& file : files) {
        const auto result = parse_manifests(read(file), file.filename());
        INFO(file);
        for (const auto& finding : result.findings)
            CHECK(to_text(finding).empty());
        CHECK_FALSE(result.manifests.empty());
    }
}

TEST_CASE("each finding points at the text it is about")
{
    const auto result = parse_manifests("apiVersion: parker/v1\nname: db\ncpu: 2\n", "x.yaml");
    const auto unknown = std::ranges::find(result.findings, Code::unknown_key, &Finding::code);
    REQUIRE(unknown != result.findings.end());
    CHECK(to_text(*unknown) == "x.yaml:3:1: error[unknown-key]: unknown key `cpu`\n"
                               "    cpu: 2\n"
                               "    ^\n"
                               "    help: did you mean `cpus`?");
    CHECK(unknown->partition == "db");
}
