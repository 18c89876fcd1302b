// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <array>
#include <random>

#include "base/kernel_line.h"
#include "kernel_line_model.h"

using namespace parker;

namespace {

std::string show(const std::vector<KernelWord>& words)
{
    std::string text;
    for (const auto& word : words)
        text += word.has_value ? fmt::format("[{}|{}]", word.name, word.value) : fmt::format("[{}]", word.name);
    return text;
}

} // namespace

TEST_CASE("a command line is read as the kernel's own reader does")
{
    struct Row {
        const char* line;
        const char* words;
    };
    const auto row = GENERATE(values<Row>({
        {"", ""},
        {"   ", ""},
        {"quiet ro root=/dev/vda1", "[quiet][ro][root|/dev/vda1]"},
        {"a\tb\nc\vd\fe\rf", "[a][b][c][d][e][f]"},
        {"x\xa0y", "[x][y]"}, // a space to the kernel
        {"LABEL=\xc3\xa0"
         "acpi=off",
         "[LABEL|\xc3][acpi|off]"}, // the second half of "à"
        {"donn\xc3\xa9"
         "es",
         "[donn\xc3\xa9"
         "es]"},
        {"\"acpi=off\"", "[acpi|off]"},
        {"acpi=\"off\"", "[acpi|off]"},
        {"\"acpi=off", "[acpi|off]"}, // never closed
        {"acpi=\"off", "[acpi|off]"},
        {"acpi=off\"", "[acpi|off\"]"}, // opens quotes for what follows
        {"acpi=o\"f\"f", "[acpi|o\"f\"f]"},
        {"ac\"pi\"=off", "[ac\"pi\"|off]"},
        {"\"a=\"b\"\"", "[a|b\"]"},
        {"a=\"b c\" d", "[a|b c][d]"},
        {"a=\"b c d", "[a|b c d]"},
        {"\"a b\" c", "[a b][c]"},
        {"a\"b c\"d=e", "[a\"b c\"d|e]"},
        {"a=\"", "[a|]"},
        {"\"", "[]"},
        {"\"\"", "[]"},
        {"\"a=\"", "[a|]"},
        {"a=b=c", "[a|b=c]"},
        {"=a=b", "[=a|b]"},
        {"=", "[=]"},
        {"no-ipi-broadcast=0-0", "[no_ipi_broadcast|0-0]"},
        {"a -- b", "[a]"},
        {"a \"--\" b", "[a]"},
        {"a \"-- b", "[a][__ b]"},
        {"a --- -- b", "[a][___]"},
        {"--= b", "[__|][b]"},
        {"\"a -- b\" c", "[a __ b][c]"},
    }));
    CAPTURE(row.line);
    CHECK(show(kernel_words(row.line)) == row.words);
}

TEST_CASE("the early readers know neither quotes nor --")
{
    CHECK(show(early_words("a=\"b earlyprintk=serial\" -- console=uart,io,1")) ==
          "[a|\"b][earlyprintk|serial\"][--][console|uart,io,1]");
    CHECK(show(early_words(" \x01x\x02y ")) == "[x][y]");
    CHECK(show(early_words("x\xa0y=\xa0")) == "[x\xa0y|\xa0]");
    CHECK(show(early_words("=a=b")) == "[|a=b]");
    CHECK(show(early_words("early-printk")) == "[early-printk]");
    CHECK(early_words("").empty());
}

TEST_CASE("where init's words begin")
{
    CHECK(kernel_part("a b") == 3);
    CHECK(kernel_part("a -- b") == 2);
    CHECK(kernel_part("\"a -- b\" \"--\" c") == 9);
    CHECK(init_words("a b") == 0);
    CHECK(init_words("a -- b \"c d\" --") == 3);
}

TEST_CASE("the readers agree with their rules on any line")
{
    constexpr std::array pieces{" ",    "\"",   "=",    "-",    "_",   "--",   "a",   "acpi",     "console", "\t",
                                "\xa0", "\xc3", "=\"",  "\" ",  " --", "\x01", "b.c", " \"--\" ", "off",     "\n",
                                "1",    "--=",  "\"\"", " -- ", ",",   "uart", "é",   "à"};
    std::minstd_rand random; // the same lines each time
    for (unsigned round = 0; round < 20000; ++round) {
        std::string line;
        for (auto left = random() % 14; left > 0; --left)
            line += pieces[random() % pieces.size()];
        CAPTURE(line);

        std::string expected;
        std::size_t for_init = 0;
        bool ended = false;
        for (const auto& word : model::kernel_reader(line)) {
            for_init += ended ? 1U : 0U;
            ended = ended || (word.name == "--" && !word.has_value);
            const auto name = model::underscored(word.name);
            if (!ended)
                expected += word.has_value ? fmt::format("[{}|{}]", name, word.value) : fmt::format("[{}]", name);
        }
        REQUIRE(show(kernel_words(line)) == expected);
        REQUIRE(init_words(line) == for_init);
        REQUIRE(show(kernel_words(line.substr(0, kernel_part(line)))) == expected);

        expected.clear();
        for (const auto& word : model::early_reader(line))
            expected += word.has_value ? fmt::format("[{}|{}]", word.name, word.value) : fmt::format("[{}]", word.name);
        REQUIRE(show(early_words(line)) == expected);
    }
}
