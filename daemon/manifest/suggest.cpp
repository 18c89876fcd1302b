// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/suggest.h"

#include <algorithm>
#include <vector>

namespace parker {
namespace {

constexpr std::size_t max_word = 64; // longer ones are no slips

// Case and the choice between '-' and '_' are no difference.
char folded(char character)
{
    if (character >= 'A' && character <= 'Z')
        return static_cast<char>(character - 'A' + 'a');
    return character == '_' ? '-' : character;
}

// Optimal string alignment: characters inserted, dropped, replaced, or two neighbours swapped.
std::size_t distance(std::string_view a, std::string_view b)
{
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i)
        d[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j)
        d[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const auto same = [&a, &b](std::size_t x, std::size_t y) { return folded(a[x - 1]) == folded(b[y - 1]); };
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (same(i, j) ? 0 : 1)});
            if (i > 1 && j > 1 && same(i, j - 1) && same(i - 1, j))
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[a.size()][b.size()];
}

} // namespace

std::string nearest(std::string_view word, std::span<const std::string> choices)
{
    if (word.empty() || word.size() > max_word)
        return {};
    std::string best;
    auto best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const auto& choice : choices) {
        const auto d = distance(word, choice);
        // Of a short word, at least half must be right.
        if (d < best_distance && 2 * d <= std::max(word.size(), choice.size())) {
            best = choice;
            best_distance = d;
        }
    }
    return best;
}

} // namespace parker
