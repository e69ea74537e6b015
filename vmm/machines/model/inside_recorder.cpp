#include "vmm/machines/model/inside_recorder.h"

#include "vmm/machines/model/walk_event.h"

namespace ringside::vmm {
namespace {

traces::FlushCause cause_of(hw::FlushCause cause) {
  switch (cause) {
    case hw::FlushCause::kCr3Load: return traces::FlushCause::kCr3Load;
    case hw::FlushCause::kInvlpg: return traces::FlushCause::kInvlpg;
    case hw::FlushCause::kInvpcid: return traces::FlushCause::kInvpcid;
    case hw::FlushCause::kCr0Write: return traces::FlushCause::kCr0Write;
    case hw::FlushCause::kCr4Write: return traces::FlushCause::kCr4Write;
    case hw::FlushCause::kEferWrite: return traces::FlushCause::kEferWrite;
    case hw::FlushCause::kTaskSwitch: return traces::FlushCause::kTaskSwitch;
    case hw::FlushCause::kReset: return traces::FlushCause::kReset;
  }
  return traces::FlushCause::kOther;
}

}  // namespace

void InsideRecorder::on_event_delivered(uint8_t vector, uint32_t error_code, bool external, uint64_t rip) {
  const auto type = vector == 2 ? traces::InterruptionType::kNmi
                    : external  ? traces::InterruptionType::kInterrupt
                                : traces::InterruptionType::kException;
  writer_.emit(traces::Delivery{.time = now(), .vector = vector, .rip = rip, .type = type, .error = error_code});
}

void InsideRecorder::on_page_fault(uint64_t linear, uint32_t error_code, uint64_t rip) {
  writer_.emit(traces::PageFault{.time = now(), .address = linear, .rip = rip, .error = error_code});
}

void InsideRecorder::on_page_table_root(uint64_t old_cr3, uint64_t new_cr3) {
  writer_.emit(traces::PageTableRoot{.time = now(), .new_root = new_cr3, .old_root = old_cr3});
}

void InsideRecorder::on_tlb_flush(hw::FlushCause cause, uint64_t linear) {
  writer_.emit(traces::TlbFlush{.time = now(), .address = linear, .cause = cause_of(cause)});
}

void InsideRecorder::on_resume(uint64_t idle_cycles) { writer_.emit(traces::Idle{.time = now(), .duration = idle_cycles}); }

void InsideRecorder::on_device_access(std::string_view device, bool mmio, bool write, uint64_t address, unsigned size, uint64_t value) {
  const auto direction = write ? traces::Direction::kWrite : traces::Direction::kRead;
  if (mmio) {
    writer_.emit(traces::MmioAccess{.time = now(), .value = value, .address = address, .direction = direction, .device = device,
                                    .size = static_cast<uint8_t>(size), .answered_by = traces::AnsweredBy::kMachine});
  } else {
    writer_.emit(traces::PortAccess{.time = now(), .value = value, .port = static_cast<uint16_t>(address), .direction = direction, .device = device,
                                    .size = static_cast<uint8_t>(size), .answered_by = traces::AnsweredBy::kMachine});
  }
}

void InsideRecorder::on_unimplemented(std::string_view instruction, uint64_t rip) {
  writer_.emit(traces::Unimplemented{.time = now(), .rip = rip, .instruction = instruction});
}

void InsideRecorder::on_walk(const hw::WalkResult& walk) {
  const WalkEvent recorded(walk);
  traces::Walk event = recorded.event();
  event.time = now();
  writer_.emit(event);
}

void InsideRecorder::on_paging(PagingOperation operation, const PagingPlace& place) {
  writer_.emit(traces::Paging{.time = now(), .operation = operation, .address = place.address, .table = place.table,
                              .level = static_cast<uint8_t>(place.level)});
}

void InsideRecorder::on_monitor_flush(traces::FlushCause cause, uint64_t linear) {
  writer_.emit(traces::TlbFlush{.time = now(), .address = linear, .cause = cause});
}

void InsideRecorder::on_guest_mode(uint8_t cpl, uint64_t rip) { writer_.emit(traces::GuestMode{.time = now(), .rip = rip, .cpl = cpl}); }

void InsideRecorder::on_emulation(uint64_t rip, traces::ExitReason why) { writer_.emit(traces::Emulation{.time = now(), .rip = rip, .why = why}); }

}  // namespace ringside::vmm
