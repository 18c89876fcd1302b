// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

namespace parker {

// How many of something each may have at once. What is taken goes back when the place is dropped, in whichever thread,
// also when the Quota has gone before.
template <typename Key>
class Quota {
public:
    using Place = std::shared_ptr<const void>;

    explicit Quota(std::size_t most) : most_{most} {}

    // Null: it has as many as it may.
    Place take(const Key& key)
    {
        const std::lock_guard lock{counts_->mutex};
        auto& count = counts_->of[key];
        if (count == most_)
            return nullptr;
        ++count;
        return {&count, [counts = counts_, key](const void*) { counts->give(key); }};
    }

    std::size_t taken(const Key& key) const
    {
        const std::lock_guard lock{counts_->mutex};
        const auto found = counts_->of.find(key);
        return found == counts_->of.end() ? 0 : found->second;
    }

private:
    struct Counts {
        std::mutex mutex;
        std::map<Key, std::size_t> of; // none is 0 for long

        void give(const Key& key)
        {
            const std::lock_guard lock{mutex};
            if (const auto found = of.find(key); --found->second == 0)
                of.erase(found);
        }
    };

    std::size_t most_;
    std::shared_ptr<Counts> counts_ = std::make_shared<Counts>();
};

} // namespace parker
