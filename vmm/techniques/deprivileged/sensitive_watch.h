// What a deprivileged kernel executed that x86 neither forbids nor hides: sensitive instructions that ran unnoticed at CPL 3, by address, and
// whether the processor's answer differed from what the guest's own processor would have given. That list is why plain trap-and-emulate does not
// virtualize x86 (Popek and Goldberg). An observer of the processor below the guest; passes on what else it hears.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "hwmodel/machine/cpu.h"
#include "hwmodel/machine/observer.h"

namespace ringside::vmm {

class SensitiveWatch final : public hw::Observer {
 public:
  explicit SensitiveWatch(const hw::Cpu& guest) : guest_(guest) {}
  void forward_to(hw::Observer* observer) { next_ = observer; }

  void on_sensitive(const hw::InstructionInfo& row, uint64_t rip, unsigned cpl) override;
  void on_unimplemented(std::string_view instruction, uint64_t rip) override;
  // The instruction at `rip` trapped after all (a far transfer to a descriptor that is not there): it did not pass unnoticed.
  void on_trap(uint64_t rip);
  bool wants_walks() const override { return next_ && next_->wants_walks(); }
  void on_walk(const hw::WalkResult& walk) override {
    if (next_) next_->on_walk(walk);
  }

  struct Site {
    const hw::InstructionInfo* row = nullptr;
    uint64_t count = 0;
  };
  const std::map<uint64_t, Site>& sites() const { return sites_; }  // by rip
  uint64_t total() const { return total_; }
  // One sentence for each of the most frequent sites, and one that sums up; none where nothing ran unnoticed.
  std::vector<std::string> findings() const;

 private:
  const hw::Cpu& guest_;
  hw::Observer* next_ = nullptr;
  std::map<uint64_t, Site> sites_;
  uint64_t total_ = 0;
  uint64_t last_ = ~0ull;  // rip of the instruction told of last, while it may still trap
};

}  // namespace ringside::vmm
