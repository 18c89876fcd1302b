// SPDX-License-Identifier: LGPL-2.1-or-later
#include <catch2/catch.hpp>

#include "machine/kernel_words.h"

using parker::relevant_words;
using Words = std::vector<std::string>;

TEST_CASE("the words of a kernel that matter to partitions are found")
{
    CHECK(relevant_words("").empty());
    CHECK(relevant_words("root=/dev/sda1 ro quiet").empty());
    CHECK(relevant_words("ro  no_ipi_broadcast=1 nosmt\tisolcpus=2-3,6 quiet") ==
          Words{"no_ipi_broadcast=1", "nosmt", "isolcpus=2-3,6"});
    CHECK(relevant_words("a=\"x nosmt y\" iommu=pt") == Words{"iommu=pt"});               // quoted
    CHECK(relevant_words("intremap=off -- nosmt") == Words{"intremap=off"});              // init's
    CHECK(relevant_words("\"no-ipi-broadcast=1\" a") == Words{"\"no-ipi-broadcast=1\""}); // as the kernel reads it
    CHECK(relevant_words("nosmtx xnosmt iommu.strict=1").empty());
}
