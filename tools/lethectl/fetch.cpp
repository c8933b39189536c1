// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tools/lethectl/fetch.h"

#include <curl/curl.h>

#include <charconv>
#include <memory>
#include <optional>

namespace lethe::lethectl {
namespace {

using admin::Failure;
using admin::Status;

struct Free {
    void operator()(CURLU* url) const { curl_url_cleanup(url); }
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
    void operator()(char* text) const { curl_free(text); }
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Url = std::unique_ptr<CURLU, Free>;

std::string part(CURLU* url, CURLUPart which) {
    char* text = nullptr;
    if (curl_url_get(url, which, &text, 0) != CURLUE_OK) return {};
    const std::unique_ptr<char, Free> owned(text);
    return text;
}

bool is_this_machine(std::string_view host) {
    // Digits to the end: 127.example is somebody else's name.
    return host == "localhost" || host == "[::1]" || (host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos);
}

Failure wrong(const std::string& text) { return {.status = Status::usage, .text = text}; }

struct Answer {
    std::string body;
    std::size_t most = 0;
    std::optional<std::uint64_t> begins;  ///< by its Content-Range
    bool too_long = false;
};

std::size_t take_body(char* data, std::size_t, std::size_t size, void* to) {
    auto& answer = *static_cast<Answer*>(to);
    answer.too_long = size > answer.most - answer.body.size();
    if (answer.too_long) return 0;  // which ends the transfer
    answer.body.append(data, size);
    return size;
}

std::size_t take_field(char* data, std::size_t, std::size_t size, void* to) {
    constexpr std::string_view name = "content-range: bytes ";
    std::string_view line(data, size);
    if (line.size() < name.size()) return size;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const char c = line[i] >= 'A' && line[i] <= 'Z' ? static_cast<char>(line[i] + 32) : line[i];
        if (c != name[i]) return size;
    }
    line.remove_prefix(name.size());
    std::uint64_t first = 0;
    const auto [rest, error] = std::from_chars(line.data(), line.data() + line.size(), first);
    if (error == std::errc{} && rest != line.data() + line.size() && *rest == '-') static_cast<Answer*>(to)->begins = first;
    return size;
}

std::string_view remedy(CURLcode code) {
    switch (code) {
        case CURLE_PEER_FAILED_VERIFICATION: return "; if the server signed its certificate itself, get that from the operator and name it with --ca";
        case CURLE_SSL_CACERT_BADFILE: return "; name a certificate in PEM with --ca";
        case CURLE_PROXY:
        case CURLE_COULDNT_RESOLVE_PROXY: return "; see whether the proxy named with --proxy runs";
        default: return "; see whether it and the network are up";
    }
}

/// What is the same for every request.
void set_up(CURL* handle, const Origin& origin, Answer& answer, char* error) {
    constexpr long connect_seconds = 60, stalled_seconds = 60;
    const auto set = [handle](CURLoption option, auto value) { curl_easy_setopt(handle, option, value); };
    set(CURLOPT_URL, origin.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_PROXY, origin.proxy.c_str());
    set(CURLOPT_NOPROXY, "");
    if (!origin.ca.empty()) {
        set(CURLOPT_CAINFO, origin.ca.c_str());
        set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
    }
    set(CURLOPT_TIMEOUT, static_cast<long>(origin.timeout.count()));
    set(CURLOPT_CONNECTTIMEOUT, connect_seconds);
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, stalled_seconds);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_ERRORBUFFER, error);
    set(CURLOPT_WRITEFUNCTION, take_body);
    set(CURLOPT_WRITEDATA, &answer);
    set(CURLOPT_HEADERFUNCTION, take_field);
    set(CURLOPT_HEADERDATA, &answer);
}

}  // namespace

std::expected<CheckedUrl, Failure> check_url(const std::string& text, const std::string& proxy) {
    const Url url(curl_url());
    const bool readable = url && curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) == CURLUE_OK;
    const std::string scheme = readable ? part(url.get(), CURLUPART_SCHEME) : "", host = readable ? part(url.get(), CURLUPART_HOST) : "";
    if (host.empty() || (scheme != "http" && scheme != "https"))
        return std::unexpected(wrong(text + " is no web address; write for example https://chat.example/policy/ledger"));
    if (!part(url.get(), CURLUPART_USER).empty() || !part(url.get(), CURLUPART_FRAGMENT).empty())
        return std::unexpected(wrong(text + " has a user name or a fragment, which a ledger's address has not; leave it out"));
    if (scheme == "http" && !is_this_machine(host) && !host.ends_with(".onion"))
        return std::unexpected(wrong(text + " is not encrypted, which is for this machine and onion services only; write https://"));
    if (!proxy.empty() && !proxy.starts_with("socks5h://"))
        return std::unexpected(wrong("--proxy takes a SOCKS5 proxy that also resolves names, for example socks5h://127.0.0.1:9050"));
    if (host.ends_with(".onion") && proxy.empty())
        return std::unexpected(wrong(text + " is an onion service, which is reached through Tor; name its proxy, for example --proxy socks5h://127.0.0.1:9050"));
    const std::string path = part(url.get(), CURLUPART_PATH);
    if (path.empty() || path == "/") curl_url_set(url.get(), CURLUPART_PATH, "/policy/ledger", 0);
    return CheckedUrl{.url = part(url.get(), CURLUPART_URL), .host = host};
}

std::expected<Fetched, Failure> fetch(const Origin& origin, std::uint64_t from, std::size_t most) {
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    const std::unique_ptr<CURL, Free> handle(ready == CURLE_OK ? curl_easy_init() : nullptr);
    if (!handle) return std::unexpected(Failure{Status::system, "libcurl cannot be used; see whether there is memory left"});
    Answer answer{.body = {}, .most = most};
    std::string error(CURL_ERROR_SIZE, '\0');
    set_up(handle.get(), origin, answer, error.data());
    const std::string range = std::to_string(from) + '-';
    if (from > 0) curl_easy_setopt(handle.get(), CURLOPT_RANGE, range.c_str());
    const auto begun = std::chrono::steady_clock::now();
    const CURLcode code = curl_easy_perform(handle.get());
    if (answer.too_long) return std::unexpected(Failure{Status::system, origin.url + " serves more than the " + std::to_string(most >> 20) + " MiB that a ledger may have; see what is there"});
    // Else a single step took too long: to connect, or to send one byte. libcurl rounds its times.
    constexpr std::chrono::seconds rounding{1};
    if (code == CURLE_OPERATION_TIMEDOUT && std::chrono::steady_clock::now() - begun + rounding > origin.timeout)
        return std::unexpected(Failure{Status::system, origin.url + " did not answer to the end in the time that --timeout gives it; see whether it and the network are up, or give it more"});
    if (code != CURLE_OK) {
        const std::string said = error.front() != '\0' ? error.c_str() : curl_easy_strerror(code);
        return std::unexpected(Failure{Status::system, origin.url + " cannot be read: " + said + std::string(remedy(code))});
    }
    long status = 0;
    curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status == 200) return Fetched{.what = Fetched::What::whole, .body = std::move(answer.body)};
    if (status == 206 && from > 0 && answer.begins == from) return Fetched{.what = Fetched::What::part, .body = std::move(answer.body)};
    if (status == 416 && from > 0) return Fetched{.what = Fetched::What::shorter, .body = {}};
    return std::unexpected(Failure{Status::system, origin.url + " answered with status " + std::to_string(status) + " and no ledger; see whether the address is right"});
}

}  // namespace lethe::lethectl
