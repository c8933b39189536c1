// SPDX-License-Identifier: AGPL-3.0-or-later
#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>

#include "retention/toml_file.h"
#include "server/admin/password_rule.h"
#include "server/admin/prompt.h"
#include "tools/lethectl/commands.h"
#include "tools/lethectl/terminal.h"

namespace lethe::lethectl {
namespace {

using Action = std::function<int()>;

/// Options of the whole command line, and what the chosen command will do.
struct Line {
    Common common;
    InitOptions init;
    LedgerOptions ledger;
    AuditOptions audit;
    OutageOptions outage;
    InviteOptions invite;
    std::string config_dir;
    std::string account;
    std::string file, other_file, url;
    PageKind page = PageKind::text;
    bool password_stdin = false;
    Action action;
};

/// What the help of a command says at its end.
struct Footer {
    const char* example;
    const char* refused = nullptr;  ///< when the exit status is 1; null: never
    bool server = true;             ///< asks the server, or works on its files: the options of `lethectl` itself mean something
};

CLI::App* command(CLI::App& parent, Line& line, const char* name, const char* does, const Footer& footer, Action action) {
    CLI::App* sub = parent.add_subcommand(name, does);
    std::string text = "Example:\n  " + std::string(footer.example) + "\n\nExit status: 0 done, ";
    if (footer.refused) text += "1 " + std::string(footer.refused) + ", ";
    text += "2 wrong usage or configuration, 3 system error.";
    if (footer.server) text += "\nBefore or after the command: --config FILE, --passphrase-fd N (see lethectl --help).";
    sub->footer(text);
    sub->callback([&line, action = std::move(action)] { line.action = action; });
    return sub;
}

std::string not_empty(const std::string& given) { return given.empty() ? "an empty name names nothing" : ""; }

void add_json(CLI::App* sub, Line& line) { sub->add_flag("--json", line.common.json, "print JSON"); }

void add_init(CLI::App& app, Line& line) {
    auto* sub = command(app, line, "init",
                        "Make a node key, a self-signed certificate (valid for two years), lethe.toml, "
                        "policy.toml and an empty data directory. "
                        "Nothing that exists is overwritten.",
                        {"lethectl init --domain chat.example\n  lethectl init --domain chat.example --node-key passphrase", "something stands where it would write"},
                        [&line] {
                            line.init.config_file = line.config_dir.empty() ? line.common.config
                                                                            : line.config_dir + "/lethe.toml";
                            line.init.passphrase_fd = line.common.passphrase_fd;
                            return init(line.init);
                        });
    sub->add_option("--domain", line.init.domain, "what follows the @ in your users' addresses")
        ->required()
        ->type_name("D");
    sub->add_option("--policy", line.init.policy_file,
                    "the policy to start with; default: the one in policy-examples/default.toml")
        ->type_name("FILE");
    sub->add_option("--config-dir", line.config_dir,
                    "where the key and the configuration go; default: the directory of --config")
        ->type_name("DIR")
        ->check(not_empty);
    sub->add_option("--data-dir", line.init.data_dir, "where everything is stored")
        ->type_name("DIR")
        ->check(not_empty)
        ->capture_default_str();
    sub->add_option("--node-key", line.init.node_key,
                    "\"file\": readable as it lies there; \"passphrase\": sealed by one, which lethed asks for at each start")
        ->type_name("KIND")
        ->check(CLI::IsMember({"file", "passphrase"}))
        ->capture_default_str();
}

CLI::App* account_command(CLI::App& account, Line& line, const char* name, const char* does,
                          const Footer& footer, AccountAction action) {
    auto* sub = command(account, line, name, does, footer, [&line, action] {
        return change_account(line.common, action, line.account, line.password_stdin);
    });
    sub->add_option("JID", line.account, "the account's address")->required()->type_name("");
    return sub;
}

void add_account(CLI::App& app, Line& line) {
    auto* account = app.add_subcommand("account", "Create and change accounts");
    account->require_subcommand(1);
    account->footer("Example:\n  lethectl account add romeo@chat.example");
    auto* add = account_command(
        *account, line, "add",
        "Create an account; its password is asked for. Whoever knows it can read the account.",
        {"lethectl account add romeo@chat.example", "it exists already, or there may be no more accounts"}, AccountAction::add);
    auto* reset = account_command(*account, line, "reset",
                                  "Give an account a new password and a new, empty vault. Contacts and "
                                  "messages of the old one can never be read again.",
                                  {"lethectl account reset romeo@chat.example", "there is no such account"}, AccountAction::reset);
    for (auto* sub : {add, reset})
        sub->add_flag("--password-stdin", line.password_stdin,
                      "read the password, of at least " + std::to_string(admin::shortest_password) + " characters, from standard input, one line");
    account_command(*account, line, "suspend", "End an account's sessions and let it log in no more",
                    {"lethectl account suspend romeo@chat.example", "there is no such account, or it is suspended already"}, AccountAction::suspend);
    account_command(*account, line, "unsuspend", "Let a suspended account log in again",
                    {"lethectl account unsuspend romeo@chat.example", "there is no such account, or it is not suspended"}, AccountAction::unsuspend);
    account_command(*account, line, "erase", "Erase an account by destroying its key. This cannot be undone.",
                    {"lethectl account erase romeo@chat.example", "there is no such account"}, AccountAction::erase);
    auto* count = command(*account, line, "count", "Print how many accounts there are",
                          {"lethectl account count"}, [&line] { return count_accounts(line.common); });
    add_json(count, line);
}

void add_rest(CLI::App& app, Line& line) {
    auto* upload = app.add_subcommand("upload", "Take away files that users sent");
    upload->require_subcommand(1);
    upload->footer("Example:\n  lethectl upload remove https://chat.example/f/TOKEN/NAME");
    auto* remove = command(*upload, line, "remove", "Remove one file, by its address: the only thing that finds it",
                           {"lethectl upload remove https://chat.example/f/TOKEN/NAME", "there is no file at this address, or not any more"},
                           [&line] { return remove_upload(line.common, line.url); });
    remove->add_option("URL", line.url, "the address that was shared")->required()->type_name("");

    auto* policy = app.add_subcommand("policy", "Work with data policies");
    policy->require_subcommand(1);
    policy->footer("Example:\n  lethectl policy check policy.toml");
    auto* check = command(*policy, line, "check",
                          "Check a policy file and explain each mistake",
                          {"lethectl policy check policy.toml", "the file has a mistake", false}, [&line] { return check_policy(line.file); });
    check->add_option("FILE", line.file, "the policy")->required()->type_name("");

    auto* diff = command(*policy, line, "diff",
                         "Print each key that differs between two policies and which way it goes: tighter (acts at once), looser (acts after the "
                         "notice that OLD promises), or no promise (acts at once).",
                         {"lethectl policy diff policy.toml new-policy.toml", "something is looser", false}, [&line] { return diff_policies(line.common, line.file, line.other_file); });
    diff->add_option("OLD", line.file, "the policy that users know")->required()->type_name("");
    diff->add_option("NEW", line.other_file, "the policy to come")->required()->type_name("");
    add_json(diff, line);
    add_json(command(*policy, line, "show", "Print the policy that the server obeys, and the one that waits for the end of its notice",
                     {"lethectl policy show", "no server has run with this data directory yet"}, [&line] { return show_policy(line.common); }),
             line);
    auto* render = command(*policy, line, "render",
                           "Print a policy as a page for people, in the languages that it names: what is stored, for how long, who can read it",
                           {"lethectl policy render --html policy.toml > policy.html", "without FILE: no server has run with this data directory yet"}, [&line] { return render_policy(line.common, line.page, line.file); });
    render->add_option("FILE", line.file, "the policy; default: the one in force, with what is announced")->type_name("");
    auto* kind = render->add_option_group("Format", "How it is printed:");
    kind->add_flag_callback("--text", [&line] { line.page = PageKind::text; }, "plain text (the default)");
    kind->add_flag_callback("--markdown", [&line] { line.page = PageKind::markdown; }, "Markdown");
    kind->add_flag_callback("--html", [&line] { line.page = PageKind::html; }, "one HTML file without scripts that loads nothing");
    kind->require_option(0, 1);

    add_json(command(app, line, "catalogue",
                     "Print what is stored, who can read it, how long it is kept and what erases it",
                     {"lethectl catalogue --json"}, [&line] { return show_catalogue(line.common); }),
             line);
    add_json(command(app, line, "sweep", "Destroy now what is due, and print how many buckets that were",
                     {"lethectl sweep", "the clock is in doubt, so nothing is destroyed"}, [&line] { return sweep(line.common); }),
             line);
    add_json(command(app, line, "status",
                     "Print aggregates: accounts, buckets, the next deadline, and of a running server "
                     "whether it could read its policy and certificate at the last SIGHUP, "
                     "whether the disk took the last change, its clock, its ledger and its alarms",
                     {"lethectl status --json", "there is an alarm, or something is overdue or quarantined"},
                     [&line] { return status(line.common); }),
             line);
}

void add_ledger(CLI::App& app, Line& line) {
    auto* ledger = app.add_subcommand("ledger", "Check the signed record of what the server promised and destroyed");
    ledger->require_subcommand(1);
    ledger->footer("Example:\n  lethectl ledger verify ledger.jsonl --key KEY");
    command(*ledger, line, "key", "Print the public key that the ledger is signed with, for publishing", {"lethectl ledger key"},
            [&line] { return print_ledger_key(line.common); });
    auto* verify = command(*ledger, line, "verify",
                           "Check that one key signed every line in this order. Needs no other file and no secret",
                           {"lethectl ledger verify ledger.jsonl --key KEY", "the ledger does not hold", false}, [&line] { return verify_ledger_file(line.common, line.ledger); });
    auto* watch = command(*ledger, line, "watch",
                          "Compare a ledger, in a file or as a server serves it, with what it was at the last look: reports what was cut off, rewritten or back-dated since",
                          {"lethectl ledger watch https://chat.example --key KEY --every 1h\n  lethectl ledger watch ledger.jsonl --state seen.json",
                           "something was cut off, rewritten or back-dated, or the ledger does not hold", false},
                          [&line] { return watch_ledger(line.common, line.ledger); });
    for (auto* sub : {verify, watch}) {
        sub->add_option(sub == watch ? "FILE|URL" : "FILE", line.ledger.file, sub == watch ? "the ledger; of a server https://HOST will do" : "the ledger")->required()->type_name("");
        sub->add_option("--key", line.ledger.key, "the published key, 64 hexadecimal digits; default: the one that the file names (at later looks of watch: the one of the last look), "
                        "which shows only that the file is consistent")->type_name("K");
    }
    watch->add_option("--state", line.ledger.state, "where to keep what was seen; default: FILE.watched beside the ledger or its copy")->type_name("FILE");
    watch->add_option("--every", line.ledger.every, "look again and again, so far apart, until there is a finding; who cannot be reached is tried again; default: one look")->type_name("SPAN");
    watch->add_option("--copy", line.ledger.copy, "of a URL: where to keep what it served; default: HOST.ledger.jsonl here")->type_name("FILE")->check(not_empty);
    watch->add_option("--ca", line.ledger.ca, "of a URL: the certificate to trust, if the server signed it itself; default: those that the system trusts")->type_name("FILE")->check(not_empty);
    watch->add_option("--proxy", line.ledger.proxy, "of a URL: the way to an onion service, as socks5h://127.0.0.1:9050; proxies of the environment are not used")->type_name("PROXY")->check(not_empty);
    watch->add_option("--timeout", line.ledger.timeout, "of a URL: how long an answer may take in all, from connecting to its last byte; default: 15min")->type_name("SPAN");
    add_json(verify, line);
    add_json(watch, line);

    auto* clock = app.add_subcommand("clock", "Settle a doubt about the clock");
    clock->require_subcommand(1);
    clock->footer("Example:\n  lethectl clock accept");
    command(*clock, line, "accept",
            "Declare the clock right after it went back by more than an hour or jumped by more than a day. No bucket lives longer than its lifetime from now.",
            {"lethectl clock accept"}, [&line] { return accept_clock(line.common); });
}

void add_audit(CLI::App& app, Line& line) {
    auto* sub = command(app, line, "audit",
                        "Hold a data directory against its policy, without any key of the server: live, or a copy of it. Exit status 0 only "
                        "if all holds.",
                        {"lethectl audit /var/lib/lethe --policy policy.toml --html audit.html", "there is a finding", false},
                        [&line] { return audit_directory(line.audit, line.common.json); });
    sub->add_option("DIR", line.audit.directory, "the data directory")->required()->type_name("");
    sub->add_option("--policy", line.audit.policy_file, "the published policy; default: the one that stands in the directory, as the server left it")->type_name("FILE");
    sub->add_option("--key", line.audit.key, "the ledger's published key, 64 hexadecimal digits; default: the one that the ledger names, which proves less")->type_name("K");
    sub->add_option("--html", line.audit.html_file, "write the report as one page, too")->type_name("FILE")->check(not_empty);
    sub->add_option("--at", line.audit.at, "when the copy was made, as 2026-11-22T18:54:00Z: deadlines are judged as of then; default: now")
        ->type_name("TIME");
    add_json(sub, line);
}

void add_outage(CLI::App& app, Line& line) {
    auto* sub = command(app, line, "outage",
                        "Print what clients are to find at the addresses in [outage] of lethe.toml while the server cannot answer (XEP-0455). Put it there "
                        "yourself: they are best on another machine.",
                        {"lethectl outage --planned --from 2026-11-28T20:00:00Z --until 2026-11-28T21:00:00Z \\\n"
                         "    --message \"The server is being updated.\" --message-in de=\"Der Server wird erneuert.\" > status.json\n"
                         "  lethectl outage --over > status.json",
                         nullptr, false},
                        [&line] { return print_outage(line.outage); });
    auto* over = sub->add_flag("--over", line.outage.over, "nothing is wrong (any more)");
    const auto exclude = [over](CLI::Option* option) { return option->excludes(over); };
    exclude(sub->add_flag("--planned", line.outage.planned, "it was planned"));
    exclude(sub->add_option("--from", line.outage.from, "when it begins, as 2026-11-22T18:54:00Z; default: now"))->type_name("TIME");
    exclude(sub->add_option("--until", line.outage.until, "when it will be over, if that is known"))->type_name("TIME");
    auto* text = exclude(sub->add_option("--message", line.outage.message, "what to tell people"))->type_name("TEXT")->check(not_empty);
    exclude(sub->add_option("--message-in", line.outage.messages, "the same in another language, as de=TEXT; may be given again"))
        ->type_name("LANG=TEXT")
        ->expected(1)
        ->take_all()
        ->needs(text);
}

void add_invite(CLI::App& app, Line& line) {
    auto* sub = command(app, line, "invite",
                        "Make an invitation: a link, and its QR code on a terminal, with which somebody makes an account. The policy must allow it "
                        "(registration = \"invite\" or \"open\" under [accounts]).",
                        {"lethectl invite --days 3 --uses 20", "the policy in force knows no invitations"}, [&line] { return invite(line.common, line.invite); });
    sub->add_option("--days", line.invite.days, "how long it is good; default: 7, or as long as the policy keeps invitations")->type_name("N")->check(CLI::Range(1, 36500));
    sub->add_option("--uses", line.invite.uses, "how many accounts can be made with it; default: 1")->type_name("N")->check(CLI::Range(1, 1000));
    add_json(sub, line);
}

/// The names that may follow `at`.
std::vector<std::string> names_below(const CLI::App& at) {
    std::vector<std::string> names;
    for (const auto* sub : at.get_subcommands([](const CLI::App*) { return true; })) names.push_back(sub->get_name());
    return names;
}

/// What CLI11 found wrong, as one sentence about the command that the line got to.
std::string mistake(const CLI::App& app, const CLI::ParseError& error) {
    const CLI::App* at = &app;
    std::string path = at->get_name();
    for (auto below = at->get_subcommands(); !below.empty(); below = at->get_subcommands()) {
        at = below.front();
        path += ' ' + at->get_name();
    }
    std::string what = error.what();
    const auto names = names_below(*at);
    const auto left = app.remaining(true);
    if (!names.empty() && left.empty() && dynamic_cast<const CLI::RequiredError*>(&error)) {
        what = path + " needs a command:";
        for (std::size_t i = 0; i < names.size(); ++i) what += (i == 0 ? " " : i + 1 == names.size() ? " or " : ", ") + names[i];
    } else if (!names.empty() && !left.empty()) {
        const bool option = left.front().starts_with('-');
        what = path + " has no " + (option ? "option " : "command ") + left.front();
        if (!option) what += retention::suggestion(left.front(), names);
    } else if (what.ends_with(" missing") && what.find(':') != what.npos) {
        what.resize(what.find(':'));  // "--domain: 1 required D missing"
        what += " needs a value";
    } else if (what.starts_with("The ")) {
        what[0] = 't';
    }
    return what + "; see " + path + " --help";
}

/// CLI11 has an exit code for each kind of mistake; ours is one.
int parse(CLI::App& app, int argc, char** argv) {
    try {
        app.parse(argc, argv);
        return 0;
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app.exit(error) == 0 ? -1 : 2;
        message(mistake(app, error));
        return 2;
    }
}

int run(int argc, char** argv) {
    Line line;
    CLI::App app{"Set up and look after a Lethe server.", "lethectl"};
    app.fallthrough();
    app.require_subcommand(1);
    app.set_version_flag("--version", "lethectl " LETHE_VERSION);
    app.footer(
        "Examples:\n  lethectl init --domain chat.example\n  lethectl account add romeo@chat.example\n\n"
        "Exit status: 0 done, 1 what was asked does not hold, 2 wrong usage or configuration, 3 system "
        "error.");
    app.add_option("--config", line.common.config, "the server's lethe.toml")
        ->type_name("FILE")
        ->capture_default_str();
    app.add_option_function<std::string>(
           "--passphrase-fd",
           [&line](const std::string& text) {
               const auto fd = admin::parse_descriptor(text);
               if (!fd) throw CLI::ValidationError("--passphrase-fd " + text, fd.error());
               line.common.passphrase_fd = *fd;
           },
           "read the node key's passphrase from this descriptor instead of asking on the terminal")
        ->type_name("N");
    add_init(app, line);
    add_account(app, line);
    add_audit(app, line);
    add_rest(app, line);
    add_ledger(app, line);
    add_outage(app, line);
    add_invite(app, line);

    const int parsed = parse(app, argc, argv);
    if (parsed != 0) return std::max(parsed, 0);
    const int code = line.action();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
        message("standard output cannot be written; the result is incomplete");
        return 3;
    }
    return code;
}

}  // namespace
}  // namespace lethe::lethectl

int main(int argc, char** argv) { return lethe::lethectl::run(argc, argv); }
