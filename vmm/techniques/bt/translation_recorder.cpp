#include "vmm/techniques/bt/translation_recorder.h"

#include <fmt/format.h>

namespace ringside::vmm::bt {

traces::Translation event_of(const Translation& t, uint64_t cache) {
  traces::Translation event;
  event.rip = t.rip;
  event.guest_bytes = t.guest_bytes;
  event.instructions = static_cast<uint32_t>(t.instructions.size());
  event.code = cache + t.offset;
  event.code_bytes = static_cast<uint32_t>(t.code.size());
  for (const InstructionRecord& i : t.instructions) {
    event.in_line += i.treatment == Treatment::kInLine;
    event.call_outs += i.treatment == Treatment::kCallOut;
  }
  return event;
}

std::string hexadecimal(std::span<const uint8_t> bytes) { return fmt::format("{:02x}", fmt::join(bytes, "")); }

void TranslationRecorder::on_translation(const Translation& t, uint64_t cache) {
  if (!writer_) return;
  traces::Translation block = event_of(t, cache);
  block.time = now();
  writer_->emit(block);
  for (const InstructionRecord& i : t.instructions) {
    const bool identical = i.treatment == Treatment::kIdentical;
    const std::string output = identical ? std::string() : hexadecimal(std::span(t.code).subspan(i.code, i.code_length));
    writer_->emit(traces::TranslatedInstruction{.time = block.time,
                                                .rip = t.rip + i.guest,
                                                .instruction = traces::InstructionBytes(std::span(t.guest).subspan(i.guest, i.length)),
                                                .treatment = i.treatment,
                                                .reason = i.reason,
                                                .code = block.code + i.code,
                                                .output = output});
  }
}

void TranslationRecorder::on_link(uint64_t from, uint64_t to, traces::ChainKind kind) {
  if (writer_) writer_->emit(traces::TranslationChain{.time = now(), .from = from, .to = to, .kind = kind});
}

void TranslationRecorder::on_invalidation(const Translation& t, Invalidation cause) {
  if (writer_) writer_->emit(traces::TranslationDrop{.time = now(), .rip = t.rip, .cause = cause});
}

void TranslationRecorder::on_retranslation(uint64_t rip, uint32_t traps) {
  if (writer_) writer_->emit(traces::Retranslation{.time = now(), .rip = rip, .traps = traps});
}

}  // namespace ringside::vmm::bt
