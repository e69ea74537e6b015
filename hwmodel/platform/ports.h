// Every port of the platform, with the reason for its place. Devices do not read this (they see offsets); whoever plugs
// them into a Bus does, and the ACPI tables and the guests of tests/ repeat numbers from here.
#pragma once

#include <cstdint>

namespace ringside::hw {

struct PortRange {
  uint16_t first;
  uint16_t count;
};

namespace ports {
// Inside the machine (Chipset); fixed by the PC/AT and by the PIIX [82371AB 4.2 "I/O registers"].
constexpr PortRange kMasterPic{0x20, 2}, kSlavePic{0xa0, 2}, kElcr{0x4d0, 2}, kPit{0x40, 4}, kSystemControlB{0x61, 1};

// PC/AT. The keyboard controller's two ports have port 0x61 between them: KeyboardController answers the first, its
// KeyboardCommandPort the second.
constexpr PortRange kKeyboard{0x60, 1}, kKeyboardCommand{0x64, 1};
constexpr PortRange kCmos{0x70, 2};
constexpr PortRange kSystemControlA{0x92, 1};
constexpr PortRange kCom1{0x3f8, 8};
constexpr PortRange kVga{0x3c0, 0x20};
constexpr PortRange kPciConfig{0xcf8, 8};  // 0xcf9, a byte inside it, is the reset control register

// As in Bochs and QEMU, because teaching kernels write there.
constexpr PortRange kDebugConsole{0xe9, 1};  // [Bochs port_e9_hack; QEMU -device isa-debugcon]
constexpr PortRange kDebugExit{0xf4, 4};     // [QEMU -device isa-debug-exit,iobase=0xf4,iosize=0x04]

// Ringside's own: a 32-bit value marks a point in the trace. Behind isa-debug-exit, in the old coprocessor's range
// 0xf0-0xff that every PC reserves and no device of the last thirty years uses; one OUT with an 8-bit immediate reaches
// it.
constexpr PortRange kMarker{0xf8, 4};
// Ringside's block device (vmm/devices/pio_block.h): behind the ACPI block, clear of every ISA device and of the PIIX.
constexpr PortRange kPioBlock{0xb10, 16};

// The ACPI block, where QEMU and its firmware put theirs; clear of every ISA device.
constexpr PortRange kAcpiPm{0x600, 12};
constexpr uint16_t kPm1aEvent = 0x600;  // status 0x600, enable 0x602
constexpr uint16_t kPm1aControl = 0x604;
constexpr uint16_t kPmTimer = 0x608;
constexpr uint16_t kResetControl = 0xcf9;  // FADT RESET_REG; RESET_VALUE below
constexpr uint8_t kResetValue = 0x06;
}  // namespace ports

namespace irq {
constexpr unsigned kTimer = 0, kKeyboard = 1, kCascade = 2, kCom1 = 4, kRtc = 8, kSci = 9;
// GSI of an ISA line: the timer arrives at pin 2 of the I/O APIC, where the cascade would be (MADT interrupt source
// override).
constexpr unsigned gsi(unsigned isa_line) { return isa_line == kTimer ? 2 : isa_line; }
}  // namespace irq

// Memory-mapped controllers. The local APIC's page may be moved with IA32_APIC_BASE.
namespace mmio {
constexpr uint64_t kIoApic = 0xfec00000, kLocalApic = 0xfee00000, kControllerBytes = 0x1000;
constexpr uint64_t kVgaText = 0xb8000;
}  // namespace mmio

}  // namespace ringside::hw
