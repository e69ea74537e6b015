// Tests that need /dev/kvm call this first: null and a printed reason where the host has none, so the test returns early.
// Used by tests only.
#pragma once

#include <iostream>
#include <memory>

#include "tests/catch.h"
#include "vmm/machines/kvm/kvm_machine.h"

namespace ringside::vmm::testing {

inline std::unique_ptr<KvmMachine> kvm_or_skip(const KvmOptions& options) {
  // Only a host without a usable /dev/kvm is a reason to skip; once it opens, everything after it has to work.
  if (const auto system = KvmSystem::open(); !system) {
    std::cout << "SKIPPED: " << system.error().message << "\n";
    return nullptr;
  }
  auto machine = KvmMachine::create(options);
  if (!machine) FAIL(machine.error().message);
  return std::move(machine.value());
}

}  // namespace ringside::vmm::testing
