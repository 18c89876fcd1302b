// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest/tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "manifest/lookalike.h"
#include "manifest/scalar.h"
#include "manifest/utf8.h"

namespace parker {
namespace {

// Leaves yaml-cpp's recursion from within a handler.
struct Abandon {
    Mark at;
    Code code = Code::too_large;
    std::string message;
    std::string suggestion = {};
};

// What a scalar begins with, as it stands at the front of `text`.
std::string_view without_properties(std::string_view text)
{
    // Anchors and tags come first.
    while (text.starts_with('&') || text.starts_with('!')) {
        text.remove_prefix(std::min(text.find_first_of(" \n"), text.size()));
        text.remove_prefix(std::min(text.find_first_not_of(" \t\n"), text.size()));
    }
    return text;
}

// Whether the quotes are closed in which a scalar at the front of `text` stands: yaml-cpp takes the end of the text for
// the missing one. True if it stands in none.
bool is_closed(std::string_view text)
{
    if (!text.starts_with('"') && !text.starts_with('\''))
        return true;
    const char quote = text[0];
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (quote == '"' && text[i] == '\\')
            ++i;
        else if (quote == '\'' && text.substr(i).starts_with("''"))
            ++i;
        else if (text[i] == quote)
            return true;
    }
    return false;
}

// Makes a tree of yaml-cpp's events. Its own node tree would hide duplicate keys, share aliases, and lose the kind of
// quotes; and the depth must be limited while its parser recurses.
class TreeBuilder : public YAML::EventHandler {
public:
    TreeBuilder(const Document& document, Report& report) : document_{document}, report_{report} {}

    Mark mark(const YAML::Mark& from) const
    {
        if (from.is_null())
            return {document_.line, 1};
        return {document_.line + static_cast<unsigned>(from.line), static_cast<unsigned>(from.column) + 1};
    }
    std::optional<Node> take() { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark& at) override
    {
        if (root_)
            throw Abandon{mark(at), Code::not_yaml, "text behind the end of the document",
                          "begin another document with a line `---`"};
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& at, YAML::anchor_t anchor) override
    {
        Node node;
        node.at = mark(at);
        finish(std::move(node), anchor, true);
    }

    void OnScalar(const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override
    {
        Node node;
        node.at = mark(at);
        if (value.size() > max_scalar_bytes)
            throw Abandon{node.at, Code::too_large,
                          fmt::format("a value of {} bytes, the limit is {}", value.size(), max_scalar_bytes)};
        const auto source = without_properties(
            document_.text.substr(std::min(static_cast<std::size_t>(at.pos), document_.text.size())));
        if (!is_closed(source))
            throw Abandon{node.at, Code::not_yaml, "no valid YAML: a quote is not closed",
                          "close it with the quote it began with"};
        // yaml-cpp's tags: "?" for a plain scalar, "!" for a quoted one, else the tag in the file.
        const bool plain = tag.empty() || tag == "?";
        if (!plain && tag != "!")
            refuse_tag(node.at, tag);
        node.text = value;
        if (plain) {
            resolve_scalar(node);
        } else {
            node.kind = Node::Kind::string;
            node.style = source.starts_with('|') || source.starts_with('>') ? Node::Style::block : Node::Style::quoted;
        }
        finish(std::move(node), anchor, plain);
    }

    void OnAlias(const YAML::Mark& at, YAML::anchor_t anchor) override
    {
        const auto known = anchors_.find(anchor);
        if (known == anchors_.end())
            throw Abandon{mark(at), Code::not_yaml, "an alias inside of what it stands for"};
        spend(mark(at), known->second.nodes);
        if (frames_.size() + depth(known->second) > max_depth)
            throw too_deep(mark(at));
        finish(known->second, YAML::NullAnchor, false);
    }

    void OnSequenceStart(const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override
    {
        open(Node::Kind::sequence, mark(at), tag, anchor);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value style) override
    {
        open(Node::Kind::map, mark(at), tag, anchor);
        if (style == YAML::EmitterStyle::Flow)
            frames_.back().node.style = Node::Style::flow;
    }
    void OnMapEnd() override { close(); }

private:
    // A sequence or map that is not complete yet.
    struct Frame {
        Node node;
        YAML::anchor_t anchor = YAML::NullAnchor;
        std::optional<Node::Member> pending;  // its value comes next
        bool skip_value = false;              // its key was faulty
        std::map<std::string, unsigned> keys; // -> line
        std::vector<Node::Member> merges;     // values of `<<`
    };

    static std::size_t depth(const Node& node)
    {
        std::size_t below = 0;
        for (const auto& item : node.items)
            below = std::max(below, depth(item));
        for (const auto& member : node.members)
            below = std::max(below, depth(member.value));
        const bool container = node.kind == Node::Kind::sequence || node.kind == Node::Kind::map;
        return below + (container ? 1 : 0);
    }

    static Abandon too_deep(Mark at)
    {
        return {at, Code::too_large, fmt::format("lists and maps are nested more than {} deep", max_depth)};
    }

    void spend(Mark at, std::size_t nodes)
    {
        nodes_ += nodes;
        if (nodes_ > max_nodes)
            throw Abandon{at, Code::too_large,
                          fmt::format("the document has more than {} values, its aliases written out", max_nodes)};
    }

    void refuse_tag(Mark at, const std::string& tag)
    {
        report_.error(Code::bad_value, at, fmt::format("a manifest has no tags like {}", cited(tag)),
                      "remove the tag; put quotes around what is to be text");
    }

    void open(Node::Kind kind, Mark at, const std::string& tag, YAML::anchor_t anchor)
    {
        if (frames_.size() == max_depth)
            throw too_deep(at);
        if (!tag.empty() && tag != "?" && tag != "!")
            refuse_tag(at, tag);
        Frame frame;
        frame.node.kind = kind;
        frame.node.at = at;
        frame.anchor = anchor;
        frames_.push_back(std::move(frame));
    }

    void close()
    {
        auto frame = std::move(frames_.back());
        frames_.pop_back();
        for (auto& merge : frame.merges)
            merge_into(frame.node, std::move(merge));
        for (const auto& item : frame.node.items)
            frame.node.nodes += item.nodes;
        for (const auto& member : frame.node.members)
            frame.node.nodes += member.value.nodes;
        finish(std::move(frame.node), frame.anchor, false);
    }

    // A value is complete: remember it if it has an anchor, and put it where it belongs.
    void finish(Node node, YAML::anchor_t anchor, bool plain)
    {
        spend(node.at, 1);
        if (anchor != YAML::NullAnchor) {
            spend(node.at, node.nodes);
            anchors_[anchor] = node;
        }
        if (frames_.empty()) {
            root_ = std::move(node);
            return;
        }
        auto& frame = frames_.back();
        if (frame.node.kind == Node::Kind::sequence) {
            frame.node.items.push_back(std::move(node));
        } else if (frame.skip_value) {
            frame.skip_value = false;
        } else if (!frame.pending) {
            take_key(frame, std::move(node), plain);
        } else {
            auto member = std::move(*frame.pending);
            frame.pending.reset();
            // What is not there is best pointed at by its key.
            if (node.kind == Node::Kind::null)
                node.at = member.key_at;
            member.value = std::move(node);
            auto& members = member.key == "<<" ? frame.merges : frame.node.members;
            members.push_back(std::move(member));
        }
    }

    void take_key(Frame& frame, Node key, bool plain)
    {
        if (key.kind == Node::Kind::null || key.kind == Node::Kind::sequence || key.kind == Node::Kind::map) {
            report_.error(Code::wrong_type, key.at, "a key must be a word");
            frame.skip_value = true;
            return;
        }
        if (key.text == "<<" && !plain) {
            report_.error(Code::unknown_key, key.at, "unknown key `<<`", "write a merge key without quotes");
            frame.skip_value = true;
            return;
        }
        const auto [first, is_new] = frame.keys.emplace(key.text, key.at.line);
        if (!is_new) {
            report_.error(Code::duplicate_key, key.at,
                          fmt::format("key {} is given twice, first in line {}", cited(key.text), first->second),
                          "keep one of the two");
            frame.skip_value = true;
            return;
        }
        frame.pending = Node::Member{std::move(key.text), key.at, {}};
    }

    // The map's own keys win, and of several merged maps the first one (yaml.org/type/merge.html).
    void merge_into(Node& map, Node::Member merge)
    {
        const auto is_map = [](const Node& node) { return node.kind == Node::Kind::map; };
        auto& value = merge.value;
        const bool usable =
            is_map(value) || (value.kind == Node::Kind::sequence && std::ranges::all_of(value.items, is_map));
        if (!usable) {
            report_.error(Code::wrong_type, merge.key_at, "`<<` takes an alias of a map, or a list of such aliases");
            return;
        }
        const auto merge_one = [&map](Node& from) {
            for (auto& member : from.members)
                if (map.find(member.key) == nullptr)
                    map.members.push_back(std::move(member));
        };
        if (is_map(value))
            merge_one(value);
        else
            std::ranges::for_each(value.items, merge_one);
    }

    const Document& document_;
    Report& report_;
    std::vector<Frame> frames_;
    std::map<YAML::anchor_t, Node> anchors_;
    std::optional<Node> root_;
    std::size_t nodes_ = 0;
};

bool is_indented_by_tab(std::string_view line)
{
    const auto indent = line.substr(0, line.find_first_not_of(" \t"));
    return indent.find('\t') != std::string_view::npos;
}

struct Words {
    std::string_view yaml_cpp; // its message begins so
    const char* message;
    const char* suggestion;
};

constexpr Words words[] = {
    {"end of sequence flow not found", "a `[` is not closed", "close it with `]`"},
    {"end of map flow not found", "a `{` is not closed", "close it with `}`"},
    {"end of map not found", "this is no key of the map above",
     "keys of one map begin in the same column; a colon stands behind each"},
    {"end of sequence not found", "this is no item of the list above", "items of one list begin in the same column"},
    {"illegal map value", "a colon where no value may begin", "put quotes around a value that has a colon in it"},
    {"unknown token", "a value cannot begin with this character", "put quotes around the value"},
    {"the referenced anchor is not defined", "an alias of something that is not there",
     "define it above in the same document with `&`"},
};

void report_syntax(const YAML::Exception& fault, Mark at, Report& report)
{
    // yaml-cpp trips over a tab a line later at the latest, and says something else.
    for (const auto line : {at.line, at.line - 1}) {
        if (line != 0 && is_indented_by_tab(report.line(line))) {
            const auto column = report.line(line).find('\t') + 1;
            report.error(Code::not_yaml, {line, static_cast<unsigned>(column)}, "YAML does not allow tabs to indent",
                         "indent with spaces");
            return;
        }
    }
    // What looks like a space, a dash or a quote, and is none.
    for (const auto line : {at.line, at.line - 1}) {
        const auto text = line == 0 ? std::string_view{} : report.line(line);
        if (const auto odd = odd_characters(text.substr(0, text.find('#'))); !odd.empty()) {
            report.error(Code::not_yaml, at, fmt::format("no valid YAML, perhaps for {} in line {}", odd, line),
                         "write plain spaces, quotes, colons and dashes");
            return;
        }
    }
    const auto* known =
        std::ranges::find_if(words, [&fault](const Words& row) { return fault.msg.starts_with(row.yaml_cpp); });
    if (known != std::end(words))
        report.error(Code::not_yaml, at, fmt::format("no valid YAML: {}", known->message), known->suggestion);
    else
        report.error(Code::not_yaml, at, "no valid YAML: " + printable(fault.msg));
}

// What is missing at the document's end is missing on its last line, not on the first one of the next document.
Mark within(const Document& document, Mark at, const Report& report)
{
    const auto last = document.text.find_last_not_of(" \t\n");
    const auto lines = std::ranges::count(document.text.substr(0, last), '\n');
    const auto last_line = document.line + static_cast<unsigned>(lines);
    if (at.line <= last_line)
        return at;
    return {last_line, static_cast<unsigned>(report.line(last_line).size()) + 1};
}

} // namespace

const Node::Member* Node::find(std::string_view key) const
{
    const auto member = std::ranges::find(members, key, &Member::key);
    return member == members.end() ? nullptr : &*member;
}

std::optional<Node> parse_document(const Document& document, Report& report)
{
    TreeBuilder builder{document, report};
    try {
        std::istringstream stream{std::string{document.text}};
        YAML::Parser parser{stream};
        while (parser.HandleNextDocument(builder))
            ; // a second one is refused by OnDocumentStart
        return builder.take();
    } catch (const Abandon& abandon) {
        report.error(abandon.code, abandon.at, abandon.message, abandon.suggestion);
    } catch (const YAML::Exception& fault) {
        report_syntax(fault, within(document, builder.mark(fault.mark), report), report);
    }
    return std::nullopt;
}

} // namespace parker
