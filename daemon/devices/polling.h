// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>

namespace parker::devices {

// How often the devices of a partition are looked at. A driver's store into memory wakes nobody, so somebody has to
// look; this is the whole policy:
//
// - For `spin` after work, look again at once: a driver that waits for one completion gives the next command within
//   some microseconds, and going to sleep and waking up costs more than that.
// - Then sleep `shortest` between looks for as long as `patience`: the first command of a burst waits that long at
// most.
// - Then twice as long each time that nothing came, up to `longest`: a thousand looks a second cost 1 % of a CPU or so,
//   and a file system that has been quiet does not mind a millisecond.
//
// A partition without such devices has no process that looks at all.
class Polling {
public:
    using Time = std::chrono::steady_clock::time_point;
    using Wait = std::chrono::steady_clock::duration;

    static constexpr Wait spin = std::chrono::microseconds{50};
    static constexpr Wait shortest = std::chrono::microseconds{50};
    static constexpr Wait patience = std::chrono::milliseconds{1};
    static constexpr Wait longest = std::chrono::milliseconds{1};

    // After a look at `now`: how long to sleep until the next.
    Wait next(bool worked, Time now)
    {
        if (worked || !worked_once_) {
            worked_once_ = true;
            last_work_ = now;
            wait_ = shortest;
        }
        const auto quiet = now - last_work_;
        if (quiet < spin)
            return Wait::zero();
        if (quiet < patience)
            return shortest;
        wait_ = wait_ * 2 < longest ? wait_ * 2 : longest;
        return wait_;
    }

private:
    bool worked_once_ = false;
    Time last_work_{};
    Wait wait_ = shortest;
};

} // namespace parker::devices
