// Writes what the binary translator does into the trace: blocks with what became of each instruction, chaining, invalidation, retranslation.
// Plugged in as the engine's observer; silent until a trace is to be written. Called by sim's machine factory.
#pragma once

#include "hwmodel/machine/machine.h"
#include "traces/write/writer.h"
#include "vmm/techniques/bt/engine.h"

namespace ringside::vmm::bt {

class TranslationRecorder final : public EngineObserver {
 public:
  // From now on; both must outlive it.
  void record(const hw::Machine& machine, traces::Writer& writer) {
    machine_ = &machine;
    writer_ = &writer;
  }

  void on_translation(const Translation& translation, uint64_t cache) override;
  void on_link(uint64_t from, uint64_t to, traces::ChainKind kind) override;
  void on_invalidation(const Translation& translation, Invalidation cause) override;
  void on_retranslation(uint64_t rip, uint32_t traps) override;

 private:
  uint64_t now() const { return machine_->now().value; }
  const hw::Machine* machine_ = nullptr;
  traces::Writer* writer_ = nullptr;
};

// The events of one translation in the order they are written: what the recorder and `ringside translate` show.
traces::Translation event_of(const Translation& translation, uint64_t cache);
std::string hexadecimal(std::span<const uint8_t> bytes);

}  // namespace ringside::vmm::bt
