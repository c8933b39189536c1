// SPDX-License-Identifier: AGPL-3.0-or-later
// What the fuzz targets share: libFuzzer's entry point, or without libFuzzer a main() that mutates seeds in a
// repeatable way.
//
//   fuzz_x [ITERATIONS [SEED]]     mutate; the same seed makes the same inputs
//   fuzz_x FILE                    run one input
//
// A failed check or a sanitizer's report leaves the input in the file crash-input of the working directory.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lethe::fuzz {

/// Each target defines these three.
void run(std::string_view input);
std::vector<std::string> seeds();
std::vector<std::string> words();  ///< pieces worth inserting

/// A property that must hold for every input.
void require(bool holds, const char* what);

}  // namespace lethe::fuzz
