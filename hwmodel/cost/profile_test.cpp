// Profiles: all built-in ones are valid and sourced; each bad field of a file is one sentence that names it.
#include "hwmodel/cost/profile.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/catch.h"

using namespace ringside;
using namespace ringside::hw;
using nlohmann::ordered_json;

namespace {

ordered_json good() { return to_json(load_cost_profile(std::string(kDefaultCostProfile)).value()); }

// The error of a good profile with one change.
template <class Change>
std::string error_after(Change change) {
  ordered_json json = good();
  change(json);
  const auto profile = parse_cost_profile(json.dump(), "x.json");
  REQUIRE(profile.has_error());
  REQUIRE(profile.error().code == ExitCode::kInput);
  const std::string message = profile.error().message;
  INFO(message);
  REQUIRE(message.find("'x.json'") != std::string::npos);
  REQUIRE(message.find('\n') == std::string::npos);
  REQUIRE(message.find("hwmodel.cost") == std::string::npos);  // the catalogue has the text
  return message;
}

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("cost profiles built in are valid, named after their file, and source every number", "[cost]") {
  const auto names = cost_profile_names();
  for (const char* wanted : {"early-vtx", "hyperbench-xeon", "modern", "sandybridge-e5-2430", "skylake", "zen"})
    REQUIRE(std::count(names.begin(), names.end(), wanted) == 1);
  for (const std::string& name : names) {
    INFO(name);
    const auto loaded = load_cost_profile(name);
    if (loaded.has_error()) FAIL(loaded.error().message);
    const CostProfile& profile = loaded.value();
    CHECK(profile.name == name);
    const auto check = [](const CostNumber& n) {
      CHECK(n.source.size() > 10);
      // What was recalled and not read is no fact, and nothing was measured by us in a file that ships.
      const bool recalled = n.source.find("unverified") != std::string::npos || n.source.find("from memory") != std::string::npos;
      const bool chosen = n.source.find("MODEL:") != std::string::npos;
      if (recalled || chosen) CHECK(n.kind == NumberKind::kAssumed);
      CHECK(n.kind != NumberKind::kMeasured);
    };
    check(profile.clock_hz);
    for (const CostNumber& n : profile.instruction) check(n);
    for (const CostNumber& n : profile.primitive) check(n);
    CHECK(profile.cycles(Primitive::kWalkReference) > 0);
    CHECK(profile.world_switch_cycles() > 0);
  }
}

TEST_CASE("cost profiles: published sums are kept", "[cost]") {
  const auto hypercall = [](const char* name) {
    const CostProfile p = load_cost_profile(name).value();
    return p.world_switch_cycles() + p.cycles(Primitive::kDispatch) + p.cycles(Primitive::kHypercall);
  };
  CHECK(hypercall("hyperbench-xeon") == 1470);  // Hypercall, KVM-EPT
  CHECK(hypercall("modern") == 1181);           // kvm-unit-tests vmcall
  CHECK(hypercall("skylake") == 1150);          // 0.46 us at 2.5 GHz
  CHECK(load_cost_profile("zen").value().world_switch_cycles() == 1376);
}

TEST_CASE("a cost profile survives writing and reading, and the table has its numbers", "[cost]") {
  const CostProfile profile = load_cost_profile("skylake").value();
  const CostProfile again = parse_cost_profile(to_json(profile).dump(), "again").value();
  REQUIRE(to_json(again) == to_json(profile));
  const CostTable table = profile.table();
  for (size_t i = 0; i < kPrimitives; ++i) REQUIRE(table.of(static_cast<Primitive>(i)) == profile.primitive[i].value);
  for (size_t i = 0; i < kCostClasses; ++i) REQUIRE(table.of(static_cast<CostClass>(i)) == profile.instruction[i].value);
}

TEST_CASE("each bad field of a cost profile is named", "[cost]") {
  CHECK(has(error_after([](auto& j) { j.erase("name"); }), "'name'"));
  CHECK(has(error_after([](auto& j) { j["machine"] = 7; }), "'machine'"));
  CHECK(has(error_after([](auto& j) { j["machine"] = ""; }), "'machine'"));
  CHECK(has(error_after([](auto& j) { j["tlb_profile"] = "sky"; }), "'sky'"));
  CHECK(has(error_after([](auto& j) { j["colour"] = "red"; }), "'colour'"));
  CHECK(has(error_after([](auto& j) { j["clock_hz"]["value"] = 5; }), "'clock_hz.value'"));
  CHECK(has(error_after([](auto& j) { j.erase("primitives"); }), "'primitives'"));
  CHECK(has(error_after([](auto& j) { j["instructions"] = 3; }), "'instructions'"));
  CHECK(has(error_after([](auto& j) { j["primitives"].erase("vm_exit"); }), "'primitives.vm_exit'"));
  CHECK(has(error_after([](auto& j) { j["primitives"]["vm_exti"] = 1; }), "'primitives.vm_exti'"));
  CHECK(has(error_after([](auto& j) { j["primitives"]["vm_exit"] = 500; }), "'primitives.vm_exit'"));
  CHECK(has(error_after([](auto& j) { j["primitives"]["vm_exit"]["cycles"] = -1; }), "'primitives.vm_exit.cycles' is -1"));
  CHECK(has(error_after([](auto& j) { j["primitives"]["vm_exit"]["cycles"] = 1.5; }), "1.5"));
  CHECK(has(error_after([](auto& j) { j["primitives"]["vm_exit"]["cycles"] = "500"; }), "\"500\""));
  CHECK(has(error_after([](auto& j) { j["primitives"]["vm_exit"]["cycles"] = CostProfile::kMostCycles + 1; }), "100000001"));
  CHECK(has(error_after([](auto& j) { j["primitives"]["vm_exit"].erase("source"); }), "'primitives.vm_exit.source'"));
  CHECK(has(error_after([](auto& j) { j["primitives"]["vm_exit"]["kind"] = "guessed"; }), "'guessed'"));
  CHECK(has(error_after([](auto& j) { j["primitives"]["vm_exit"]["cycle"] = 1; }), "'primitives.vm_exit.cycle'"));
  CHECK(has(error_after([](auto& j) { j["instructions"]["divide"].erase("cycles"); }), "'instructions.divide.cycles'"));
}

TEST_CASE("what is no JSON object is no cost profile", "[cost]") {
  for (const std::string& text : {std::string(), std::string("{"), std::string("[]"), std::string("\xff\xfe"), std::string(100'000, '['),
                                  std::string("null")}) {
    const auto profile = parse_cost_profile(text, "x.json");
    REQUIRE(profile.has_error());
    REQUIRE(has(profile.error().message, "'x.json'"));
  }
}

TEST_CASE("a cost profile is found by name or path; else the names are told", "[cost]") {
  std::string path = "/tmp/ringside-profile-XXXXXX";
  const int file = mkstemp(path.data());
  REQUIRE(file >= 0);
  close(file);
  ordered_json json = good();
  json["name"] = "mine";
  std::ofstream(path) << json.dump();
  CHECK(load_cost_profile(path).value().name == "mine");
  std::ofstream(path) << std::string(2 << 20, ' ');
  CHECK(has(load_cost_profile(path).error().message, "larger"));
  unlink(path.c_str());
  CHECK(has(load_cost_profile(path).error().message, "skylake"));
  CHECK(load_cost_profile("/tmp").has_error());
}
