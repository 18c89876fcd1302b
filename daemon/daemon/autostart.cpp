// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/autostart.h"

#include <fstream>
#include <utility>

#include "control/state_file.h"

namespace parker {

Seen::Seen(std::filesystem::path file) : file_{std::move(file)}
{
    if (file_.empty())
        return;
    std::ifstream stream{file_};
    for (std::string name; std::getline(stream, name);)
        names_.insert(name);
}

bool Seen::add(const std::string& name)
{
    const bool added = names_.insert(name).second;
    changed_ = changed_ || added;
    return added;
}

void Seen::remove(const std::string& name)
{
    changed_ = names_.erase(name) > 0 || changed_;
}

void Seen::save()
{
    if (!std::exchange(changed_, false) || file_.empty())
        return;
    std::string text;
    for (const auto& name : names_)
        text += name + '\n';
    write_state(file_, text);
}

} // namespace parker
