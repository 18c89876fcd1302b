// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <utility>
#include <vector>

// The rules at the head of base/kernel_line.h once more, as plainly as they can be written and from them alone, to hold
// the real readers against. Each rule is a loop of its own over the whole line; nothing is shared with what is tested.
namespace parker::model {

struct Word {
    std::string name, value;
    bool has_value = false;
};

inline std::vector<std::string> cut(const std::string& line, const std::vector<bool>& cuts)
{
    std::vector<std::string> texts(1);
    for (std::size_t i = 0; i < line.size(); ++i)
        if (cuts[i])
            texts.emplace_back();
        else
            texts.back().push_back(line[i]);
    std::erase(texts, "");
    return texts;
}

// All of the line as the kernel's own reader sees it, "--" and what follows included, "-" in names as it stands.
inline std::vector<Word> kernel_reader(const std::string& line)
{
    std::vector<bool> inside(line.size());
    for (std::size_t i = 0, quotes = 0; i < line.size(); ++i) {
        inside[i] = quotes % 2 == 1;
        quotes += line[i] == '"' ? 1U : 0U;
    }
    const std::string spaces = "\t\n\v\f\r \xa0";
    std::vector<bool> cuts(line.size());
    for (std::size_t i = 0; i < line.size(); ++i)
        cuts[i] = !inside[i] && spaces.find(line[i]) != std::string::npos;

    std::vector<Word> words;
    for (auto text : cut(line, cuts)) {
        Word word;
        bool lost_a_quote = false;
        if (text.front() == '"') {
            text.erase(0, 1);
            lost_a_quote = true;
        }
        std::size_t equals = 1;
        while (equals < text.size() && text[equals] != '=')
            ++equals;
        word.has_value = equals < text.size();
        if (!word.has_value) {
            if (lost_a_quote && !text.empty() && text.back() == '"')
                text.erase(text.size() - 1);
            word.name = text;
        } else {
            word.name = text.substr(0, equals);
            word.value = text.substr(equals + 1);
            if (!word.value.empty() && word.value.front() == '"') {
                word.value.erase(0, 1);
                lost_a_quote = true;
            }
            if (lost_a_quote && !word.value.empty() && word.value.back() == '"')
                word.value.erase(word.value.size() - 1);
        }
        words.push_back(std::move(word));
    }
    return words;
}

inline std::vector<Word> early_reader(const std::string& line)
{
    std::vector<bool> cuts(line.size());
    for (std::size_t i = 0; i < line.size(); ++i)
        cuts[i] = line[i] >= 0 && line[i] <= ' ';
    std::vector<Word> words;
    for (const auto& text : cut(line, cuts)) {
        Word word;
        for (const auto c : text) {
            if (c == '=' && !word.has_value)
                word.has_value = true;
            else
                (word.has_value ? word.value : word.name).push_back(c);
        }
        words.push_back(std::move(word));
    }
    return words;
}

inline std::string underscored(std::string name)
{
    for (auto& c : name)
        c = c == '-' ? '_' : c;
    return name;
}

} // namespace parker::model
