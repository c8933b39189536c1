// SPDX-License-Identifier: AGPL-3.0-or-later
// For LD_PRELOAD: what the kernel says of its clock's synchronisation, and the time since the machine's
// start, come from the file that LETHE_TEST_CLOCK names: "0 SECONDS" or "1 SECONDS", whether it is
// synchronised, and what is added to the time since the start.
#include <dlfcn.h>
#include <sys/timex.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>

namespace {

struct Said {
    int synchronised = 0;
    long ahead = 0;
};
Said said() {
    Said out;
    const char* const path = std::getenv("LETHE_TEST_CLOCK");
    std::FILE* const file = path ? std::fopen(path, "re") : nullptr;
    if (!file) std::abort();
    if (std::fscanf(file, "%d %ld", &out.synchronised, &out.ahead) != 2) std::abort();
    std::fclose(file);
    return out;
}

}  // namespace

extern "C" {

int adjtimex(struct timex* asked) noexcept {
    const bool good = said().synchronised != 0;
    asked->status = good ? 0 : STA_UNSYNC;
    return good ? TIME_OK : TIME_ERROR;
}

int clock_gettime(clockid_t which, struct timespec* out) noexcept {
    using Real = int (*)(clockid_t, struct timespec*);
    static const auto real = reinterpret_cast<Real>(::dlsym(RTLD_NEXT, "clock_gettime"));
    const int code = real(which, out);
    if (code == 0 && which == CLOCK_BOOTTIME) out->tv_sec += said().ahead;
    return code;
}
}
