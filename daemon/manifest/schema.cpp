// SPDX-License-Identifier: LGPL-2.1-or-later
#define VALIJSON_USE_EXCEPTIONS 1 // else it aborts
#include "manifest/schema.h"

#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "manifest/schema_words.h"
#include "manifest/utf8.h"

namespace parker {
namespace {

using nlohmann::json;

// valijson's form of the schema beside the document itself, which has the texts.
struct Schema {
    Schema() : document(json::parse(partition_schema))
    {
        valijson::SchemaParser{}.populateSchema(valijson::adapters::NlohmannJsonAdapter{document}, parsed);
    }
    json document;
    valijson::Schema parsed;
};

const Schema& schema()
{
    static const Schema instance;
    return instance;
}

json to_json(const Node& node)
{
    switch (node.kind) {
    case Node::Kind::null:
        return nullptr;
    case Node::Kind::boolean:
        return node.boolean;
    case Node::Kind::integer:
        // What does not fit is beyond each limit of the schema; its sign is all that matters.
        if (!node.integer)
            return node.text.starts_with('-') ? INT64_MIN : INT64_MAX;
        return *node.integer;
    case Node::Kind::real:
        return 0.5; // wrong everywhere: the language has no such numbers
    case Node::Kind::string:
        return node.text;
    case Node::Kind::sequence: {
        auto array = json::array();
        for (const auto& item : node.items)
            array.push_back(to_json(item));
        return array;
    }
    case Node::Kind::map: {
        auto object = json::object();
        for (const auto& member : node.members)
            object.emplace(member.key, to_json(member.value));
        return object;
    }
    }
    return nullptr;
}

// Follows valijson's context, "<root>", "[cpus]", "[0]", through the document and the schema at once.
std::optional<Place> locate(const std::vector<std::string>& context, const Node& root)
{
    Place place{&root, &schema().document, root.at, {}};
    for (std::size_t i = 1; i < context.size(); ++i) {
        std::string_view step = context[i];
        if (!step.starts_with('[') || !step.ends_with(']'))
            return std::nullopt;
        step = step.substr(1, step.size() - 2);
        const auto next = place.node->kind == Node::Kind::sequence ? enter_item(place, step, schema().document)
                                                                   : enter_member(place, step, schema().document);
        if (!next)
            return std::nullopt;
        place = *next;
    }
    return place;
}

bool is_below(const std::vector<std::string>& context, const std::vector<std::string>& ancestor)
{
    return context.size() > ancestor.size() && std::equal(ancestor.begin(), ancestor.end(), context.begin());
}

} // namespace

const json& schema_document()
{
    return schema().document;
}

Faults check_schema(const Node& root, Report& report)
{
    // The regular expressions are compiled once a thread.
    thread_local valijson::Validator validator;
    const auto document = to_json(root);
    const valijson::adapters::NlohmannJsonAdapter adapter{document};
    valijson::ValidationResults results;
    Faults faults;
    if (validator.validate(schema().parsed, adapter, &results))
        return faults;

    // valijson says where something is wrong, also for each level above, in words that are not for users. What it is
    // follows from the schema at that place.
    std::map<std::vector<std::string>, std::string> places; // -> the first description
    for (const auto& result : results)
        places.emplace(result.context, result.description);

    // It has no word of its own for a map whose keys are refused by "propertyNames": these are one level further down.
    for (const auto& result : results) {
        const auto place = locate(result.context, root);
        if (!place)
            continue;
        for (const auto& member : place->node->members) {
            auto context = result.context;
            context.push_back('[' + member.key + ']');
            const auto below = enter_member(*place, member.key, schema().document);
            if (below && below->schema->contains("propertyNames"))
                places.emplace(std::move(context), std::string{});
        }
    }

    const std::vector<std::string> version{"<root>", "[apiVersion]"};
    if (places.contains(version)) {
        places = {{version, places[version]}};
        faults.other_language = true;
    }

    std::set<std::vector<std::string>> worded;
    // Deepest first, so that a level that is at fault only for what is below it is known as such.
    for (auto at = places.rbegin(); at != places.rend(); ++at) {
        const auto& [context, description] = *at;
        const auto place = locate(context, root);
        const auto before = report.errors();
        if (place && word_faults(*place, schema().document, report))
            faults.values.insert(place->node);
        if (report.errors() != before) {
            worded.insert(context);
            continue;
        }
        const auto below = worded.upper_bound(context);
        if (below != worded.end() && is_below(*below, context)) {
            worded.insert(context);
            continue;
        }
        if (!description.empty())
            report.error(Code::bad_value, place ? place->at : root.at, printable(description));
    }
    return faults;
}

} // namespace parker
