// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/autostart.h"

#include <cstdio>
#include <fstream>
#include <utility>

#include "base/error.h"

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
    if (added)
        save();
    return added;
}

void Seen::remove(const std::string& name)
{
    if (names_.erase(name) > 0)
        save();
}

void Seen::save() const
{
    if (file_.empty())
        return;
    auto fresh = file_;
    fresh += ".new";
    {
        std::ofstream stream{fresh, std::ios::trunc};
        for (const auto& name : names_)
            stream << name << '\n';
        if (!stream.flush())
            throw_errno(Code::failed, fresh, "writing");
    }
    if (std::rename(fresh.c_str(), file_.c_str()) != 0)
        throw_errno(Code::failed, file_, "renaming");
}

} // namespace parker
