// Which runs are refused, and that the sentence has the value and the way out.
#include "sim/validate.h"

#include "tests/catch.h"

using namespace ringside;
using namespace ringside::sim;

namespace {

Run good() {
  Run run;
  run.guest.kernel = "vmlinuz";
  return run;
}

std::string refusal(const Run& run) {
  const auto result = validate(run);
  if (result.has_value()) return "";
  CHECK(result.error().code == ExitCode::kUsage);
  return result.error().message;
}

bool says(const std::string& sentence, std::initializer_list<std::string_view> words) {
  INFO(sentence);
  for (const auto word : words) {
    INFO(word);
    CHECK(sentence.find(word) != std::string::npos);
  }
  return !sentence.empty();
}

}  // namespace

TEST_CASE("the defaults with a kernel make a run") { CHECK(refusal(good()).empty()); }

TEST_CASE("names that are unknown or do not exist yet") {
  Run run = good();
  run.machine = "modle";
  CHECK(says(refusal(run), {"machine", "modle", "did you mean 'model'", "kvm"}));
  run = good();
  run.technique = "recompile";
  CHECK(says(refusal(run), {"technique", "'recompile'", "native"}));
  run.technique = "vmx";
  CHECK(says(refusal(run), {"'vmx'", "native", "os"}));
  run = good();
  run.paging = "direct";
  CHECK(says(refusal(run), {"paging", "direct", "technique pv", "native"}));
  run.technique = "pv";
  CHECK(refusal(run).empty());
  run.paging = "none";
  CHECK(says(refusal(run), {"technique pv", "--paging direct"}));
  CHECK(says(validate_for(run, vmm::GuestKind::kMultiboot1).error().message, {"technique pv", "multiboot", "--technique"}));
  CHECK(validate_for(run, vmm::GuestKind::kPv).has_value());
  run.technique = "native";
  CHECK(says(validate_for(run, vmm::GuestKind::kPv).error().message, {"paravirtual", "native", "--technique pv --paging direct"}));
  run.paging = "nested";
  CHECK(says(refusal(run), {"nested", "technique hw", "native"}));
  run.technique = "hw";
  CHECK(refusal(run).empty());
  run.machine = "kvm";
  CHECK(says(refusal(run), {"kvm", "--paging nested"}));
  run.machine = "model";
  run.paging = "none";
  CHECK(says(refusal(run), {"technique hw", "--paging nested"}));
}

TEST_CASE("the cap of the monitor's memory belongs to technique hw on the model") {
  Run run = good();
  run.monitor_memory = 4ull << 20;
  CHECK(says(refusal(run), {"--monitor-memory", "native"}));
  run.technique = "hw";
  run.paging = "agile";
  CHECK(refusal(run).empty());
  run.monitor_memory = 5000;
  CHECK(says(refusal(run), {"5000", "4 KiB"}));
  run.monitor_memory = ~0ull << 12;
  CHECK(says(refusal(run), {"64 GiB"}));
}

TEST_CASE("levels that record nothing of their own yet are refused, not taken for exits") {
  Run run = good();
  run.trace_file = "t.rst";
  run.level = traces::TraceLevel::kInstructions;
  CHECK(says(refusal(run), {"instructions", "does not exist yet", "--level walks"}));
  for (const auto level : {traces::TraceLevel::kExits, traces::TraceLevel::kWalks}) {
    run.level = level;
    CHECK(refusal(run).empty());
  }
}

TEST_CASE("memory out of range") {
  Run run = good();
  run.memory = 64 << 10;
  CHECK(says(refusal(run), {"64 KiB", "1 MiB"}));
  run.memory = uint64_t{1} << 50;
  CHECK(says(refusal(run), {"1024 TiB", "512 GiB"}));
  run.memory = (2 << 20) + 1;
  CHECK(says(refusal(run), {"2097153", "4096"}));
}

TEST_CASE("options of one kind of guest given to another") {
  Run run = good();
  run.guest.kernel.clear();
  CHECK(says(refusal(run), {"--kernel"}));
  run = good();
  run.guest.kind = vmm::GuestKind::kLinux;
  run.guest.start_mode = vmm::StartMode::kReal;
  CHECK(says(refusal(run), {"--start-mode"}));
  run = good();
  run.guest.kind = vmm::GuestKind::kFlat;
  CHECK(refusal(run).empty());
  run.guest.initrd = "initrd";
  CHECK(says(refusal(run), {"--initrd"}));
  run = good();
  run.guest.load_address = 0x1000;
  CHECK(says(refusal(run), {"--load-address"}));
  run = good();
  run.guest.kind = vmm::GuestKind::kMultiboot1;
  run.guest.decompress = vmm::DecompressBy::kGuest;
  CHECK(says(refusal(run), {"--decompress"}));
  run = good();
  run.guest.command_line.assign(70'000, 'x');
  CHECK(says(refusal(run), {"70000", "65535"}));
}

TEST_CASE("trace level and trace file belong together") {
  Run run = good();
  run.level = traces::TraceLevel::kExits;
  CHECK(says(refusal(run), {"--level", "-o"}));
  run = good();
  run.trace_file = "x.rst";
  CHECK(says(refusal(run), {"x.rst", "--level"}));
  run.level = traces::TraceLevel::kExits;
  CHECK(refusal(run).empty());
  run.guest.kernel = run.trace_file = RINGSIDE_SOURCE_DIR "/CMakeLists.txt";
  CHECK(says(refusal(run), {"CMakeLists.txt", "overwrite"}));
}

TEST_CASE("what a machine cannot do is refused") {
  const vmm::Capabilities kvm{};
  Run run = good();
  CHECK(validate_for(run, kvm, "kvm").has_value());
  run.bounds.instructions = 1000;
  CHECK(says(validate_for(run, kvm, "kvm").error().message, {"--max-instructions", "kvm"}));
  run = good();
  run.level = traces::TraceLevel::kWalks;
  CHECK(says(validate_for(run, kvm, "kvm").error().message, {"walks", "kvm"}));
}
