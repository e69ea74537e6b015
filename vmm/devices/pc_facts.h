// Facts of the PC that both its devices and its ACPI tables must agree on, beyond the ports of hwmodel/platform/ports.h.
#pragma once

#include "hwmodel/platform/acpi_pm.h"

namespace ringside::vmm {

// 32 bits: at 3.58 MHz a 24-bit counter wraps every 4.7 s, and guests then need an interrupt to notice.
constexpr hw::AcpiPm::TimerWidth kPmTimerWidth = hw::AcpiPm::TimerWidth::k32Bit;

}  // namespace ringside::vmm
