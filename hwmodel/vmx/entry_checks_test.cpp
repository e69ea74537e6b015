// Every entry check: a state that passes, then one change per rule, and the rule that is named.
#include "hwmodel/vmx/entry_checks.h"

#include <functional>

#include "tests/catch.h"

using namespace ringside::hw;
using namespace ringside::hw::vmx;

namespace {

struct Subject {
  CpuState state;
  ControlBlock block;
};

Subject valid_subject() {
  Subject s;
  s.state.cr0 = cr0::kPe | cr0::kPg | cr0::kNe;
  s.state.cr4 = cr4::kPae;
  s.state.efer = efer::kLme | efer::kLma;
  s.state.segment[kCs].rights = 0xa09b;
  s.state.segment[kSs].rights = 0xc093;
  s.state.tr.rights = 0x8b;
  s.state.ldtr.rights = access_rights::kUnusable;
  s.state.rip = 0x1000;
  s.block.entry_controls = entry::kIa32eModeGuest;
  s.block.primary_controls = primary::kSecondary;
  s.block.secondary_controls = secondary::kEpt | secondary::kVpid;
  s.block.vpid = 1;
  s.block.eptp = 0x1000 | 3 << 3 | 6;
  return s;
}

struct Case {
  const char* field;
  EntryCheck kind;
  std::function<void(Subject&)> spoil;
};

const Case kCases[] = {
    {"pin-based controls", EntryCheck::kControls, [](Subject& s) { s.block.pin_controls = 1u << 20; }},
    {"pin-based controls", EntryCheck::kControls, [](Subject& s) { s.block.pin_controls = pin::kVirtualNmis; }},
    {"primary processor-based controls", EntryCheck::kControls, [](Subject& s) { s.block.primary_controls |= primary::kNmiWindow; }},
    {"secondary processor-based controls", EntryCheck::kControls, [](Subject& s) { s.block.secondary_controls |= 1u << 30; }},
    {"secondary processor-based controls", EntryCheck::kControls, [](Subject& s) { s.block.secondary_controls = secondary::kUnrestrictedGuest; }},
    {"CR3-target count", EntryCheck::kControls, [](Subject& s) { s.block.cr3_target_count = 5; }},
    {"VPID", EntryCheck::kControls, [](Subject& s) { s.block.vpid = 0; }},
    {"EPT pointer", EntryCheck::kControls, [](Subject& s) { s.block.eptp = 0x1000 | 3 << 3 | 5; }},
    {"EPT pointer", EntryCheck::kControls, [](Subject& s) { s.block.eptp = 0x1000 | 2 << 3 | 6; }},
    {"EPT pointer", EntryCheck::kControls, [](Subject& s) { s.block.eptp = uint64_t{1} << 50 | 3 << 3 | 6; }},
    {"PML address", EntryCheck::kControls, [](Subject& s) { s.block.secondary_controls |= secondary::kPml; s.block.pml_address = 8; }},
    {"VM-entry interruption information", EntryCheck::kControls, [](Subject& s) { s.block.injection = {.valid = true, .type = EventType::kNmi, .vector = 3}; }},
    {"VM-entry interruption information", EntryCheck::kControls, [](Subject& s) { s.block.injection = {.valid = true, .type = EventType::kHardwareException, .vector = 14}; }},
    {"VM-entry exception error code", EntryCheck::kControls, [](Subject& s) { s.block.injection = {.valid = true, .type = EventType::kHardwareException, .has_error = true, .vector = 14, .error = 0x8000}; }},
    {"VM-entry instruction length", EntryCheck::kControls, [](Subject& s) { s.block.injection = {.valid = true, .type = EventType::kSoftwareException, .vector = 3}; }},
    {"CR0", EntryCheck::kGuestState, [](Subject& s) { s.state.cr0 &= ~cr0::kNe; }},
    {"CR0", EntryCheck::kGuestState, [](Subject& s) { s.state.cr0 &= ~cr0::kPe; }},
    {"CR0", EntryCheck::kGuestState, [](Subject& s) { s.state.cr0 |= cr0::kNw; }},
    {"CR3", EntryCheck::kGuestState, [](Subject& s) { s.state.cr3 = uint64_t{1} << 45; }},
    {"CR4", EntryCheck::kGuestState, [](Subject& s) { s.state.cr4 = 0; }},
    {"IA32_EFER", EntryCheck::kGuestState, [](Subject& s) { s.state.efer = efer::kLme; }},
    {"IA32_EFER", EntryCheck::kGuestState, [](Subject& s) { s.state.efer = efer::kLma; }},
    {"DR7", EntryCheck::kGuestState, [](Subject& s) { s.state.dr7 = uint64_t{1} << 33; }},
    {"TR access rights", EntryCheck::kGuestState, [](Subject& s) { s.state.tr.rights = 0x89; }},
    {"TR access rights", EntryCheck::kGuestState, [](Subject& s) { s.state.tr.rights = access_rights::kUnusable; }},
    {"LDTR access rights", EntryCheck::kGuestState, [](Subject& s) { s.state.ldtr.rights = 0x83; }},
    {"CS access rights", EntryCheck::kGuestState, [](Subject& s) { s.state.segment[kCs].rights = 0xa093; }},
    {"CS access rights", EntryCheck::kGuestState, [](Subject& s) { s.state.segment[kCs].rights = 0xe09b; }},
    {"SS access rights", EntryCheck::kGuestState, [](Subject& s) { s.state.segment[kSs].rights = 0xc09b; }},
    {"RIP", EntryCheck::kGuestState, [](Subject& s) { s.state.rip = uint64_t{1} << 60; }},
    {"RFLAGS", EntryCheck::kGuestState, [](Subject& s) { s.state.system_flags |= uint64_t{1} << 40; }},
    {"RFLAGS", EntryCheck::kGuestState, [](Subject& s) { s.block.injection = {.valid = true, .vector = 0x30}; }},
    {"interruptibility state", EntryCheck::kGuestState,
     [](Subject& s) { s.block.injection = {.valid = true, .vector = 0x30}; s.state.system_flags |= rflags::kIf; s.state.interrupt_shadow = 1; }},
};

}  // namespace

TEST_CASE("A well-formed guest passes the entry checks") {
  const Subject s = valid_subject();
  CHECK_FALSE(check_entry(s.state, s.block).has_value());
}

TEST_CASE("Each entry check names the field it refuses") {
  for (const Case& c : kCases) {
    Subject s = valid_subject();
    c.spoil(s);
    const auto failure = check_entry(s.state, s.block);
    INFO(c.field);
    REQUIRE(failure.has_value());
    CHECK(failure->field == c.field);
    CHECK(failure->kind == c.kind);
    CHECK_FALSE(failure->rule.empty());
  }
}

TEST_CASE("A real-mode guest needs unrestricted guest") {
  Subject s = valid_subject();
  s.block.entry_controls = 0;
  s.state.efer = 0;
  s.state.cr0 = cr0::kNe;
  CHECK(check_entry(s.state, s.block).has_value());
  s.block.secondary_controls |= secondary::kUnrestrictedGuest;
  CHECK_FALSE(check_entry(s.state, s.block).has_value());
}
