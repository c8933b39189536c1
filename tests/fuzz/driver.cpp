// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tests/fuzz/driver.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace lethe::fuzz {
namespace {

std::string current;

void keep_input() { std::ofstream("crash-input", std::ios::binary) << current; }

}  // namespace

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "does not hold: %s\n", what);
    keep_input();
    std::abort();
}

}  // namespace lethe::fuzz

#ifdef LETHE_LIBFUZZER

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    lethe::fuzz::run({reinterpret_cast<const char*>(data), size});
    return 0;
}

#else

namespace lethe::fuzz {
namespace {

constexpr std::size_t usual_size = 2048;

class Mutator {
public:
    explicit Mutator(std::uint64_t seed) : random_(seed), pool_(seeds()), words_(words()) {
        // Room for a seed to grow.
        for (const auto& one : pool_) max_size_ = std::max(max_size_, one.size() * 5 / 4);
    }

    std::string next() {
        std::string input = pick(pool_);
        // Mostly little is changed: a reader stops at the first error.
        for (std::size_t n = 1 + below(1 + below(5)); n > 0; --n) mutate(input);
        if (input.size() > max_size_) input.resize(max_size_);
        // Without feedback from coverage, keeping some results is what lets changes add up.
        if (below(32) == 0) pool_[below(pool_.size())] = input;
        if (below(256) == 0) pool_ = seeds();
        return input;
    }

private:
    std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }
    const std::string& pick(const std::vector<std::string>& from) { return from[below(from.size())]; }

    void mutate(std::string& s) {
        const std::size_t at = below(s.size() + 1), size = std::min(below(32), s.size() - at);
        switch (below(7)) {
            case 0:
                if (at < s.size()) s[at] = static_cast<char>(s[at] ^ (1 << below(8)));
                break;
            case 1:
                if (at < s.size()) s[at] = static_cast<char>(random_());
                break;
            case 2:
                s.erase(at, size);
                break;
            case 3:
                s.insert(at, s.substr(below(s.size() + 1), 32));
                break;
            case 4:
                s.insert(at, pick(words_));
                break;
            case 5: {
                const std::string& other = pick(pool_);
                s = s.substr(0, at) + other.substr(below(other.size() + 1));
                break;
            }
            case 6:
                s.insert(at, 1, static_cast<char>(random_()));
                break;
        }
    }

    std::mt19937_64 random_;
    std::vector<std::string> pool_, words_;
    std::size_t max_size_ = usual_size;
};

void run_noted(std::string input) {
    current = std::move(input);
    run(current);
}

}  // namespace
}  // namespace lethe::fuzz

int main(int argc, char** argv) {
    using namespace lethe::fuzz;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_set_death_callback(keep_input);
#endif
    char* end = nullptr;
    const unsigned long iterations = argc > 1 ? std::strtoul(argv[1], &end, 10) : 20'000;
    if (argc > 1 && *end) {
        std::ifstream file(argv[1], std::ios::binary);
        if (!file) {
            std::fprintf(stderr, "%s cannot be read\n", argv[1]);
            return 3;
        }
        run_noted(std::string(std::istreambuf_iterator<char>(file), {}));
        return 0;
    }
    const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
    for (std::string& s : seeds()) run_noted(std::move(s));
    Mutator mutator(seed);
    for (unsigned long i = 0; i < iterations; ++i) run_noted(mutator.next());
    std::printf("%lu inputs from seed %llu\n", iterations, static_cast<unsigned long long>(seed));
}

#endif
