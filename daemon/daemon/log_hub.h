// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/fd.h"
#include "base/quota.h"
#include "control/control.h"
#include "daemon/watcher.h"

namespace parker {

// The logs of all partitions' kernels, for whoever follows them, and how these kernels fare, for whoever asks. Each
// partition's memory is looked into by a Watcher of its own; here they are found by name, and readers counted.
class LogHub {
public:
    static constexpr std::size_t most_followers = 32; // of one partition
    // Of these, how many one user may have who is not root, and all such users together: root's own always find room.
    static constexpr std::size_t most_of_user = 8;
    static constexpr std::size_t most_of_users = 24;
    static constexpr std::size_t most_logs_of_user = 64; // of all partitions
    // What is read of a kernel that has ended, while its partition waits to be given back: so long at most.
    static constexpr std::chrono::seconds last_look{10};

    // What becomes of a kernel's end beside its followers, both called in end()'s thread. First the cause, in a line,
    // of the kernel in its memory, or of null where none was found. Then, when they have heard of the end, whatever
    // takes longer; null: the memory cannot be mapped.
    using Autopsy = std::function<std::string(const introspect::Kernel*)>;
    using Afterwards = std::function<void(const Inside*)>;
    using VitalsAnswer = Watcher::VitalsAnswer;
    // Called in another thread, once a run: looking into this partition's memory costs too much. Must not wait.
    using GivenUp = std::function<void(const std::string& name, const LogRun& run, const std::string& why)>;

    explicit LogHub(Control& control, GivenUp given_up = {});
    ~LogHub();
    LogHub(const LogHub&) = delete;
    LogHub& operator=(const LogHub&) = delete;

    // These never wait. open() gives the reader's end of a socket, to a user or, without one, to root; limit_exceeded:
    // that many read it already.
    Fd open(const std::string& name, bool follow, std::optional<std::uint32_t> user = {});
    void ask_vitals(const std::string& name, VitalsAnswer answer);
    void runs(const HeldPartition& held, const LogRun& run); // it has been started; may be said again
    void gone(const std::string& name);                      // followers hear the end of it

    // In an executor's thread, before the memory of a partition is given back whose kernel was not ended by end():
    // nothing looks into it any more.
    void away(const std::string& name);

    // In an executor's thread, while the partition's CPUs stand still: the last of the log goes out, and nothing of its
    // memory is mapped any more when this returns. An exception of the calls' passes. `again`: the next kernel may find
    // this memory as it is. `hurry`: asked now and then; true ends what can be ended early.
    std::string end(const HeldPartition& held, const LogRun& run, const std::string& result, bool again,
                    const Autopsy& autopsy, const Afterwards& afterwards, const std::function<bool()>& hurry = {});

private:
    std::shared_ptr<Watcher> find(const std::string& name); // null: none has been needed
    std::shared_ptr<Watcher> watcher(const std::string& name);
    void tell_given_up(const std::string& name, const LogRun& run, const std::string& why);
    std::shared_ptr<const void> place(const std::string& name, std::optional<std::uint32_t> user);

    Control& control_;
    GivenUp given_up_;
    Quota<std::string> readers_{most_followers};
    Quota<std::string> users_readers_{most_of_users};
    Quota<std::pair<std::string, std::uint32_t>> user_readers_{most_of_user};
    Quota<std::uint32_t> logs_of_user_{most_logs_of_user};
    std::atomic<std::uint64_t> last_id_ = 0;
    std::mutex mutex_; // held for a moment only
    std::map<std::string, std::shared_ptr<Watcher>> watchers_;
};

} // namespace parker
