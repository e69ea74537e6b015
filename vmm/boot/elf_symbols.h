// The symbol table of an ELF file: where a name is. Called when a run names a function of the guest's kernel.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "traces/base/result.h"

namespace ringside::vmm {

// The value of symbol `name`. Errors: no ELF file, no symbol table (stripped), no such symbol; tables that leave the file have no symbols.
Result<uint64_t> symbol_address(std::span<const uint8_t> image, std::string_view name);

}  // namespace ringside::vmm
