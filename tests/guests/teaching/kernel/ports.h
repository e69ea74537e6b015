// The ports this kernel writes. Console, marker and exit leave the machine (each is one port exit, on every machine);
// the timer and interrupt controllers are inside it.
#pragma once

enum {
  kPortDebugConsole = 0xe9,  // one byte, one character (Bochs and QEMU `-debugcon`)
  kPortCom1 = 0x3f8,         // 16550A UART; +5 is its line status
  kPortMarker = 0xf8,        // Ringside: a 32-bit value marks a point in the trace (hwmodel/platform/ports.h)
  kPortDebugExit = 0xf4,     // isa-debug-exit: value v ends the machine; QEMU's own status is then v * 2 + 1
  kPortPic1 = 0x20, kPortPic2 = 0xa0,
  kPortPit0 = 0x40, kPortPitCommand = 0x43,
  kPortPost = 0x80,          // read by the workload `in`: nobody answers
  // The block device (vmm/devices/pio_block.h).
  kPortBlockSector = 0xb10, kPortBlockCommand = 0xb14, kPortBlockData = 0xb18, kPortBlockSectors = 0xb1c
};
enum { kBlockCommandRead = 1, kBlockCommandWrite = 2, kSectorBytes = 512, kSectorsPerPage = 8 };
