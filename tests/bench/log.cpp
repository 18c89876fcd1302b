// SPDX-License-Identifier: LGPL-2.1-or-later
// bench-log socket|journal SECONDS: how fast a kernel's log can be followed. A thread writes records into a printk ring
// as that of a stock kernel (CONFIG_LOG_BUF_SHIFT=17), evenly, at several rates, while parkerd's LogHub looks into it;
// a reader takes what comes out of the socket, and with `journal` hands each record on as parkerctl does, to a socket
// where journald's would be: for that, /run must be nobody else's (unshare(1) and a tmpfs).
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "cli/log_event.h"
#include "cli/log_journal.h"
#include "control/simulated.h"
#include "daemon/log_hub.h"
#include "image.h"

using namespace parker;
using namespace std::chrono_literals;
using introspect::Image;
using Clock = std::chrono::steady_clock;

namespace {

constexpr unsigned count_bits = 12, size_bits = 17; // of the stock ring: a descriptor for 32 bytes of text
constexpr std::size_t line_bytes = 64;              // about the mean of a boot's lines
constexpr std::size_t block_bytes = line_bytes + 8; // with its ID, as the ring has it
constexpr std::size_t ring_lines = std::min((std::size_t{1} << size_bits) / block_bytes, std::size_t{1} << count_bits);

std::uint64_t now_nsec()
{
    return static_cast<std::uint64_t>(std::chrono::nanoseconds{Clock::now().time_since_epoch()}.count());
}

// A partition whose memory is an image's.
class ImageControl : public SimulatedControl {
public:
    explicit ImageControl(Image& image) : SimulatedControl{Machine{}, &Clock::now}, image_{image} {}

    std::unique_ptr<Mapping> map(const MemoryRange& range) override
    {
        for (unsigned i = 0; i < Image::range_start.size(); ++i)
            if (range.start == Image::range_start[i])
                return std::make_unique<Whole>(image_.bytes(i));
        throw Error{Code::failed, "image", "has no such range"};
    }

    static HeldPartition held()
    {
        HeldPartition held;
        held.name = "db";
        for (unsigned i = 0; i < Image::range_start.size(); ++i)
            held.memory.push_back({Image::range_start[i], Image::range_start[i] + Image::range_bytes[i]});
        return held;
    }

private:
    class Whole : public Mapping {
    public:
        explicit Whole(std::span<std::byte> bytes) : bytes_{bytes} {}
        std::span<std::byte> bytes() override { return bytes_; }

    private:
        std::span<std::byte> bytes_;
    };

    Image& image_;
};

// Evenly: when this thread had no CPU for a while, what it missed is not made up for, as a burst would be another rate.
void write_lines(Image& image, unsigned rate, std::chrono::seconds duration)
{
    const std::chrono::nanoseconds step{1'000'000'000 / rate};
    const std::string text(line_bytes, '.');
    const auto end = Clock::now() + duration;
    for (auto due = Clock::now(); due < end; std::this_thread::sleep_for(500us)) {
        const auto time = Clock::now();
        due = std::max(due, time - 2ms);
        for (; due <= time; due += step)
            image.log(text, {.time_nsec = now_nsec()});
    }
}

struct Seen {
    std::uint64_t lines = 0, lost = 0;
    std::uint64_t longest_nsec = 0; // from written to seen
    void line(std::uint64_t written_nsec)
    {
        ++lines;
        longest_nsec = std::max(longest_nsec, now_nsec() - written_nsec);
    }
};

std::uint64_t number_after(std::string_view text, std::string_view key)
{
    std::uint64_t number = 0;
    if (const auto at = text.find(key); at != std::string_view::npos)
        std::from_chars(text.data() + at + key.size(), text.data() + text.size(), number);
    return number;
}

// Until the other end is closed.
template <typename Take>
void read_lines(const Fd& socket, Take take)
{
    std::string rest;
    std::array<char, 65536> bytes;
    for (ssize_t got = 0; (got = ::read(socket.get(), bytes.data(), bytes.size())) > 0;) {
        rest.append(bytes.data(), static_cast<std::size_t>(got));
        std::size_t begin = 0;
        for (auto end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', begin)) {
            take(rest.substr(begin, end - begin));
            begin = end + 1;
        }
        rest.erase(0, begin);
    }
}

// Stands where journald does, and reads as it does: one datagram after another.
class Journal {
public:
    Journal() : socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)}
    {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        constexpr std::string_view path = "/run/systemd/journal/socket"; // sd_journal_sendv() knows no other
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        (void)::unlink(address.sun_path); // the last one's
        if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            throw_errno(Code::failed, std::string{path}, "cannot be bound");
        constexpr int most_bytes = 8 << 20; // systemd-journald-dev-log.socket, ReceiveBuffer=
        (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &most_bytes, sizeof most_bytes);
        thread_ = std::thread{[this] { read(); }};
    }
    ~Journal() { (void)end(); }
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    Seen end()
    {
        ending_ = true;
        if (thread_.joinable())
            thread_.join();
        return seen_;
    }

private:
    void read()
    {
        std::array<char, 65536> bytes;
        for (;;) {
            pollfd wait{socket_.get(), POLLIN, 0};
            if (::poll(&wait, 1, 100) <= 0) {
                if (ending_)
                    return;
                continue;
            }
            const auto got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
            if (got > 0)
                seen_.line(1000 * number_after({bytes.data(), static_cast<std::size_t>(got)}, "\nKERNEL_USEC="));
        }
    }

    Fd socket_;
    std::atomic<bool> ending_ = false;
    Seen seen_;
    std::thread thread_;
};

void follow(unsigned rate, std::chrono::seconds duration, Journal* journal)
{
    Image image{{.count_bits = count_bits, .size_bits = size_bits}};
    ImageControl control{image};
    LogHub hub{control};
    const Fd socket = hub.open("db", true);
    hub.runs(ImageControl::held(), {"1", "6.1.0-test", 0});
    image.log("the first", {.time_nsec = now_nsec()});
    Seen seen;
    std::thread reader{[&socket, &seen, journal] {
        read_lines(socket, [&seen, journal](const std::string& line) {
            if (line.starts_with(R"({"kind":"record")"))
                seen.line(number_after(line, R"("time_nsec":)"));
            seen.lost += number_after(line, R"("records":)");
            if (journal == nullptr)
                return;
            if (const auto event = cli::LogEvent::parse(line); event && event->kind == cli::LogEvent::Kind::record)
                cli::to_journal("db", *event);
        });
    }};
    std::this_thread::sleep_for(300ms); // until it is found
    write_lines(image, rate, duration);
    std::this_thread::sleep_for(300ms); // until the last is read
    hub.gone("db");
    reader.join();
    std::uint64_t entries = 0;
    if (journal != nullptr) {
        const auto all = journal->end();
        entries = all.lines;
        seen.longest_nsec = all.longest_nsec;
    }
    constexpr double msec = 1e6;
    fmt::print("{:>10.0f} {:>10} {:>10} {:>10} {:>10.1f} {:>10.1f}\n",
               static_cast<double>(image.written()) / static_cast<double>(duration.count()), image.written(),
               image.written() - (journal != nullptr ? entries : seen.lines), seen.lost,
               static_cast<double>(seen.longest_nsec) / msec, 1e3 * ring_lines / rate);
    std::fflush(stdout);
}

} // namespace

int main(int argc, char** argv)
{
    const std::string_view to = argc == 3 ? argv[1] : "";
    const std::chrono::seconds duration{number_after(argc == 3 ? argv[2] : "", "")};
    if ((to != "socket" && to != "journal") || duration < 1s) {
        fmt::print(stderr, "usage: bench-log socket|journal SECONDS\n");
        return 2;
    }
    try {
        for (const auto rate : {10'000U, 50'000U, 100'000U}) {
            std::optional<Journal> journal;
            if (to == "journal")
                journal.emplace();
            follow(rate, duration, journal ? &*journal : nullptr);
        }
    } catch (const Error& error) {
        fmt::print(stderr, "bench-log: {}\n", error.what());
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
