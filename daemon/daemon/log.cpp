// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/log.h"

#include <fmt/format.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace parker {
namespace {

constexpr std::array<std::string_view, 8> levels{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"};
constexpr std::array<std::string_view, 3> targets{"auto", "journal", "console"};

template <std::size_t Count>
std::size_t find(const std::array<std::string_view, Count>& names, const std::string& name, const char* what)
{
    const auto* row = std::ranges::find(names, name);
    if (row == names.end())
        throw Error{Code::invalid_argument, what, fmt::format("'{}' is none of: {}", name, fmt::join(names, ", "))};
    return static_cast<std::size_t>(row - names.begin());
}

// systemd.exec(5), $JOURNAL_STREAM: device and inode of the stream that stderr is, if it leads to the journal.
bool stderr_is_journal()
{
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    return stream != nullptr && ::fstat(STDERR_FILENO, &status) == 0 &&
           fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

} // namespace

// To the journal, with the fields that spdlog's own sink for it cannot carry.
class Log::JournalSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
    void set(int priority, const Fields& fields) // of the next message
    {
        priority_ = priority;
        fields_ = fields;
    }

private:
    void sink_it_(const spdlog::details::log_msg& message) override
    {
        std::vector<std::string> texts{fmt::format("MESSAGE={}", message.payload),
                                       fmt::format("PRIORITY={}", priority_), "SYSLOG_IDENTIFIER=parkerd"};
        if (!fields_.partition.empty())
            texts.push_back("PARTITION=" + fields_.partition);
        if (fields_.job)
            texts.push_back(fmt::format("JOB={}", *fields_.job));
        if (!fields_.code.empty())
            texts.push_back("PARKER_CODE=" + fields_.code);
        std::vector<iovec> vectors;
        vectors.reserve(texts.size());
        for (auto& text : texts)
            vectors.push_back({text.data(), text.size()});
        // Nowhere is left to complain to when the journal does not take it.
        (void)sd_journal_sendv(vectors.data(), static_cast<int>(vectors.size()));
    }
    void flush_() override {}

    int priority_ = LOG_INFO;
    Fields fields_;
};

Log::Log()
    : journal_sink_{std::make_shared<JournalSink>()}, journal_{"parkerd", journal_sink_},
      console_{"parkerd", std::make_shared<spdlog::sinks::stderr_sink_st>()}
{
    // Levels are syslog's, and write() has decided; spdlog is not to decide again.
    journal_.set_level(spdlog::level::trace);
    console_.set_level(spdlog::level::trace);
    console_.set_pattern("%v");
}

Log::~Log() = default;

std::string Log::level_name() const
{
    return std::string{levels.at(static_cast<std::size_t>(level_))};
}

void Log::set_level(const std::string& name)
{
    level_ = static_cast<int>(find(levels, name, "log level"));
}

std::string Log::target_name() const
{
    return std::string{targets.at(static_cast<std::size_t>(target_))};
}

void Log::set_target(const std::string& name)
{
    target_ = static_cast<Target>(find(targets, name, "log target"));
}

bool Log::to_journal() const
{
    return target_ == Target::journal || (target_ == Target::automatic && stderr_is_journal());
}

void Log::write(int priority, const std::string& message, const Fields& fields)
{
    if (priority > level_)
        return;
    if (to_journal()) {
        journal_sink_->set(priority, fields);
        journal_.info("{}", message);
    } else {
        console_.info("{}: {}", levels.at(static_cast<std::size_t>(priority)), message);
    }
}

} // namespace parker
