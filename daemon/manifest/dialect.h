// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "manifest/report.h"
#include "manifest/tree.h"

namespace parker {

// Makes of a document what it means in the manifest's language, where other writers of YAML put it in another form.
// Programs that speak YAML 1.1 (Ansible, Salt, Helm, PyYAML) read `off` as false and write that; templates put quotes
// around numbers; a block keeps the line end behind its last line; null stands for what is not set. All of it is here,
// before the schema is asked, and in parker.d(5):
//  - false, no or off, where the word `off` may stand, is that word;
//  - yes, no, on and off, without quotes, are true and false where those may stand;
//  - a whole number in quotes is a number where one must stand;
//  - a block's last line end is left out, but for credentials;
//  - a key whose value is null is as if it were not there, unless it must be.
// A number that YAML 1.1 and 1.2 read differently, 010, is refused.
void take_dialects(Node& root, Report& report);

} // namespace parker
