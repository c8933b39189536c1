// SPDX-License-Identifier: AGPL-3.0-or-later
#include "tests/unit/net/net_fixture.h"

#include <arpa/inet.h>
#include <asio/post.hpp>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "server/mbedtls_compat.h"

namespace lethe::test {

Directory::Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "lethe-net-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
}

Directory::~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
}

std::string Directory::write(const std::string& name, const std::string& text, unsigned mode) const {
    std::ofstream(file(name), std::ios::binary) << text;
    REQUIRE(::chmod(file(name).c_str(), mode) == 0);
    return file(name);
}

std::string output_of(const std::string& command) {
    FILE* pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::string text;
    std::array<char, 4096> buffer{};
    while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) text.append(buffer.data(), n);
    INFO(command, " said: ", text);
    REQUIRE(::pclose(pipe) == 0);
    return text;
}

namespace {

/// `openssl ca` is the one way in every OpenSSL 3 to choose both dates freely.
const char* const ca_settings = R"([ca]
default_ca = own
[own]
database = index
serial = serial
new_certs_dir = .
policy = any
default_md = sha256
unique_subject = no
[any]
commonName = supplied
)";

const Directory& certificates() {
    static const Directory made = [] {
        Directory d;
        const std::string in = "cd " + d.path.string() + " && ";
        d.write("ca.cnf", ca_settings);
        output_of(in + "for n in ec:EC:ec_paramgen_curve:P-256 rsa:RSA:rsa_keygen_bits:2048; do IFS=:; set -- $n; "
                       "openssl genpkey -quiet -algorithm $2 -pkeyopt $3:$4 -out $1.key 2>/dev/null || "
                       "openssl genpkey -algorithm $2 -pkeyopt $3:$4 -out $1.key 2>/dev/null; done; chmod 600 *.key");
        auto issue = [&](const std::string& name, const std::string& key, const std::string& md, const std::string& from,
                         const std::string& to) {
            output_of(in + "rm -f index* serial*; touch index; echo 01 > serial; openssl req -new -key " + key +
                      ".key -subj /CN=chat.example -out r.csr && openssl ca -batch -selfsign -notext -config ca.cnf -in r.csr -keyfile " + key +
                      ".key -md " + md + " -startdate " + from + " -enddate " + to + " -out " + name + ".pem 2>ca.log || { cat ca.log; false; }");
        };
        issue("ec", "ec", "sha256", "20200101000000Z", "20491231000000Z");
        issue("rsa", "rsa", "sha256", "20200101000000Z", "20491231000000Z");
        issue("sha1", "ec", "sha1", "20200101000000Z", "20491231000000Z");
        issue("sha384", "rsa", "sha384", "20200101000000Z", "20491231000000Z");
        issue("expired", "ec", "sha256", "20200101000000Z", "20200201000000Z");
        issue("future", "ec", "sha256", "20480101000000Z", "20491231000000Z");
        return d;
    }();
    return made;
}

}  // namespace

std::string certificate(const std::string& name) { return certificates().file(name + ".pem"); }

std::string key(const std::string& name) {
    return certificates().file((name == "rsa" || name == "sha384" ? "rsa" : "ec") + std::string(".key"));
}

std::shared_ptr<net::TlsContext> context(const std::string& name, std::vector<std::string> alpn) {
    auto loaded = net::TlsContext::load(
        {.certificate_path = certificate(name), .key_path = key(name), .alpn = std::move(alpn)});
    REQUIRE_MESSAGE(loaded.has_value(), (loaded ? "" : loaded.error()));
    return *loaded;
}

std::string peer_command(std::uint16_t port, const std::string& scenario, const std::string& version) {
    return "python3 " LETHE_NET_PEER " " + std::to_string(port) + "/" + version + " " + scenario;
}

std::string peer(std::uint16_t port, const std::string& scenario, const std::string& version) {
    std::string line = output_of(peer_command(port, scenario, version));
    if (!line.empty() && line.back() == '\n') line.pop_back();
    return line;
}

std::vector<std::string> versions() {
    return mbedtls_compat::has_tls13 ? std::vector<std::string>{"1.2", "1.3"} : std::vector<std::string>{"1.2"};
}

Process::Process(const std::string& command) {
    std::array<int, 2> to{}, from{};
    REQUIRE(::pipe2(to.data(), O_CLOEXEC) == 0);
    REQUIRE(::pipe2(from.data(), O_CLOEXEC) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
        ::dup2(to[0], 0);
        ::dup2(from[1], 1);
        ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
        ::_exit(127);
    }
    ::close(to[0]);
    ::close(from[1]);
    in_ = to[1];
    out_ = from[0];
}

Process::~Process() {
    ::close(in_);
    ::close(out_);
    ::waitpid(pid_, nullptr, 0);
}

std::string Process::line() {
    std::string text;
    char c = 0;
    while (::read(out_, &c, 1) == 1 && c != '\n') text.push_back(c);
    return text;
}

void Process::say(const std::string& text) {
    REQUIRE(::write(in_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

Pair::Pair(asio::io_context& io) {
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(acceptor.local_endpoint().port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    stream = std::make_shared<net::Stream>(acceptor.accept());
}

Pair::~Pair() { hang_up(); }

void Pair::hang_up() {
    if (fd >= 0) ::close(fd);
    fd = -1;
}

void Pair::send(std::string_view bytes) {
    REQUIRE(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

std::string Pair::receive(std::size_t size) {
    std::string got(size, '\0');
    std::size_t have = 0;
    while (have < size) {
        const ssize_t n = ::recv(fd, got.data() + have, size - have, 0);
        if (n <= 0) break;
        have += static_cast<std::size_t>(n);
    }
    got.resize(have);
    return got;
}

Server::Server(Serve serve) {
    auto opened = net::Listener::open(io, "127.0.0.1:0");
    REQUIRE(opened.has_value());
    listener_ = std::move(*opened);
    port_ = listener_->port();
    listener_->start([this, serve](asio::ip::tcp::socket socket) {
        auto stream = std::make_shared<net::Stream>(std::move(socket));
        asio::co_spawn(io, serve(stream, this), asio::detached);
    });
    core_ = std::thread([this] { io.run(); });
}

Server::~Server() {
    asio::post(io, [this] { listener_->stop(); });
    core_.join();
    pool.join();
}

namespace {

/// Apart from the loop, so that no buffer lies in a frame that waits.
asio::awaitable<bool> echo_once(std::shared_ptr<net::Stream> stream) {
    std::array<char, 4096> buffer{};
    auto reading = stream->read(buffer);
    const auto got = co_await std::move(reading);
    if (!got) co_return false;
    auto writing = stream->write(std::string_view(buffer.data(), *got));
    const auto written = co_await std::move(writing);
    co_return written.has_value();
}

}  // namespace

asio::awaitable<void> echo_tls(std::shared_ptr<net::Stream> stream, Server* server, std::shared_ptr<net::TlsContext> context) {
    auto starting = stream->start_tls(context, server->pool);
    const auto started = co_await std::move(starting);
    bool alive = started.has_value();
    while (alive) {
        auto waiting = stream->wait_readable();
        const auto readable = co_await std::move(waiting);
        if (!readable) break;
        auto echoing = echo_once(stream);
        alive = co_await std::move(echoing);
    }
    stream->close();
}

Server::Serve echo_with(std::shared_ptr<net::TlsContext> context) {
    return [context](std::shared_ptr<net::Stream> stream, Server* server) { return echo_tls(stream, server, context); };
}

}  // namespace lethe::test
