// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "base/wrap.h"

using namespace parker;

TEST_CASE("help is wrapped at 80 columns")
{
    const std::string word(20, 'a');
    const auto words = [&word](int count) {
        auto text = word;
        for (; count > 1; --count)
            text += ' ' + word;
        return text;
    };
    const std::string filler(17, 'b'); // three words, and this, and their spaces: 80
    struct Row {
        const char* name;
        std::string text;
        std::string result;
    };
    const auto row = GENERATE_COPY(values<Row>({
        {"nothing", "", ""},
        {"a short line", "a b\n", "a b\n"},
        {"without its end", "a b", "a b\n"},
        {"exactly as long", words(3) + ' ' + filler, words(3) + ' ' + filler + '\n'},
        {"one letter longer", words(3) + ' ' + filler + 'b', words(3) + '\n' + filler + "b\n"},
        {"three lines", words(7), words(3) + '\n' + words(3) + '\n' + word + '\n'},
        {"an entry", "  -h  " + words(6), "  -h  " + words(3) + '\n' + std::string(10, ' ') + words(3) + '\n'},
        {"lines of their own", "a\n\n" + words(4) + "\nb\n", "a\n\n" + words(3) + '\n' + word + "\nb\n"},
        {"a word too long", std::string(90, 'a') + " b", std::string(90, 'a') + "\nb\n"},
        {"spaces at the end", std::string(79, 'a') + "   ", std::string(79, 'a') + '\n'},
        {"spaces alone", std::string(90, ' '), "\n"},
        {"an entry that is one word", "  " + std::string(90, 'a'), "  " + std::string(90, 'a') + '\n'},
    }));
    INFO(row.name);
    CHECK(wrapped(row.text, 10) == row.result);
}
