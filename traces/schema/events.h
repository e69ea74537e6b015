// The events of a trace: one plain struct each, followed by its description (name, fields, units, sentences).
// To add an event, add a struct, its description and its name in `Events` at the end; writer, reader, exporters and the
// documentation follow. Files carry the descriptions they were written with, so old files stay readable, and a reader
// skips kinds it does not know. Times and addresses are plain numbers here: the layers above own the strong types.
#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>
#include <variant>

#include "traces/schema/event_kinds.h"
#include "traces/schema/exit_reason.h"
#include "traces/schema/field.h"
#include "traces/schema/translation_kinds.h"
#include "traces/schema/walk_reference.h"

namespace ringside::traces {

template <class E, class M>
struct Field {
  M E::*member;
  FieldInfo info;
};
template <class E, class M>
constexpr Field<E, M> field(M E::*member, std::string_view name, Unit unit, Predict predict, std::string_view text) {
  if constexpr (std::is_enum_v<M>) return {member, {name, unit, predict, text, kEnumNames<M>}};
  else return {member, {name, unit, predict, text, {}}};
}
// Description<E>: static constexpr kName, kText and kFields (a tuple of Field). Every event also has `time` and `vcpu`.
template <class E>
struct Description;

// The largest vCPU number is one below; writer and reader keep a table of that size.
inline constexpr uint32_t kMaxVcpus = 256;

// ---- the run ----------------------------------------------------------------------------------------------------------

struct RunStart {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  std::string_view machine{}, technique{}, paging{};
  std::string_view guest{}, guest_hash{}, initrd{}, initrd_hash{}, command_line{};
  std::string_view workload{}, cost_profile{};
  uint64_t seed = 0;
  uint64_t ram_bytes = 0;
  uint32_t vcpus = 1;
  TraceLevel level = TraceLevel::kExits;
  std::string_view host{}, version{};
};
template <>
struct Description<RunStart> {
  static constexpr std::string_view kName = "run_start";
  static constexpr std::string_view kText = "A run begins; everything needed to repeat it.";
  static constexpr auto kFields = std::tuple{
      field(&RunStart::machine, "machine", Unit::kText, Predict::kLast, "The bare computer below: model or kvm."),
      field(&RunStart::technique, "technique", Unit::kText, Predict::kLast, "Who intervenes at privileged instructions, and how."),
      field(&RunStart::paging, "paging", Unit::kText, Predict::kLast, "Who translates guest memory: none, shadow, nested, agile or direct."),
      field(&RunStart::guest, "guest", Unit::kText, Predict::kLast, "The guest image, as given."),
      field(&RunStart::guest_hash, "guest_hash", Unit::kText, Predict::kLast, "Hash of the guest image."),
      field(&RunStart::initrd, "initrd", Unit::kText, Predict::kLast, "The initial RAM disk, as given; empty where there is none."),
      field(&RunStart::initrd_hash, "initrd_hash", Unit::kText, Predict::kLast, "Hash of the initial RAM disk."),
      field(&RunStart::command_line, "command_line", Unit::kText, Predict::kLast, "The guest kernel's command line."),
      field(&RunStart::workload, "workload", Unit::kText, Predict::kLast, "What the guest does while it is measured."),
      field(&RunStart::cost_profile, "cost_profile", Unit::kText, Predict::kLast, "The cycle model's profile."),
      field(&RunStart::seed, "seed", Unit::kBits, Predict::kLast, "Seed of everything random in the run."),
      field(&RunStart::ram_bytes, "ram_bytes", Unit::kBytes, Predict::kLast, "Size of guest RAM."),
      field(&RunStart::vcpus, "vcpus", Unit::kCount, Predict::kLast, "Number of virtual processors."),
      field(&RunStart::level, "level", Unit::kEnum, Predict::kLast, "How much is recorded."),
      field(&RunStart::host, "host", Unit::kText, Predict::kLast, "The host's processor and kernel, where they matter to the result; empty on the model."),
      field(&RunStart::version, "version", Unit::kText, Predict::kLast, "Version of the program that wrote the trace."),
  };
};

struct RunEnd {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  std::string_view outcome{}, detail{};
  uint64_t instructions = 0, exits = 0, duration = 0;
};
template <>
struct Description<RunEnd> {
  static constexpr std::string_view kName = "run_end";
  static constexpr std::string_view kText = "The run is over.";
  static constexpr auto kFields = std::tuple{
      field(&RunEnd::outcome, "outcome", Unit::kText, Predict::kLast, "How it ended: power-off, debug exit, triple fault, timeout, and so on."),
      field(&RunEnd::detail, "detail", Unit::kText, Predict::kLast, "More about the outcome, such as the guest's exit value."),
      field(&RunEnd::instructions, "instructions", Unit::kCount, Predict::kLast, "Guest instructions retired; 0 where the machine cannot count them."),
      field(&RunEnd::exits, "exits", Unit::kCount, Predict::kLast, "Exits of the guest to the monitor."),
      field(&RunEnd::duration, "duration", Unit::kTime, Predict::kLast, "Time from start to end."),
  };
};

// ---- guest and monitor ------------------------------------------------------------------------------------------------

struct Exit {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  ExitReason reason = ExitReason::kUnknown;
  uint64_t rip = 0;
  uint64_t guest_time = 0;
  uint64_t instructions = 0;
  InstructionBytes instruction{};
  uint64_t qualification = 0;
  uint8_t cpl = 0;
  uint64_t raw_code = 0;
  Numbering numbering = Numbering::kModel;
};
template <>
struct Description<Exit> {
  static constexpr std::string_view kName = "exit";
  static constexpr std::string_view kText = "The guest came out to the monitor.";
  // rip first: the fields predicted by site need it. Those that change rarely stand last, which keeps the mask at one byte.
  static constexpr auto kFields = std::tuple{
      field(&Exit::rip, "rip", Unit::kAddress, Predict::kRip, "Guest instruction address."),
      field(&Exit::reason, "reason", Unit::kEnum, Predict::kSite, "Why, in one vocabulary for all machines and vendors."),
      field(&Exit::guest_time, "guest_time", Unit::kTime, Predict::kSinceEntry, "Time in the guest since the entry before."),
      field(&Exit::instructions, "instructions", Unit::kCount, Predict::kWithClock, "Guest instructions retired so far; 0 where the machine cannot count them."),
      field(&Exit::instruction, "instruction", Unit::kCode, Predict::kSite, "Machine code at rip, up to 15 bytes."),
      field(&Exit::qualification, "qualification", Unit::kBits, Predict::kSite, "What the hardware or the machine adds to the reason."),
      field(&Exit::cpl, "cpl", Unit::kCount, Predict::kSite, "Privilege level of the guest, 0 to 3."),
      field(&Exit::raw_code, "raw_code", Unit::kCount, Predict::kSite, "The reason's number where it came from."),
      field(&Exit::numbering, "numbering", Unit::kEnum, Predict::kSite, "Whose numbers raw_code and qualification are."),
  };
};

struct Entry {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  uint64_t monitor_time = 0;
};
template <>
struct Description<Entry> {
  static constexpr std::string_view kName = "entry";
  static constexpr std::string_view kText = "The monitor entered the guest.";
  static constexpr auto kFields = std::tuple{
      field(&Entry::monitor_time, "monitor_time", Unit::kTime, Predict::kSinceExit, "Time in the monitor since the exit before."),
  };
};

// The monitor queues an event for the guest; it is taken at the next entry.
struct Injection {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  InterruptionType type = InterruptionType::kInterrupt;
  uint8_t vector = 0;
  bool has_error = false;
  uint32_t error = 0;
};
template <>
struct Description<Injection> {
  static constexpr std::string_view kName = "injection";
  static constexpr std::string_view kText = "The monitor injected an interrupt or exception into the guest.";
  static constexpr auto kFields = std::tuple{
      field(&Injection::type, "type", Unit::kEnum, Predict::kLast, "Kind of event."),
      field(&Injection::vector, "vector", Unit::kCount, Predict::kLast, "Interrupt vector."),
      field(&Injection::has_error, "has_error", Unit::kFlag, Predict::kLast, "Whether an error code is pushed."),
      field(&Injection::error, "error", Unit::kBits, Predict::kLast, "The error code."),
  };
};

// The processor itself enters a handler: visible only on machines that can be looked into.
struct Delivery {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  uint8_t vector = 0;
  uint64_t rip = 0;
  InterruptionType type = InterruptionType::kInterrupt;
  uint32_t error = 0;
};
template <>
struct Description<Delivery> {
  static constexpr std::string_view kName = "delivery";
  static constexpr std::string_view kText = "The guest's processor entered the handler of an interrupt or exception.";
  static constexpr auto kFields = std::tuple{
      field(&Delivery::vector, "vector", Unit::kCount, Predict::kLast, "Interrupt vector."),
      field(&Delivery::rip, "rip", Unit::kAddress, Predict::kRip, "Address of the interrupted instruction."),
      field(&Delivery::type, "type", Unit::kEnum, Predict::kLast, "Kind of event."),
      field(&Delivery::error, "error", Unit::kBits, Predict::kLast, "The error code; 0 where there is none."),
  };
};

// ---- devices ----------------------------------------------------------------------------------------------------------

struct PortAccess {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  uint64_t value = 0;
  uint16_t port = 0;
  Direction direction = Direction::kRead;
  std::string_view device{};
  uint8_t size = 1;
  uint32_t count = 1;
  AnsweredBy answered_by = AnsweredBy::kMonitor;
};
template <>
struct Description<PortAccess> {
  static constexpr std::string_view kName = "port";
  static constexpr std::string_view kText = "The guest accessed an I/O port.";
  static constexpr auto kFields = std::tuple{
      field(&PortAccess::value, "value", Unit::kBits, Predict::kSite, "The value moved; of a string instruction, the first one."),
      field(&PortAccess::port, "port", Unit::kAddress, Predict::kSite, "Port number."),
      field(&PortAccess::direction, "direction", Unit::kEnum, Predict::kSite, "As the guest sees it."),
      field(&PortAccess::device, "device", Unit::kText, Predict::kSite, "The device that answered; empty if none claims the port."),
      field(&PortAccess::size, "size", Unit::kBytes, Predict::kSite, "Width of one access: 1, 2 or 4."),
      field(&PortAccess::count, "count", Unit::kCount, Predict::kSite, "Number of accesses: above 1 for string instructions."),
      field(&PortAccess::answered_by, "answered_by", Unit::kEnum, Predict::kSite, "The monitor after an exit, or a controller inside the machine without one."),
  };
};

struct MmioAccess {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  uint64_t value = 0;
  uint64_t address = 0;
  Direction direction = Direction::kRead;
  std::string_view device{};
  uint8_t size = 1;
  AnsweredBy answered_by = AnsweredBy::kMonitor;
};
template <>
struct Description<MmioAccess> {
  static constexpr std::string_view kName = "mmio";
  static constexpr std::string_view kText = "The guest accessed a device in memory space.";
  static constexpr auto kFields = std::tuple{
      field(&MmioAccess::value, "value", Unit::kBits, Predict::kSite, "The value moved."),
      field(&MmioAccess::address, "address", Unit::kAddress, Predict::kSite, "Guest-physical address."),
      field(&MmioAccess::direction, "direction", Unit::kEnum, Predict::kSite, "As the guest sees it."),
      field(&MmioAccess::device, "device", Unit::kText, Predict::kSite, "The device that answered; empty if none claims the address."),
      field(&MmioAccess::size, "size", Unit::kBytes, Predict::kSite, "Width: 1, 2, 4 or 8."),
      field(&MmioAccess::answered_by, "answered_by", Unit::kEnum, Predict::kSite, "The monitor after an exit, or a controller inside the machine without one."),
  };
};

// ---- memory -----------------------------------------------------------------------------------------------------------

struct PageTableRoot {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  uint64_t new_root = 0, old_root = 0;
};
template <>
struct Description<PageTableRoot> {
  static constexpr std::string_view kName = "page_table_root";
  static constexpr std::string_view kText = "The guest changed its page-table root (CR3): usually a switch of address space.";
  static constexpr auto kFields = std::tuple{
      field(&PageTableRoot::new_root, "new_root", Unit::kAddress, Predict::kLast, "CR3 from now on, with its PCID bits."),
      field(&PageTableRoot::old_root, "old_root", Unit::kAddress, Predict::kLast, "CR3 before."),
  };
};

struct TlbFlush {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  uint64_t address = 0;
  FlushCause cause = FlushCause::kOther;
};
template <>
struct Description<TlbFlush> {
  static constexpr std::string_view kName = "tlb_flush";
  static constexpr std::string_view kText = "Translations were dropped from the TLB.";
  static constexpr auto kFields = std::tuple{
      field(&TlbFlush::address, "address", Unit::kAddress, Predict::kLast, "Guest-linear address of a one-page flush, else 0."),
      field(&TlbFlush::cause, "cause", Unit::kEnum, Predict::kLast, "What the guest did to cause it."),
  };
};

struct PageFault {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  uint64_t address = 0;
  uint64_t rip = 0;
  uint32_t error = 0;
};
template <>
struct Description<PageFault> {
  static constexpr std::string_view kName = "page_fault";
  static constexpr std::string_view kText = "A guest access faulted in the page walk or by its permissions.";
  static constexpr auto kFields = std::tuple{
      field(&PageFault::address, "address", Unit::kAddress, Predict::kLast, "Guest-linear address of the access (CR2)."),
      field(&PageFault::rip, "rip", Unit::kAddress, Predict::kRip, "The instruction that faulted."),
      field(&PageFault::error, "error", Unit::kBits, Predict::kLast, "Error code: bit 0 present, 1 write, 2 user, 3 reserved bit, 4 fetch."),
  };
};

// One page walk of the hardware: what an access cost that no TLB answered. Level `walks`.
struct Walk {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  uint64_t linear = 0;
  AccessKind kind = AccessKind::kRead;
  AccessRole role = AccessRole::kSupervisor;
  WalkMode mode = WalkMode::kNative;
  WalkOutcome outcome = WalkOutcome::kTranslated;
  uint32_t references = 0;
  uint8_t cached_levels = 0;
  uint8_t nested_tlb_hits = 0, nested_table_hits = 0;
  uint8_t page_shift = 0, mapped_shift = 0;
  uint8_t rights = 0;
  uint32_t error = 0;
  uint64_t qualification = 0;
  uint64_t guest_physical = 0, physical = 0;
  uint64_t cycles = 0;
  std::span<const WalkReference> steps{};  // lives as long as the event, like texts
};
template <>
struct Description<Walk> {
  static constexpr std::string_view kName = "walk";
  static constexpr std::string_view kText = "The hardware walked page tables for an access that no TLB answered (level walks).";
  static constexpr auto kFields = std::tuple{
      field(&Walk::linear, "linear", Unit::kAddress, Predict::kLast, "Linear address of the access."),
      field(&Walk::steps, "steps", Unit::kReferences, Predict::kZero, "The references in order: table and level, for a nested table the guest level it locates (0: the page), address and value of the entry, flags written."),
      field(&Walk::physical, "physical", Unit::kAddress, Predict::kLast, "Machine-physical address of the access; 0 where the walk failed."),
      field(&Walk::guest_physical, "guest_physical", Unit::kAddress, Predict::kLast, "Guest-physical address of the access, or of the table where a nested walk stopped on the way."),
      field(&Walk::references, "references", Unit::kCount, Predict::kLast, "How many table entries were read."),
      field(&Walk::kind, "kind", Unit::kEnum, Predict::kLast, "What the access does."),
      field(&Walk::role, "role", Unit::kEnum, Predict::kLast, "On whose behalf."),
      field(&Walk::cached_levels, "cached_levels", Unit::kCount, Predict::kLast, "Upper levels that a walk cache spared."),
      field(&Walk::nested_tlb_hits, "nested_tlb_hits", Unit::kCount, Predict::kLast, "Guest tables whose place the nested TLB knew."),
      field(&Walk::nested_table_hits, "nested_table_hits", Unit::kCount, Predict::kLast, "Nested walks that a walk cache shortened."),
      field(&Walk::rights, "rights", Unit::kBits, Predict::kLast, "What all entries together allow: bit 0 write, 1 user, 2 execute; of the nested tables 3 read, 4 write, 5 execute."),
      field(&Walk::page_shift, "page_shift", Unit::kCount, Predict::kLast, "Size of the guest's page as a power of two: 12, 21, 22 or 30; 0 where the walk failed."),
      field(&Walk::mapped_shift, "mapped_shift", Unit::kCount, Predict::kLast, "Size of the piece that all dimensions map in one."),
      field(&Walk::outcome, "outcome", Unit::kEnum, Predict::kLast, "How it ended."),
      field(&Walk::error, "error", Unit::kBits, Predict::kLast, "Error code of the page fault."),
      field(&Walk::qualification, "qualification", Unit::kBits, Predict::kLast, "Exit qualification of the nested violation."),
      field(&Walk::mode, "mode", Unit::kEnum, Predict::kLast, "Whose tables, and in how many dimensions."),
      field(&Walk::cycles, "cycles", Unit::kTime, Predict::kLast, "Cycles charged for the walk; 0 where the run does not charge walks."),
  };
};

// One step of a monitor that translates for its guest: shadow, nested and agile paging.
struct Paging {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  PagingOperation operation = PagingOperation::kFill;
  uint64_t address = 0;
  uint64_t table = 0;
  uint8_t level = 0;
};
template <>
struct Description<Paging> {
  static constexpr std::string_view kName = "paging";
  static constexpr std::string_view kText = "The monitor did something about its guest's memory.";
  static constexpr auto kFields = std::tuple{
      field(&Paging::operation, "operation", Unit::kEnum, Predict::kLast,
            "fill: a shadow entry for a page; switch_fill: one that switches to the guest's table; make, zap, reclaim: a shadow table, made, dropped, "
            "dropped for its memory; sync: brought up to date; protect: a guest table made read-only; write_fault: the guest wrote one; "
            "emulated_write: the monitor did it; unsync: the guest may; root_load: CR3; invalidate: INVLPG and the like; guest_fault: passed on; "
            "device: no RAM there; to_nested, to_shadow: agile paging changed its mind; flag_update: a flag set for the hardware; violation: of the "
            "nested tables; nested_fill, nested_clear: their entries."),
      field(&Paging::address, "address", Unit::kAddress, Predict::kLast, "Linear address concerned; guest-physical for violations and nested tables; 0 where there is none."),
      field(&Paging::table, "table", Unit::kAddress, Predict::kLast, "Guest-physical page of the guest's table concerned; 0 where there is none."),
      field(&Paging::level, "level", Unit::kCount, Predict::kLast, "Level of the entry or table; 0 where there is none."),
  };
};

// ---- time, phases, oddities -------------------------------------------------------------------------------------------

struct Idle {
  uint64_t time = 0;  // when the wait ended
  uint32_t vcpu = 0;
  uint64_t duration = 0;
};
template <>
struct Description<Idle> {
  static constexpr std::string_view kName = "idle";
  static constexpr std::string_view kText = "The processor waited in HLT inside the machine, without an exit; recorded when the wait ends.";
  static constexpr auto kFields = std::tuple{
      field(&Idle::duration, "duration", Unit::kTime, Predict::kLast, "How long it waited."),
  };
};

struct Marker {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  uint64_t value = 0;
  std::string_view name{};
};
template <>
struct Description<Marker> {
  static constexpr std::string_view kName = "marker";
  static constexpr std::string_view kText = "The guest wrote to the marker port: a phase begins.";
  static constexpr auto kFields = std::tuple{
      field(&Marker::value, "value", Unit::kCount, Predict::kLast, "The value written."),
      field(&Marker::name, "name", Unit::kText, Predict::kLast, "The phase's name, where the run gives one."),
  };
};

// One counter of a snapshot; the counters of one snapshot follow each other with equal times.
struct Counter {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  std::string_view name{};
  uint64_t value = 0;
};
template <>
struct Description<Counter> {
  static constexpr std::string_view kName = "counter";
  static constexpr std::string_view kText = "One named counter of a snapshot; those of one snapshot have the same time.";
  static constexpr auto kFields = std::tuple{
      field(&Counter::name, "name", Unit::kText, Predict::kLast, "Name of the counter."),
      field(&Counter::value, "value", Unit::kCount, Predict::kZero, "Its value."),
  };
};

struct Unimplemented {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  uint64_t rip = 0;
  std::string_view instruction{};
};
template <>
struct Description<Unimplemented> {
  static constexpr std::string_view kName = "unimplemented";
  static constexpr std::string_view kText = "The guest met an instruction the machine lacks; it got #UD.";
  static constexpr auto kFields = std::tuple{
      field(&Unimplemented::rip, "rip", Unit::kAddress, Predict::kRip, "Address of the instruction."),
      field(&Unimplemented::instruction, "instruction", Unit::kText, Predict::kLast, "The instruction as text."),
  };
};

struct LostEvents {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  uint64_t count = 0;
};
template <>
struct Description<LostEvents> {
  static constexpr std::string_view kName = "lost_events";
  static constexpr std::string_view kText = "Events that happened before this point could not be recorded.";
  static constexpr auto kFields = std::tuple{
      field(&LostEvents::count, "count", Unit::kCount, Predict::kLast, "How many."),
  };
};

// ---- deprivileged guests --------------------------------------------------------------------------------------------

struct GuestMode {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  uint64_t rip = 0;
  uint8_t cpl = 0;
};
template <>
struct Description<GuestMode> {
  static constexpr std::string_view kName = "guest_mode";
  static constexpr std::string_view kText = "A deprivileged guest changed between its kernel and its processes; the monitor changed the tables beneath it.";
  static constexpr auto kFields = std::tuple{
      field(&GuestMode::rip, "rip", Unit::kAddress, Predict::kRip, "Where the guest goes on."),
      field(&GuestMode::cpl, "cpl", Unit::kCount, Predict::kLast, "Privilege level the guest believes in: 0 kernel, 3 processes. The real one is 3 in both."),
  };
};

struct Emulation {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  uint64_t rip = 0;
  ExitReason why = ExitReason::kUnknown;
};
template <>
struct Description<Emulation> {
  static constexpr std::string_view kName = "emulation";
  static constexpr std::string_view kText = "The monitor's virtual processor did one instruction for a deprivileged guest.";
  static constexpr auto kFields = std::tuple{
      field(&Emulation::rip, "rip", Unit::kAddress, Predict::kRip, "Address of the instruction."),
      field(&Emulation::why, "why", Unit::kEnum, Predict::kSite, "What the instruction was about, as an exit's reason."),
  };
};

// ---- binary translation -----------------------------------------------------------------------------------------------

struct Translation {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  uint64_t rip = 0;
  uint32_t guest_bytes = 0, instructions = 0;
  uint64_t code = 0;
  uint32_t code_bytes = 0;
  uint32_t in_line = 0, call_outs = 0;
};
template <>
struct Description<Translation> {
  static constexpr std::string_view kName = "translation";
  static constexpr std::string_view kText = "A block of the guest's kernel was translated; its instructions follow, one event each.";
  static constexpr auto kFields = std::tuple{
      field(&Translation::rip, "rip", Unit::kAddress, Predict::kRip, "Guest address of the block."),
      field(&Translation::guest_bytes, "guest_bytes", Unit::kBytes, Predict::kLast, "Size of the guest's code."),
      field(&Translation::instructions, "instructions", Unit::kCount, Predict::kLast, "Number of guest instructions."),
      field(&Translation::code, "code", Unit::kAddress, Predict::kLast, "Where the translation lies in the translation cache."),
      field(&Translation::code_bytes, "code_bytes", Unit::kBytes, Predict::kLast, "Size of the translation."),
      field(&Translation::in_line, "in_line", Unit::kCount, Predict::kLast, "Instructions replaced by sequences in line."),
      field(&Translation::call_outs, "call_outs", Unit::kCount, Predict::kLast, "Instructions left to the monitor."),
  };
};

struct TranslatedInstruction {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  uint64_t rip = 0;
  InstructionBytes instruction{};
  Treatment treatment = Treatment::kIdentical;
  TreatmentReason reason = TreatmentReason::kNone;
  uint64_t code = 0;
  std::string_view output{};
};
template <>
struct Description<TranslatedInstruction> {
  static constexpr std::string_view kName = "translated_instruction";
  static constexpr std::string_view kText = "What became of one instruction of the block translated just before.";
  static constexpr auto kFields = std::tuple{
      field(&TranslatedInstruction::rip, "rip", Unit::kAddress, Predict::kRip, "Guest address of the instruction."),
      field(&TranslatedInstruction::instruction, "instruction", Unit::kCode, Predict::kSite, "The guest's machine code."),
      field(&TranslatedInstruction::treatment, "treatment", Unit::kEnum, Predict::kSite, "Copied, rebased, a branch, replaced in line, or called out."),
      field(&TranslatedInstruction::reason, "reason", Unit::kEnum, Predict::kSite, "Why it was not copied."),
      field(&TranslatedInstruction::code, "code", Unit::kAddress, Predict::kLast, "Where its translation begins."),
      field(&TranslatedInstruction::output, "output", Unit::kText, Predict::kLast, "Machine code of its translation, in hexadecimal; empty where it is identical."),
  };
};

struct TranslationChain {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  uint64_t from = 0, to = 0;
  ChainKind kind = ChainKind::kDirect;
};
template <>
struct Description<TranslationChain> {
  static constexpr std::string_view kName = "translation_chain";
  static constexpr std::string_view kText = "A branch from one translation leads to another from now on, without the monitor.";
  static constexpr auto kFields = std::tuple{
      field(&TranslationChain::from, "from", Unit::kAddress, Predict::kLast, "Guest address of the block with the branch."),
      field(&TranslationChain::to, "to", Unit::kAddress, Predict::kLast, "Guest address of the block it leads to."),
      field(&TranslationChain::kind, "kind", Unit::kEnum, Predict::kLast, "A direct jump, or an indirect branch that remembers one target."),
  };
};

struct TranslationDrop {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  uint64_t rip = 0;
  Invalidation cause = Invalidation::kWritten;
};
template <>
struct Description<TranslationDrop> {
  static constexpr std::string_view kName = "translation_drop";
  static constexpr std::string_view kText = "A translation is not in force any more.";
  static constexpr auto kFields = std::tuple{
      field(&TranslationDrop::rip, "rip", Unit::kAddress, Predict::kLast, "Guest address of its block."),
      field(&TranslationDrop::cause, "cause", Unit::kEnum, Predict::kLast, "Why."),
  };
};

struct Retranslation {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  uint64_t rip = 0;
  uint32_t traps = 0;
};
template <>
struct Description<Retranslation> {
  static constexpr std::string_view kName = "retranslation";
  static constexpr std::string_view kText = "An instruction that kept trapping on traced memory will be called out from now on (adaptive binary translation).";
  static constexpr auto kFields = std::tuple{
      field(&Retranslation::rip, "rip", Unit::kAddress, Predict::kLast, "Guest address of the instruction."),
      field(&Retranslation::traps, "traps", Unit::kCount, Predict::kLast, "How often it had trapped."),
  };
};

// ---- paravirtualization ------------------------------------------------------------------------------------------------

struct Hypercall {
  uint64_t time = 0;
  uint32_t vcpu = 0;
  std::string_view name{};
  uint64_t number = 0;
  uint64_t result = 0;
  uint64_t items = 1;
  uint64_t argument0 = 0, argument1 = 0, argument2 = 0;
};
template <>
struct Description<Hypercall> {
  static constexpr std::string_view kName = "hypercall";
  static constexpr std::string_view kText = "A paravirtual guest asked its monitor for something, and got an answer.";
  static constexpr auto kFields = std::tuple{
      field(&Hypercall::name, "name", Unit::kText, Predict::kLast, "What was asked for, by the name of the interface; unknown where there is no such call."),
      field(&Hypercall::number, "number", Unit::kCount, Predict::kLast, "The call's number."),
      field(&Hypercall::result, "result", Unit::kBits, Predict::kLast, "The answer in rax; as a signed number, below zero for failures."),
      field(&Hypercall::items, "items", Unit::kCount, Predict::kLast, "Entries of its batch that were done; 1 for a call without one."),
      field(&Hypercall::argument0, "argument0", Unit::kBits, Predict::kLast, "First argument, 0 where the call has none; likewise below."),
      field(&Hypercall::argument1, "argument1", Unit::kBits, Predict::kLast, "Second argument."),
      field(&Hypercall::argument2, "argument2", Unit::kBits, Predict::kLast, "Third argument."),
  };
};

// ---- all of them ------------------------------------------------------------------------------------------------------

// New events are appended; the place in this list is the event's number in files written by this version.
using AnyEvent = std::variant<RunStart, RunEnd, Exit, Entry, Injection, Delivery, PortAccess, MmioAccess, PageTableRoot, TlbFlush,
                              PageFault, Idle, Marker, Counter, Unimplemented, LostEvents, Walk, Paging,
                              GuestMode, Emulation, Translation, TranslatedInstruction, TranslationChain,
                              TranslationDrop, Retranslation, Hypercall>;
inline constexpr size_t kEventKinds = std::variant_size_v<AnyEvent>;

template <class E, size_t I = 0>
constexpr size_t event_index() {
  if constexpr (std::is_same_v<E, std::variant_alternative_t<I, AnyEvent>>) return I;
  else return event_index<E, I + 1>();
}
template <class E>
inline constexpr size_t kEventIndex = event_index<E>();
template <class E>
inline constexpr size_t kFieldCount = std::tuple_size_v<decltype(Description<E>::kFields)>;

template <class E>
concept Event = requires(E event) {
  Description<E>::kFields;
  event.time;
  event.vcpu;
};

}  // namespace ringside::traces
