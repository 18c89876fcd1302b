// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <spdlog/logger.h>
#include <syslog.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace parker {

// parkerd's log: text for people, what programs look for in journal fields of its own (PARTITION=, JOB=, PARKER_CODE=).
// Only the daemon's own folder logs; libraries throw or tell an observer.
class Log {
public:
    enum class Target { automatic, journal, console };

    struct Fields {
        std::string partition;
        std::optional<std::uint32_t> job;
        std::string code; // of an Error or a Finding
    };

    Log();
    ~Log();

    void write(int priority, const std::string& message, const Fields& fields = {});

    int level() const { return level_; }
    std::string level_name() const;
    void set_level(const std::string& name); // as syslog(3) calls them; invalid_argument
    std::string target_name() const;
    void set_target(const std::string& name); // auto, journal, console; invalid_argument

private:
    class JournalSink;

    bool to_journal() const;

    std::shared_ptr<JournalSink> journal_sink_;
    spdlog::logger journal_;
    spdlog::logger console_;

    int level_ = LOG_INFO;
    Target target_ = Target::automatic;
};

} // namespace parker
