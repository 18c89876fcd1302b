// SPDX-License-Identifier: LGPL-2.1-or-later
// Calls every method of every object of org.parker1, again and again, with whatever arguments its signature allows;
// reads and writes every property. Each call must be answered in time, a failure by an error of the names that are
// promised. fuzz-bus ADDRESS SECONDS SEED
#include <fcntl.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <random>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr const char* service = "org.parker1";
constexpr std::uint64_t patience_usec = 10'000'000;

[[noreturn]] void fail(const std::string& what)
{
    std::fprintf(stderr, "fuzz-bus: %s\n", what.c_str());
    std::exit(1);
}

int check(int result, const char* what)
{
    if (result < 0)
        fail(std::string{what} + ": " + std::to_string(result));
    return result;
}

// What a message has no room for.
struct Unsendable {};

void put(int result)
{
    if (result < 0)
        throw Unsendable{};
}

struct Call {
    std::string path, interface, member, signature;
};

class Fuzzer {
public:
    Fuzzer(const char* address, unsigned seed) : random_{seed}
    {
        check(sd_bus_new(&bus_), "sd_bus_new");
        check(sd_bus_set_address(bus_, address), "address");
        check(sd_bus_set_bus_client(bus_, 1), "bus client");
        check(sd_bus_start(bus_), "connecting");
    }
    Fuzzer(const Fuzzer&) = delete;
    Fuzzer& operator=(const Fuzzer&) = delete;
    ~Fuzzer() { sd_bus_flush_close_unref(bus_); }

    // All calls that the objects below a path offer now.
    std::vector<Call> offered(const std::string& path)
    {
        sd_bus_error error{};
        sd_bus_message* reply = nullptr;
        const int result = sd_bus_call_method(bus_, service, path.c_str(), "org.freedesktop.DBus.Introspectable",
                                              "Introspect", &error, &reply, "");
        sd_bus_error_free(&error);
        if (result < 0) // it has gone meanwhile
            return {};
        const char* xml = nullptr;
        check(sd_bus_message_read(reply, "s", &xml), "introspection");
        std::vector<Call> calls;
        const std::string text{xml};
        static const std::regex tag{R"re(<(node|interface|method|property|arg)\s([^>]*)>|</(method)>)re"};
        Call call{path, {}, {}, {}};
        for (std::sregex_iterator at{text.begin(), text.end(), tag}, end; at != end; ++at) {
            const auto words = (*at)[2].str();
            if ((*at)[1] == "node" && !attribute(words, "name").empty() && attribute(words, "name")[0] != '/') {
                const auto more = offered((path == "/" ? "" : path) + '/' + attribute(words, "name"));
                calls.insert(calls.end(), more.begin(), more.end());
            } else if ((*at)[1] == "interface") {
                call.interface = attribute(words, "name");
            } else if ((*at)[1] == "method") {
                call.member = attribute(words, "name");
                call.signature.clear();
                if (words.ends_with('/'))
                    calls.push_back(call);
            } else if ((*at)[1] == "arg" && attribute(words, "direction") == "in") {
                call.signature += attribute(words, "type");
            } else if ((*at)[1] == "property") {
                // One of the three calls at random, each time it is met.
                properties_[path].push_back({call.interface, attribute(words, "name"), attribute(words, "type")});
            } else if ((*at)[3] == "method") {
                calls.push_back(call);
            }
        }
        sd_bus_message_unref(reply);
        return calls;
    }

    void make(const Call& call)
    {
        auto* message = begin(call.path, call.interface, call.member);
        try {
            append(message, call.signature);
            send(message, call);
        } catch (const Unsendable&) {
            ++outcomes["not sent: too large"];
        }
        sd_bus_message_unref(message);
    }

    void touch_property()
    {
        if (properties_.empty())
            return;
        auto at = properties_.begin();
        std::advance(at, below(properties_.size()));
        const auto& [interface, name, type] = at->second[below(at->second.size())];
        const bool write = below(2) == 0;
        auto* message = begin(at->first, "org.freedesktop.DBus.Properties", write ? "Set" : "Get");
        check(sd_bus_message_append(message, "ss", interface.c_str(), name.c_str()), "property");
        try {
            if (write) {
                const auto other = below(4) == 0 ? "as" : type;
                put(sd_bus_message_open_container(message, 'v', other.c_str()));
                append(message, other);
                put(sd_bus_message_close_container(message));
            }
            send(message, {at->first, interface, name, type});
        } catch (const Unsendable&) {
            ++outcomes["not sent: too large"];
        }
        sd_bus_message_unref(message);
    }

    void forget() { properties_.clear(); }
    std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random_); }

    std::map<std::string, unsigned long> outcomes;

private:
    struct Property {
        std::string interface, name, type;
    };

    static std::string attribute(const std::string& words, const std::string& name)
    {
        const auto start = words.find(name + "=\"");
        if (start == std::string::npos)
            return {};
        const auto value = start + name.size() + 2;
        return words.substr(value, words.find('"', value) - value);
    }

    sd_bus_message* begin(const std::string& path, const std::string& interface, const std::string& member)
    {
        sd_bus_message* message = nullptr;
        check(sd_bus_message_new_method_call(bus_, &message, service, path.c_str(), interface.c_str(), member.c_str()),
              "new call");
        room_ = 100'000;
        return message;
    }

    void send(sd_bus_message* message, const Call& call)
    {
        sd_bus_error error{};
        sd_bus_message* reply = nullptr;
        const int result = sd_bus_call(bus_, message, patience_usec, &error, &reply);
        const auto what = call.path + ' ' + call.interface + '.' + call.member + '(' + call.signature + ')';
        std::string outcome = "answered";
        if (result < 0) {
            const std::string_view name{error.name == nullptr ? "" : error.name};
            if (name.ends_with(".NoReply") || name.ends_with(".Timeout") || name.ends_with(".Disconnected") ||
                name.empty())
                fail(what + ": not answered: " + std::string{name} + ' ' + std::to_string(result));
            if (!name.starts_with("org.parker1.Error.") && !name.starts_with("org.freedesktop.DBus.Error."))
                fail(what + ": an error of no promised name: " + std::string{name});
            if (name.ends_with("NoServer") || name.ends_with("ServiceUnknown") || name.ends_with("NameHasNoOwner"))
                fail(what + ": parkerd has gone");
            outcome = name;
        }
        ++outcomes[outcome];
        sd_bus_error_free(&error);
        sd_bus_message_unref(reply);
    }

    std::string text()
    {
        static const std::array<std::string, 14> usual{"db",
                                                       "web",
                                                       "",
                                                       "no-such",
                                                       "../../etc/passwd",
                                                       "db.yaml",
                                                       "%s%n%x",
                                                       "org.parker1.Partition",
                                                       "info",
                                                       "/org/parker1/partition/db",
                                                       "db\nweb",
                                                       "\u00e4\u00f6\u202e\U0001f427",
                                                       "DB",
                                                       " db"};
        if (below(8) != 0)
            return usual[below(usual.size())];
        const auto length = std::min(room_, below(4) == 0 ? below(200'000) : below(64));
        room_ -= length;
        std::string result(length, ' ');
        for (auto& letter : result)
            letter = static_cast<char>(1 + below(127));
        return result;
    }

    template <typename Number>
    Number number()
    {
        static constexpr std::array usual{Number{0}, Number{1}, std::numeric_limits<Number>::max(),
                                          std::numeric_limits<Number>::min()};
        if (below(4) != 0)
            return usual[below(usual.size())];
        return static_cast<Number>(random_());
    }

    template <typename Number>
    void append_number(sd_bus_message* message, char type)
    {
        const auto value = number<Number>();
        put(sd_bus_message_append_basic(message, type, &value));
    }

    void append_text(sd_bus_message* message, char type)
    {
        auto value = text();
        if (type == 'o' && !sd_bus_object_path_is_valid(value.c_str()))
            value = below(2) == 0 ? "/" : "/org/parker1/job/" + std::to_string(below(1000));
        if (type == 'g')
            value = "a{sv}";
        put(sd_bus_message_append_basic(message, type, value.c_str()));
    }

    void append_handle(sd_bus_message* message)
    {
        const int handle = open("/dev/null", O_RDWR | O_CLOEXEC);
        put(sd_bus_message_append_basic(message, 'h', &handle)); // which it duplicates
        close(handle);
    }

    // The end of the complete type that starts here.
    static std::size_t type_end(std::string_view signature, std::size_t at)
    {
        while (signature[at] == 'a')
            ++at;
        if (signature[at] != '(' && signature[at] != '{')
            return at + 1;
        for (int depth = 0;; ++at) {
            depth += (signature[at] == '(' || signature[at] == '{') ? 1 : 0;
            depth -= (signature[at] == ')' || signature[at] == '}') ? 1 : 0;
            if (depth == 0)
                return at + 1;
        }
    }

    void append(sd_bus_message* message, std::string_view signature)
    {
        for (std::size_t at = 0; at < signature.size();) {
            const auto end = type_end(signature, at);
            append_one(message, std::string{signature.substr(at, end - at)});
            at = end;
        }
    }

    void append_one(sd_bus_message* message, const std::string& type)
    {
        const auto inner = type.size() > 1 ? type.substr(1) : std::string{};
        switch (type[0]) {
        case 'a':
            put(sd_bus_message_open_container(message, 'a', inner.c_str()));
            for (auto count = below(16) == 0 ? below(3000) : below(4); count > 0 && room_ > 0; --count, --room_)
                append_one(message, inner);
            break;
        case '(':
        case '{':
            put(sd_bus_message_open_container(message, type[0] == '(' ? 'r' : 'e',
                                              type.substr(1, type.size() - 2).c_str()));
            append(message, std::string_view{type}.substr(1, type.size() - 2));
            break;
        case 'v': {
            static const std::array<std::string, 6> usual{"s", "t", "as", "b", "a{sv}", "(ss)"};
            const auto& chosen = usual[below(usual.size())];
            put(sd_bus_message_open_container(message, 'v', chosen.c_str()));
            append(message, chosen);
            break;
        }
        case 's':
        case 'o':
        case 'g':
            return append_text(message, type[0]);
        case 'h':
            return append_handle(message);
        case 'b': {
            const int value = static_cast<int>(below(2));
            put(sd_bus_message_append_basic(message, 'b', &value));
            return;
        }
        case 'y':
            return append_number<std::uint8_t>(message, 'y');
        case 'n':
            return append_number<std::int16_t>(message, 'n');
        case 'q':
            return append_number<std::uint16_t>(message, 'q');
        case 'i':
            return append_number<std::int32_t>(message, 'i');
        case 'u':
            return append_number<std::uint32_t>(message, 'u');
        case 'x':
            return append_number<std::int64_t>(message, 'x');
        case 't':
            return append_number<std::uint64_t>(message, 't');
        case 'd':
            return append_number<double>(message, 'd');
        default:
            fail("a type that D-Bus does not have: " + type);
        }
        put(sd_bus_message_close_container(message));
    }

    sd_bus* bus_ = nullptr;
    std::mt19937 random_;
    std::size_t room_ = 0; // for letters and elements in the message that is being made; the bus takes no endless ones
    std::map<std::string, std::vector<Property>> properties_;
};

} // namespace

int main(int argc, char** argv)
{
    if (argc != 4)
        fail("usage: fuzz-bus ADDRESS SECONDS SEED");
    Fuzzer fuzzer{argv[1], static_cast<unsigned>(std::stoul(argv[3]))};
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{std::stol(argv[2])};
    std::size_t offered = 0;
    while (std::chrono::steady_clock::now() < end) {
        fuzzer.forget();
        const auto calls = fuzzer.offered("/");
        if (calls.empty())
            fail("there is nothing to call");
        offered = std::max(offered, calls.size());
        for (int n = 0; n < 500 && std::chrono::steady_clock::now() < end; ++n) {
            fuzzer.make(calls[fuzzer.below(calls.size())]);
            fuzzer.touch_property();
        }
    }
    std::printf("%zu methods of all objects\n", offered);
    for (const auto& [outcome, count] : fuzzer.outcomes)
        std::printf("%8lu %s\n", count, outcome.c_str());
    return 0;
}
