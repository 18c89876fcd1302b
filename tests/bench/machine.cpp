// SPDX-License-Identifier: LGPL-2.1-or-later
// bench-machine SYSROOT: reads that machine, and nothing else.
#include "machine/read.h"

#include <cstdlib>
#include <iostream>

#include "base/error.h"

using namespace parker;

int main(int argc, char** argv)
{
    if (argc != 2) {
        std::cerr << "usage: bench-machine SYSROOT\n";
        return 2;
    }
    try {
        const auto machine = read_machine({argv[1], {}});
        std::cout << machine.online.size() << " CPUs, " << machine.nodes.size() << " nodes, "
                  << machine.functions.size() << " PCI functions\n";
    } catch (const Error& error) {
        std::cerr << error.what() << '\n';
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
