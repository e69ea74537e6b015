// The program as its user meets it: help, output, and for every kind of bad input one sentence with the value and the way out, the
// documented exit code, and an intact trace so far.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/cli/process.h"

using namespace ringside::tests;
using namespace std::chrono_literals;

namespace {

Outcome ringside_with(std::vector<std::string> arguments, const Setup& setup = {}) {
  arguments.insert(arguments.begin(), RINGSIDE_PROGRAM);
  return run(arguments, setup);
}

std::string flat(const std::string& name) { return std::string(RINGSIDE_BINARY_DIR) + "/guests/flat/" + name + ".bin"; }

std::string teaching() { return std::string(RINGSIDE_BINARY_DIR) + "/guests/teaching.elf64"; }

// A run of a flat guest: `ringside run -k NAME.bin --start-mode MODE ...`.
std::vector<std::string> run_flat(const std::string& name, const std::string& mode, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"run", "-k", flat(name), "--start-mode", mode, "--timeout", "30"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

// Nothing on standard output; on standard error one sentence of the program that has all of `words`; and the exit code.
void check_refused(const Outcome& outcome, int code, std::initializer_list<std::string_view> words) {
  INFO(outcome.err);
  CHECK(outcome.code == code);
  CHECK(outcome.out.empty());
  CHECK(outcome.err.starts_with("ringside: "));
  CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
  for (const auto word : words) {
    INFO(word);
    CHECK(outcome.err.find(word) != std::string::npos);
  }
}

nlohmann::json json_of(const Outcome& outcome) {
  INFO(outcome.out << outcome.err);
  auto json = nlohmann::json::parse(outcome.out, nullptr, false);
  REQUIRE(!json.is_discarded());
  return json;
}

nlohmann::json info_of(const std::string& trace) { return json_of(ringside_with({"info", trace, "--verify", "--json"})); }

}  // namespace

// --- help and description ------------------------------------------------------------------------------------------------

TEST_CASE("every command explains itself with examples, and no text is missing") {
  const Outcome main = ringside_with({"--help"});
  CHECK(main.code == 0);
  for (const auto word : {"run", "stats", "export", "events", "info", "schema", "doctor", "screen", "completion", "Exit codes", "130"})
    CHECK(main.out.find(word) != std::string::npos);
  for (const auto command : {"run", "stats", "export", "events", "info", "schema", "doctor", "screen", "walk", "completion", "version"}) {
    INFO(command);
    const Outcome help = ringside_with({command, "--help"});
    CHECK(help.code == 0);
    CHECK(help.out.find("cli.") == std::string::npos);  // a key shown instead of its text
    CHECK(ringside_with({"help", command}).out == help.out);
    if (std::string(command) != "version") CHECK(help.out.find("Examples:") != std::string::npos);
  }
  CHECK(main.out.find("cli.") == std::string::npos);
}

TEST_CASE("completion scripts name every option") {
  for (const auto shell : {"bash", "zsh", "fish"}) {
    const Outcome script = ringside_with({"completion", shell});
    CHECK(script.code == 0);
    for (const auto word : {"max-instructions", "start-mode", "protected", "--verify"})
      CHECK((script.out.find(word) != std::string::npos || script.out.find(std::string(word).substr(2)) != std::string::npos));
  }
  const TemporaryFolder folder;
  const std::string script = folder.write("bash", ringside_with({"completion", "bash"}).out);
  const Outcome answer = run({"/bin/bash", "-c",
                              "source " + script + "; COMP_WORDS=(ringside run --mac); COMP_CWORD=2; _ringside; echo ${COMPREPLY[@]};"
                              "COMP_WORDS=(ringside run --machine k); COMP_CWORD=3; _ringside; echo ${COMPREPLY[@]}"});
  CHECK(answer.out == "--machine\nkvm\n");
  CHECK(answer.err.empty());
}

TEST_CASE("--version and version agree, also as JSON") {
  const std::string version = json_of(ringside_with({"version", "--json"}))["version"];
  CHECK(ringside_with({"--version"}).out == "ringside " + version + "\n");
}

// --- usage errors ----------------------------------------------------------------------------------------------------------

TEST_CASE("unknown commands, options and values") {
  check_refused(ringside_with({"rnu"}), 2, {"'rnu'", "did you mean 'run'", "stats"});
  check_refused(ringside_with({"run", "--kernle", "x"}), 2, {"--kernle", "did you mean '--kernel'", "ringside run --help"});
  check_refused(ringside_with({"run", "--frobnicate"}), 2, {"--frobnicate", "ringside run --help"});
  check_refused(ringside_with({"stats", "a.rst", "b.rst"}), 2, {"b.rst"});
  check_refused(ringside_with({"stats"}), 2, {"trace"});
  check_refused(ringside_with({"run", "-k"}), 2, {"--kernel"});
  check_refused(ringside_with({"run"}), 2, {"--kernel"});
  check_refused(ringside_with({"run", "-k", "x", "--memory", "12Q"}), 2, {"--memory", "12Q", "256M"});
  check_refused(ringside_with({"run", "-k", "x", "--timeout", "soon"}), 2, {"--timeout", "soon"});
  check_refused(ringside_with({"run", "-k", "x", "--max-exits", "-1"}), 2, {"--max-exits"});
  check_refused(ringside_with({"run", "-k", "x", "--start-mode", "unreal"}), 2, {"unreal", "protected"});
  check_refused(ringside_with({"completion", "tcsh"}), 2, {"tcsh", "bash"});
  const Outcome nothing = ringside_with({});
  CHECK(nothing.code == 2);
  CHECK(nothing.err.find("Exit codes") != std::string::npos);
}

TEST_CASE("unknown and impossible combinations") {
  check_refused(ringside_with({"run", "-k", "x", "--machine", "kmv"}), 2, {"'kmv'", "did you mean 'kvm'"});
  check_refused(ringside_with({"run", "-k", "x", "--technique", "recompile"}), 2, {"'recompile'", "does not exist yet", "native"});
  check_refused(ringside_with({"run", "-k", "x", "--paging", "direct"}), 2, {"--paging direct", "technique pv", "native"});
  check_refused(ringside_with({"run", "-k", "x", "--technique", "pv"}), 2, {"technique pv", "--paging direct"});
  check_refused(ringside_with({"run", "-k", "x", "--isa", "strict"}), 2, {"--isa strict", "native"});
  check_refused(ringside_with({"run", "-k", "x", "--isa", "arm"}), 2, {"'arm'", "strict"});
  check_refused(ringside_with({"run", "-k", "x", "--table-writes", "traced"}), 2, {"--table-writes", "native"});
  check_refused(ringside_with({"run", "-k", "x", "--bt-adaptive", "off"}), 2, {"--bt-adaptive", "native"});
  check_refused(ringside_with({"run", "-k", "x", "--level", "exits"}), 2, {"--level", "-o"});
  check_refused(ringside_with({"run", "-k", "x", "--start-mode", "real", "--initrd", "y"}), 2, {"--initrd"});
  check_refused(ringside_with({"run", "-k", "x", "--memory", "64K"}), 2, {"64 KiB", "1 MiB"});
}

TEST_CASE("a cap of the monitor's memory that is too small is refused, one that is small is kept") {
  for (const std::string paging : {"shadow", "nested", "agile"}) {
    INFO(paging);
    const std::vector<std::string> run = {"run", "-k", teaching(), "--technique", "hw", "--paging", paging, "--timeout", "50", "--monitor-memory"};
    const auto with = [&](const char* cap) { auto arguments = run; arguments.push_back(cap); return ringside_with(arguments); };
    check_refused(with("4K"), 2, {paging, "4 KiB", "--monitor-memory"});
    check_refused(with("0"), 2, {paging, "--monitor-memory"});
    const Outcome kept = with("1300K");
    INFO(kept.err);
    CHECK(kept.code == 0);
    CHECK(kept.out == read_file(RINGSIDE_SOURCE_DIR "/tests/guests/teaching/expected.txt"));
  }
  check_refused(ringside_with({"run", "-k", teaching(), "--monitor-memory", "4M"}), 2, {"--monitor-memory", "native"});
}

// --- comparing ---------------------------------------------------------------------------------------------------------------

TEST_CASE("compare: one workload under several techniques, with ratio and causes") {
  const auto json = json_of(ringside_with({"compare", "syscall", "--subject", "model/native,model/trap,model/hw/nested", "--cost-profile", "modern", "--json"}));
  REQUIRE(json["rows"].size() == 3);
  CHECK(json["workload"] == "syscall");
  CHECK(json["rows"][0]["ratio_to_native"] == 1.0);
  CHECK(json["rows"][1]["median"] > json["rows"][0]["median"]);
  CHECK(json["rows"][1]["causes"].get<std::string>().find("SYSTEM_CALL 1.00") != std::string::npos);
  CHECK(json["rows"][2]["exits"] == 0.0);
}

TEST_CASE("compare: what does not exist is refused, what does not end is a reason") {
  check_refused(ringside_with({"compare", "syscal"}), 2, {"'syscal'", "syscall"});
  check_refused(ringside_with({"compare", "in", "--subject", "model/vmx"}), 2, {"'model/vmx'", "model/hw/nested"});
  check_refused(ringside_with({"compare", "in", "--machine", "real"}), 2, {"'real'", "kvm"});
  check_refused(ringside_with({"compare", "in", "--cost-profile", "none-such"}), 3, {"none-such"});
  const Outcome missing = ringside_with({"compare", "in", "--subject", "model/native", "-k", "/nonexistent"});
  CHECK(missing.code == 1);
  CHECK(missing.out.find("/nonexistent") != std::string::npos);
}

// --- guest images ------------------------------------------------------------------------------------------------------------

TEST_CASE("modelled time: what makes no sense is refused in one sentence") {
  const auto with = [](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"run", "-k", teaching(), "--timeout", "30"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return ringside_with(arguments);
  };
  check_refused(with({"--mode", "detailled"}), 2, {"--mode", "did you mean 'detailed'"});
  check_refused(with({"--cost-profile", "skylke"}), 3, {"skylke"});
  check_refused(with({"--detailed-from", "marker"}), 2, {"--detailed-from", "'marker'", "symbol:"});
  check_refused(with({"--detailed-from", "symbol:no_such_function"}), 3, {"no_such_function", "teaching.elf64"});
  check_refused(with({"--mode", "fast", "--detailed-until", "marker:1"}), 2, {"--mode fast"});
  check_refused(with({"--detailed-from", "instructions:5", "--detailed-until", "instructions:5"}), 2, {"instructions:5"});
  check_refused(with({"--machine", "kvm", "--mode", "detailed"}), 2, {"--machine model"});
  check_refused(with({"--host", "type1"}), 2, {"--host"});
  check_refused(with({"--ept-leaf", "2M"}), 2, {"--ept-leaf"});
}

TEST_CASE("modelled time: a phase in detail, in the summary, in the trace and in the statistics") {
  const TemporaryFolder folder;
  const std::string trace = folder.path("phase.rst");
  const Outcome outcome = ringside_with({"run", "-k", teaching(), "--append", "workload=pgfault", "--technique", "hw", "--paging", "shadow",
                                         "--detailed-from", "marker:1", "--detailed-until", "marker:2", "-o", trace, "--json", "--timeout", "30"});
  const auto report = json_of(outcome);
  CHECK(report["cost_profile"] == "hyperbench-xeon");
  CHECK(report["cycles"]["monitor_shadow_fill"] > 0);
  CHECK(report["cycles"]["host_switch"] > 0);
  const auto stats = json_of(ringside_with({"stats", trace, "--json"}));
  CHECK(stats["run"]["cost_profile"] == "hyperbench-xeon");
  uint64_t sum = 0, phase = 0;
  for (const auto& [category, cycles] : stats["cycles"].items()) {
    CHECK(cycles == report["cycles"][category]);
    sum += cycles.get<uint64_t>();
  }
  for (const auto& [category, cycles] : stats["phases"][0]["cycles"].items()) phase += cycles.get<uint64_t>();
  CHECK(stats["phases"][0]["value"] == 1);
  CHECK(phase == sum);
  CHECK(phase == stats["phases"][0]["duration"]);
  CHECK(stats["phases"][1]["cycles"].empty());
  CHECK(ringside_with({"stats", trace}).out.find("monitor_shadow_fill") != std::string::npos);
}

TEST_CASE("missing, unreadable and malformed guest images") {
  const TemporaryFolder folder;
  check_refused(ringside_with({"run", "-k", folder.path("absent")}), 3, {"absent"});
  check_refused(ringside_with({"run", "-k", folder.path("")}), 3, {folder.path("")});
  check_refused(ringside_with({"run", "-k", folder.write("empty", "")}), 3, {"empty"});
  check_refused(ringside_with({"run", "-k", folder.write("noise", std::string(5000, 'x'))}), 3, {"noise"});
  check_refused(ringside_with({"run", "-k", folder.write("elf", std::string("\x7f" "ELF\x02\x01\x01", 7))}), 3, {});
  check_refused(ringside_with({"run", "-k", folder.write("header", std::string("\x7f" "ELF\x02\x01\x01", 7) + std::string(57, '\0'))}), 3, {});
  std::string bzimage(4096, '\0');
  bzimage[0x1fe] = '\x55', bzimage[0x1ff] = '\xaa', bzimage[0x1f1] = 4;
  bzimage.replace(0x202, 4, "HdrS");
  check_refused(ringside_with({"run", "-k", folder.write("bzimage", bzimage)}), 3, {});
}

TEST_CASE("images that do not fit into RAM") {
  check_refused(ringside_with({"run", "-k", flat("hello16"), "--start-mode", "real", "--load-address", "0x40000000"}), 2, {"0x40000000", "256 MiB"});
  check_refused(ringside_with({"run", "-k", teaching(), "--memory", "1M"}), 3, {"RAM"});
}

TEST_CASE("every truncation of a kernel is refused or runs, and never crashes") {
  const TemporaryFolder folder;
  const std::string image = read_file(teaching());
  REQUIRE(image.size() > 1000);
  for (size_t size = 1; size < image.size(); size += image.size() / 37) {
    INFO(size);
    const std::string part = folder.write("part.elf", image.substr(0, size));
    const Outcome outcome = ringside_with({"run", "-k", part, "-q", "--max-instructions", "1M"});
    INFO(outcome.err);
    CHECK((outcome.code == 3 || outcome.code == 6 || outcome.code == 1));
  }
}

TEST_CASE("an initrd that is missing or a trace that is none") {
  const TemporaryFolder folder;
  const std::string trace = folder.write("text.rst", "this is no trace, however long it may be\n");
  for (const auto command : {"stats", "info", "events"}) {
    check_refused(ringside_with({command, trace}), 3, {"text.rst"});
    check_refused(ringside_with({command, folder.path("absent.rst")}), 3, {"absent.rst"});
  }
  check_refused(ringside_with({"export", trace, "--format", "csv"}), 3, {"text.rst"});
  check_refused(ringside_with({"export", trace, "--format", "cvs"}), 2, {"cvs", "did you mean 'csv'"});
  check_refused(ringside_with({"export", trace, "-o", folder.path("x.unknown")}), 2, {"--format"});
}

// --- runs --------------------------------------------------------------------------------------------------------------------

TEST_CASE("a guest's console goes to standard output, the summary to standard error") {
  for (const auto& [guest, mode, text] : {std::tuple{"hello16", "real", "real"}, {"hello32", "protected", "protected"}, {"hello64", "long", "long"}}) {
    INFO(guest);
    const Outcome outcome = ringside_with(run_flat(guest, mode));
    INFO(outcome.err);
    CHECK(outcome.code == 0);
    CHECK(outcome.out.find(text) != std::string::npos);
    CHECK(outcome.err.find("exits") != std::string::npos);
    CHECK(ringside_with(run_flat(guest, mode, {"--quiet"})).out.empty());
  }
}

TEST_CASE("how the guest ends decides the exit code") {
  CHECK(ringside_with(run_flat("exit7", "real")).code == 1);
  CHECK(ringside_with(run_flat("halt", "real")).code == 1);
  const Outcome fault = ringside_with(run_flat("triple_fault32", "protected"));
  CHECK(fault.code == 1);
  for (const auto word : {"triple fault", "rip", "Last"}) CHECK(fault.err.find(word) != std::string::npos);
  CHECK(ringside_with(run_flat("loop", "real", {"--max-instructions", "100K"})).code == 6);
  CHECK(ringside_with(run_flat("out_loop", "real", {"--max-exits", "1000"})).code == 6);
  CHECK(ringside_with({"run", "-k", flat("loop"), "--start-mode", "real", "--timeout", "200ms"}).code == 6);
}

TEST_CASE("the summary as JSON") {
  const auto json = json_of(ringside_with(run_flat("exit7", "real", {"--json", "--quiet"})));
  CHECK(json["end"] == "debug-exit");
  CHECK(json["exit_value"] == 7);
  CHECK(json["exit_code"] == 1);
  CHECK(json["instructions"].get<uint64_t>() > 0);
  CHECK(json["exits"].get<uint64_t>() >= 1);
}

TEST_CASE("the teaching kernel is recognised and runs") {
  const Outcome outcome = ringside_with({"run", "-k", teaching(), "--timeout", "50"});
  INFO(outcome.err);
  CHECK(outcome.code == 0);
  CHECK(outcome.out == read_file(RINGSIDE_SOURCE_DIR "/tests/guests/teaching/expected.txt"));
}

TEST_CASE("the screen of a guest that draws one") {
  // mov ax,0xb800; mov ds,ax; mov dword [162],0x07690748 ("Hi" in row 1, column 1); hlt for ever
  const std::string code("\xb8\x00\xb8\x8e\xd8\x66\xc7\x06\xa2\x00\x48\x07\x69\x07\xf4\xeb\xfd", 17);
  const TemporaryFolder folder;
  const Outcome outcome = ringside_with({"screen", "-k", folder.write("draw.bin", code), "--start-mode", "real", "--json"});
  INFO(outcome.err);
  CHECK(outcome.code == 0);
  CHECK(outcome.err.find("halted") != std::string::npos);
  const auto rows = json_of(outcome)["rows"];
  CHECK(rows.size() == 25);
  CHECK(rows[0] == "");
  CHECK(rows[1] == " Hi");
}

TEST_CASE("the same run gives the same trace, byte for byte, whatever its file is called") {
  const TemporaryFolder folder;
  const std::string a = folder.path("a.rst"), b = folder.path("other.rst");
  REQUIRE(ringside_with(run_flat("hello64", "long", {"-o", a})).code == 0);
  REQUIRE(ringside_with(run_flat("hello64", "long", {"-o", b, "--quiet"})).code == 0);
  CHECK(!read_file(a).empty());
  CHECK(read_file(a) == read_file(b));
}

TEST_CASE("a trace can be counted, listed and exported") {
  const TemporaryFolder folder;
  const std::string trace = folder.path("t.rst");
  REQUIRE(ringside_with(run_flat("hello16", "real", {"-o", trace, "--workload", "greeting"})).code == 0);
  const auto info = info_of(trace);
  CHECK(info["complete"] == true);
  CHECK(info["machine"] == "model");
  CHECK(info["workload"] == "greeting");
  CHECK(info["damaged_chunks"] == 0);
  CHECK(ringside_with({"stats", trace}).out.find("Samples") != std::string::npos);
  CHECK(json_of(ringside_with({"stats", trace, "--json"})).is_object());
  const Outcome events = ringside_with({"events", trace, "--kind", "port", "--where", "port=0xe9", "--count", "2"});
  CHECK(events.code == 0);
  CHECK(std::count(events.out.begin(), events.out.end(), '\n') == 2);
  CHECK(events.out.find("value=0x72") != std::string::npos);  // the r of "real"
  for (const auto format : {"csv", "perfetto", "jsonl"}) {
    INFO(format);
    const Outcome exported = ringside_with({"export", trace, "--format", format});
    if (exported.code != 2) CHECK(!exported.out.empty());
  }
  check_refused(ringside_with({"events", trace, "--where", "prot=1"}), 2, {"'prot'", "did you mean 'port'"});
  check_refused(ringside_with({"events", trace, "--kind", "exits"}), 2, {"'exits'", "did you mean 'exit'"});
}

// --- page walks ----------------------------------------------------------------------------------------------------------

namespace {

std::vector<std::string> walk_guest(std::vector<std::string> more) {
  std::vector<std::string> arguments = {"walk", "-k", teaching(), "-m", "64M", "--until-marker", "2", "--timeout", "50"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

}  // namespace

TEST_CASE("a page walk in a guest: native, shadow, nested and agile side by side, and as a picture") {
  const TemporaryFolder folder;
  const std::string svg = folder.path("walk.svg"), dot = folder.path("walk.dot");
  const Outcome outcome = ringside_with(walk_guest({"--address", "0x104000", "--svg", svg, "--dot", dot}));
  INFO(outcome.out << outcome.err);
  CHECK(outcome.code == 0);
  for (const auto word : {"native: 4 references", "shadow: 4 references", "nested: 24 references", "agile: ", "translated to 0x104000"})
    CHECK(outcome.out.find(word) != std::string::npos);
  CHECK(read_file(dot).starts_with("digraph"));
  const std::string picture = read_file(svg);
  CHECK(picture.find("</svg>") != std::string::npos);
  CHECK(picture.find("24. nested 1") != std::string::npos);

  // Looking again shows the same: the peek left nothing behind.
  CHECK(ringside_with(walk_guest({"--address", "0x104000"})).out == outcome.out);
  const auto json = json_of(ringside_with(walk_guest({"--address", "0x104000", "--technique", "hw", "--paging", "nested", "--json"})));
  REQUIRE(json.size() == 1);
  CHECK(json[0]["references"] == 24);
  CHECK(json[0]["rows"][0]["table"] == "nested 4");
}

TEST_CASE("a page walk that does not translate is shown, not refused") {
  const Outcome outcome = ringside_with(walk_guest({"--address", "0x7fff00000000", "--user", "--access", "write", "--technique", "native"}));
  CHECK(outcome.code == 0);
  for (const auto word : {"not present", "page fault, error code 0x6", "write of 0x7fff00000000 by user"}) {
    INFO(outcome.out << word);
    CHECK(outcome.out.find(word) != std::string::npos);
  }
}

TEST_CASE("page walks in traces: by event, by address, several side by side, and in the statistics") {
  const TemporaryFolder folder;
  std::vector<std::string> traces;
  for (const std::string paging : {"none", "nested"}) {
    traces.push_back(folder.path(paging + ".rst"));
    std::vector<std::string> run = {"run", "-k", teaching(), "-m", "64M", "--timeout", "50", "-q", "--level", "walks", "-o", traces.back()};
    if (paging != "none") run.insert(run.end(), {"--technique", "hw", "--paging", paging});
    REQUIRE(ringside_with(run).code == 0);
  }
  const Outcome long_walk = ringside_with({"events", traces[1], "--kind", "walk", "--where", "outcome=translated", "--count", "1", "--json"});
  const auto event = json_of(long_walk);
  const Outcome one = ringside_with({"walk", traces[1], "--at", std::to_string(event["event"].get<uint64_t>())});
  INFO(one.out << one.err);
  CHECK(one.code == 0);
  CHECK(one.out.find("event " + std::to_string(event["event"].get<uint64_t>())) != std::string::npos);
  CHECK(one.out.find("nested: " + std::to_string(event["references"].get<uint64_t>()) + " references") != std::string::npos);

  const Outcome both = ringside_with({"walk", traces[0], traces[1], "--address", "0x104000"});
  CHECK(both.code == 0);
  for (const auto word : {"native", "hw / nested", " | ", "0x104"}) CHECK(both.out.find(word) != std::string::npos);
  CHECK(ringside_with({"walk", traces[0], traces[1], "--address", "0x104000", "--list"}).out.find(" | ") == std::string::npos);

  const auto memory = json_of(ringside_with({"stats", traces[1], "--json"}))["memory"];
  CHECK(memory["walks"].get<uint64_t>() > 100);
  CHECK(memory["by_mode"]["nested"]["walks"] == memory["walks"]);
  CHECK(memory["operations"]["violation"].get<uint64_t>() > 0);
  CHECK(memory["most_table_bytes"].get<uint64_t>() > 4096);
  CHECK(ringside_with({"stats", traces[1]}).out.find("references per TLB miss") != std::string::npos);
  CHECK(ringside_with({"export", traces[1], "--format", "csv"}).out.find("nested4/0@0x8000000000") != std::string::npos);
  CHECK(ringside_with({"export", traces[1], "--format", "jsonl"}).out.find("\"operation\":\"violation\"") != std::string::npos);

  check_refused(ringside_with({"walk", traces[0], "--at", "99999999"}), 2, {"99999999", "none.rst"});
  check_refused(ringside_with({"walk", traces[0], "--at", "0"}), 2, {"event 0", "events --kind walk"});
  check_refused(ringside_with({"walk", traces[0], "--address", "0x7fff00000000"}), 2, {"0x7fff00000000", "events --kind walk"});
  check_refused(ringside_with({"walk", traces[0]}), 2, {"--at", "--address"});
  check_refused(ringside_with({"walk", traces[0], "--at", "many"}), 2, {"many"});
}

TEST_CASE("bad questions about page walks") {
  const TemporaryFolder folder;
  const std::string trace = folder.path("exits.rst");
  REQUIRE(ringside_with(run_flat("hello64", "long", {"-q", "-o", trace})).code == 0);
  check_refused(ringside_with({"walk", trace, "--at", "1"}), 2, {"exits.rst", "--level walks"});
  check_refused(ringside_with({"walk"}), 2, {"traces", "-k"});
  check_refused(ringside_with({"walk", trace, "-k", teaching(), "--address", "0"}), 2, {"traces", "-k"});
  check_refused(ringside_with(walk_guest({})), 2, {"--address"});
  check_refused(ringside_with(walk_guest({"--address", "0x104000", "--at", "5"})), 2, {"--at", "--until-marker"});
  check_refused(ringside_with(walk_guest({"--address", "0x8000000000000000"})), 2, {"0x8000000000000000", "canonical"});
  check_refused(ringside_with(walk_guest({"--address", "somewhere"})), 2, {"somewhere", "--address"});
  check_refused(ringside_with(walk_guest({"--address", "0x104000", "--access", "jump"})), 2, {"jump", "fetch"});
  check_refused(ringside_with(walk_guest({"--address", "0x104000", "--machine", "kvm"})), 2, {"kvm", "model"});
  check_refused(ringside_with(walk_guest({"--address", "0x104000", "--technique", "trap"})), 2, {"trap", "--level walks"});
  check_refused(ringside_with(run_flat("hello64", "long", {"-q", "-o", trace, "--level", "instructions"})), 2, {"instructions", "--level walks"});
  check_refused(ringside_with(run_flat("hello64", "long", {"--until-marker", "0x100000000"})), 2, {"--until-marker", "4294967296"});
  const Outcome unwritable = ringside_with(walk_guest({"--address", "0x104000", "--technique", "native", "--svg", folder.path("no/such/walk.svg")}));
  CHECK(unwritable.code == 5);
  CHECK(unwritable.err.find("walk.svg") != std::string::npos);
}

TEST_CASE("a run that ends at a marker") {
  const Outcome outcome = ringside_with({"run", "-k", teaching(), "-m", "64M", "--until-marker", "1", "--timeout", "50"});
  CHECK(outcome.code == 6);
  CHECK(outcome.err.find("marker") != std::string::npos);
}

// --- the host's limits -------------------------------------------------------------------------------------------------------

TEST_CASE("an absent or forbidden /dev/kvm is explained") {
  const Setup absent{.environment = {"RINGSIDE_KVM_DEVICE=/nonexistent"}};
  check_refused(ringside_with(run_flat("hello16", "real", {"--machine", "kvm"}), absent), 4, {"/nonexistent", "--machine model"});
  const Setup wrong{.environment = {"RINGSIDE_KVM_DEVICE=/dev/null"}};
  check_refused(ringside_with(run_flat("hello16", "real", {"--machine", "kvm"}), wrong), 4, {"--machine model"});
}

TEST_CASE("technique emulate on machine kvm needs no /dev/kvm, and says so") {
  const Setup absent{.environment = {"RINGSIDE_KVM_DEVICE=/nonexistent"}};
  const Outcome outcome = ringside_with(run_flat("hello64", "long", {"--machine", "kvm", "--technique", "emulate"}), absent);
  INFO(outcome.err);
  CHECK(outcome.code == 0);
  CHECK(outcome.out == ringside_with(run_flat("hello64", "long")).out);
  CHECK(outcome.err.find("/dev/kvm is not used") != std::string::npos);
  check_refused(ringside_with(run_flat("hello64", "long", {"--technique", "emulate", "--paging", "shadow"})), 2, {"shadow", "emulate"});
}

TEST_CASE("a trace or console that cannot be created") {
  const TemporaryFolder folder;
  check_refused(ringside_with(run_flat("hello16", "real", {"-o", folder.path("no/such/folder.rst")})), 5, {"folder.rst"});
  check_refused(ringside_with(run_flat("hello16", "real", {"--console-file", folder.path("no/such/console")})), 5, {"console"});
}

TEST_CASE("a full disk ends the run, and the trace so far is intact") {
  const TemporaryFolder folder;
  const std::string trace = folder.path("full.rst");
  const Outcome outcome =
      ringside_with({"run", "-k", flat("out_loop"), "--start-mode", "real", "--timeout", "60", "-q", "-o", trace}, {.file_size_limit = 1 << 18});
  INFO(outcome.err);
  CHECK(outcome.code == 5);
  CHECK(outcome.err.find("full.rst") != std::string::npos);
  const auto info = info_of(trace);
  CHECK(info["damaged_chunks"] == 0);
  CHECK(info["events"].get<uint64_t>() > 1000);
}

TEST_CASE("standard output that cannot be written is noticed") {
  const Outcome help = ringside_with({"schema"}, {.standard_output = "/dev/full"});
  CHECK(help.code == 5);
  const Outcome console = ringside_with(run_flat("hello16", "real"), {.standard_output = "/dev/full"});
  CHECK(console.code == 5);
  CHECK(console.err.find("console") != std::string::npos);
}

TEST_CASE("Ctrl-C ends the run in order, and the trace is intact") {
  const TemporaryFolder folder;
  for (const std::string guest : {"loop", "out_loop"}) {
    INFO(guest);
    const std::string trace = folder.path(guest + ".rst");
    const Outcome outcome = ringside_with({"run", "-k", flat(guest), "--start-mode", "real", "--timeout", "60", "-o", trace},
                                     {.signal = SIGINT, .after = 700ms});
    INFO(outcome.err);
    CHECK(outcome.code == 130);
    CHECK(outcome.err.find("interrupted") != std::string::npos);
    const auto info = info_of(trace);
    CHECK(info["complete"] == true);
    CHECK(info["damaged_chunks"] == 0);
  }
}

TEST_CASE("kill -9 leaves a trace that can be read") {
  const TemporaryFolder folder;
  const std::string trace = folder.path("killed.rst");
  const Outcome outcome = ringside_with({"run", "-k", flat("out_loop"), "--start-mode", "real", "--timeout", "60", "-q", "-o", trace},
                                   {.signal = SIGKILL, .when = [&] {
                                      std::error_code none;
                                      const auto size = std::filesystem::file_size(trace, none);
                                      return !none && size > 100'000;
                                    }});
  CHECK(outcome.code == 128 + SIGKILL);
  const auto info = info_of(trace);
  CHECK(info["complete"] == false);
  CHECK(info["damaged_chunks"] == 0);
  CHECK(info["events"].get<uint64_t>() > 1000);
}
