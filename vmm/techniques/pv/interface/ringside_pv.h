// The paravirtual interface: everything a guest kernel and the monitor beneath it agree on. Included by both, so it is freestanding C that
// is also C++. Names and numbers follow Xen's x86-64 interface where the concept is Xen's; README.md beside this file tells the whole story.
#pragma once

#include <stdint.h>

// ---- hypercalls ----------------------------------------------------------------------------------------------------------------
// SYSCALL from the kernel view: number in rax, arguments in rdi, rsi, rdx, r10, r8, r9; result in rax, negative for failure. SYSCALL
// destroys rcx and r11; nothing else changes.
enum {
  kPvSetTrapTable = 0,       // (pv_trap_info *table)                                              0 as table: forget all
  kPvMmuUpdate = 1,          // (pv_mmu_update *requests, count, uint32_t *done)
  kPvSetGdt = 2,             // (uint64_t *machine_frames, descriptors)
  kPvStackSwitch = 3,        // (ss, rsp)                                                          the kernel's stack for the next entry from user view
  kPvSetCallbacks = 4,       // (event, failsafe, syscall)                                         addresses
  kPvFpuTaskswitch = 5,      // (set)                                                              CR0.TS
  kPvUpdateDescriptor = 10,  // (machine address, descriptor)
  kPvMulticall = 13,         // (pv_multicall_entry *calls, count)
  kPvUpdateVaMapping = 14,   // (address, entry, flags)                                            flags: pv_flush
  kPvSetTimerOp = 15,        // (system time in ns; 0: no timer)
  kPvVersion = 17,           // (command, void *argument)
  kPvConsoleIo = 18,         // (command, count, char *text)                                       emergency console
  kPvIret = 23,              // ()                                                                 pv_iret_frame on the stack; does not return
  kPvSetSegmentBase = 25,    // (which, base)
  kPvMmuextOp = 26,          // (pv_mmuext_op *operations, count, uint32_t *done)
  kPvSchedOp = 29,           // (command, argument)
  kPvEventChannelOp = 32,    // (command, pv_event_channel *argument)
  kPvPhysdevOp = 33,         // (command, pv_port_access *argument)
};

// Failures, as in <errno.h>.
enum {
  kPvErrorPermission = -1, kPvErrorNoEntry = -2, kPvErrorTooBig = -7, kPvErrorFault = -14, kPvErrorBusy = -16, kPvErrorExists = -17,
  kPvErrorInvalid = -22, kPvErrorNoSpace = -28, kPvErrorNoSuchCall = -38
};

enum {
  kPvMostUpdates = 2048,     // requests of one mmu_update or mmuext_op: a full one maps 8 MiB
  kPvMostCalls = 2048,       // entries of one multicall
  kPvMostConsoleBytes = 4096 // of one console_io
};

// ---- the processor -------------------------------------------------------------------------------------------------------------
// Selectors of the monitor's flat descriptors, valid with any GDT. Kernel and user both run at CPL 3; in frames the monitor builds, RPL 0
// in CS says that the kernel was interrupted.
enum { kPvFlatData = 0xe02b, kPvFlatCode64 = 0xe033, kPvFlatCode32 = 0xe023 };
enum { kPvMostDescriptors = 14 * 512 };

// set_trap_table: vectors and where they enter the kernel view; the list ends with an address of 0.
struct pv_trap_info {
  uint8_t vector;
  uint8_t flags;      // 1:0 lowest privilege that may raise it by INT n (3: user), bit 2: mask events on entry
  uint16_t cs;
  uint32_t reserved;
  uint64_t address;
};
enum { kPvTrapPrivilege = 3, kPvTrapMasksEvents = 4 };

// What the monitor leaves on the kernel's stack at a trap, from the stack pointer up. For vectors without an error code, and for SYSCALL
// and event callbacks, the error code's slot is absent. rflags.IF is the virtual one: set if events were not masked.
//   rcx, r11, [error], rip, cs, rflags, rsp, ss

// iret: what the kernel leaves on its stack, from the stack pointer up. cs with RPL 3 goes to the user view, with RPL 0 stays in the kernel.
// Events are unmasked where rflags.IF is set.
struct pv_iret_frame {
  uint64_t rax, r11, rcx;
  uint64_t flags;  // kPvIretInSyscall: r11 and rcx need not be kept
  uint64_t rip, cs, rflags, rsp, ss;
};
enum { kPvIretInSyscall = 1 << 8 };

// set_segment_base
enum { kPvFsBase = 0, kPvGsBaseUser = 1, kPvGsBaseKernel = 2 };

// ---- memory --------------------------------------------------------------------------------------------------------------------
// mmu_update: `address` is the machine address of a table entry, its low two bits one of these.
struct pv_mmu_update {
  uint64_t address, value;
};
enum { kPvUpdateNormal = 0, kPvUpdatePreserveAd = 2 };  // 2: accessed and dirty bits of the old entry stay

enum { kPvFlushNone = 0, kPvFlushAll = 1, kPvFlushPage = 2 };

struct pv_mmuext_op {
  uint32_t command;
  uint32_t reserved;
  uint64_t argument;  // a machine frame; a linear address for kPvInvalidatePage
};
enum {
  kPvPinL1 = 0, kPvPinL2 = 1, kPvPinL3 = 2, kPvPinL4 = 3, kPvUnpin = 4, kPvNewBase = 5, kPvFlushTlb = 6, kPvInvalidatePage = 7,
  kPvNewUserBase = 15
};

struct pv_multicall_entry {
  uint64_t call;
  int64_t result;
  uint64_t argument[6];
};

// The monitor's own entry of every top-level table. Not 256: a hypervisor beneath the host may keep that.
enum { kPvMonitorSlot = 257 };

// ---- version -------------------------------------------------------------------------------------------------------------------
enum { kPvInterfaceMajor = 1, kPvInterfaceMinor = 0 };
enum {
  kPvVersionNumber = 0,     // result: major << 16 | minor
  kPvVersionExtra = 1,      // argument: char[16], "-ringside"
  kPvVersionFeatures = 6    // argument: pv_feature_info
};
struct pv_feature_info {
  uint32_t index;  // in: 0
  uint32_t bits;   // out
};
enum { kPvFeatureMmuPreserveAd = 1 << 5, kPvFeatureBlock = 1 << 16, kPvFeaturePortAccess = 1 << 17 };

// ---- scheduling, events, time ------------------------------------------------------------------------------------------------------
enum { kPvSchedYield = 0, kPvSchedBlock = 1, kPvSchedShutdown = 2 };  // block: unmasks events, returns when one is pending
enum { kPvShutdownPowerOff = 0, kPvShutdownReboot = 1, kPvShutdownSuspend = 2, kPvShutdownCrash = 3 };  // argument of kPvSchedShutdown

enum { kPvVirqTimer = 0 };
enum { kPvEventPorts = 4096, kPvEventWords = 64 };
struct pv_event_channel {
  uint32_t virq;  // in of bind
  uint32_t vcpu;  // in of bind: 0
  uint32_t port;  // out of bind; in of the others
  uint32_t status;  // out of status
};
enum { kPvBindVirq = 1, kPvCloseEvent = 3, kPvSendEvent = 4, kPvEventStatus = 5, kPvUnmaskEvent = 9 };
enum { kPvEventClosed = 0, kPvEventInterdomain = 2, kPvEventVirq = 4 };  // status; interdomain: the other end is a device of the monitor

struct pv_vcpu_time {
  uint32_t version;  // odd while it changes
  uint32_t pad0;
  uint64_t tsc_timestamp;  // TSC at system_time
  uint64_t system_time;    // ns
  uint32_t tsc_to_system_mul;  // ns since then = (ticks << shift) * mul >> 32; 0: the TSC says nothing, system_time is that of the last entry
  int8_t tsc_shift;
  int8_t pad1[3];
};
struct pv_vcpu_info {
  uint8_t upcall_pending;  // an event waits for the callback
  uint8_t upcall_mask;     // the virtual IF, inverted
  uint8_t pad[6];
  uint64_t pending_sel;    // words of event_pending that have news
  uint64_t cr2;            // of the last page fault
  uint64_t pad1;
  struct pv_vcpu_time time;
};
struct pv_shared_info {
  struct pv_vcpu_info vcpu[32];
  uint64_t event_pending[kPvEventWords];
  uint64_t event_mask[kPvEventWords];
};

// ---- devices -------------------------------------------------------------------------------------------------------------------
// physdev_op: one access to a port of the machine's bus, for what has no ring: phase markers, the debug exit.
enum { kPvPortAccess = 1 };
struct pv_port_access {
  uint16_t port;
  uint8_t size;   // 1, 2, 4
  uint8_t write;
  uint32_t value; // in for writes, out for reads
};

enum { kPvConsoleWrite = 0 };  // console_io

// The console: two byte rings; indices run freely and are taken modulo the size. Whoever produces moves *_prod and notifies by the port.
struct pv_console_ring {
  char in[1024];
  char out[2048];
  uint32_t in_cons, in_prod;
  uint32_t out_cons, out_prod;
};

// The block device: requests and responses share the slots of one ring, as in Xen's blkif. Sectors have 512 bytes.
enum { kPvBlockRead = 0, kPvBlockWrite = 1, kPvBlockFlush = 3 };
enum { kPvBlockOkay = 0, kPvBlockError = -1, kPvBlockNotSupported = -2 };
enum { kPvBlockSegments = 11, kPvBlockRingSize = 16, kPvSectorBytes = 512 };
struct pv_block_segment {
  uint64_t frame;      // machine frame; written to by the device for reads
  uint8_t first_sector, last_sector;  // 0..7 within the frame, inclusive
  uint8_t pad[6];
};
struct pv_block_request {
  uint8_t operation, segments;
  uint16_t reserved;
  uint32_t pad;
  uint64_t id;         // comes back in the response
  uint64_t sector;
  struct pv_block_segment segment[kPvBlockSegments];
};
struct pv_block_response {
  uint64_t id;
  uint8_t operation, pad;
  int16_t status;
};
union pv_block_slot {
  struct pv_block_request request;
  struct pv_block_response response;
};
// The producer of requests (responses) notifies only if the other side asked to be told by moving req_event (rsp_event) into what it
// has just produced: new_prod - event < new_prod - old_prod in unsigned arithmetic.
struct pv_block_ring {
  uint32_t req_prod, req_event, rsp_prod, rsp_event;
  uint8_t pad[48];
  union pv_block_slot slot[kPvBlockRingSize];
};

// ---- start of day --------------------------------------------------------------------------------------------------------------
// ELF notes that make an executable a paravirtual kernel; all have the owner name "Ringside".
enum {
  kPvNoteEntry = 1,        // 64-bit: linear address of the first instruction
  kPvNoteVirtBase = 3,     // 64-bit: linear address of pseudo-physical page 0 in the initial tables
  kPvNoteInterface = 5     // 32-bit: major << 16 | minor the kernel was built for
};

// The kernel starts in 64-bit mode in the kernel view with events masked: rsi = linear address of this page, rsp = a page of stack.
// The initial tables map pseudo-physical pages [1, mapped_pages) at virt_base + address, read-write except for the tables themselves.
struct pv_start_info {
  char magic[32];
  uint64_t pages;          // memory of the guest, in pages: pseudo-physical pages 0 .. pages - 1
  uint64_t flags;          // 0
  uint64_t shared_info;    // linear address, as all of the following unless it says otherwise
  uint64_t table_base;     // the initial top-level table
  uint64_t table_frames;   // how many tables follow one another from there
  uint64_t p2m;            // uint32_t per pseudo-physical page: its machine frame
  uint64_t m2p;            // uint32_t per machine frame: its pseudo-physical page, or kPvNoPage
  uint64_t machine_frames; // entries of m2p
  uint64_t mapped_pages;   // end of the initial mapping, in pages
  uint64_t first_free;     // first pseudo-physical page behind what the loader placed
  uint64_t console_ring;
  uint64_t block_ring;     // 0: no block device
  uint32_t console_port, block_port;  // event channels, bound already
  uint64_t block_sectors;
  char command_line[1024];
};
#define kPvNoPage 0xffffffffu
#define kPvMagic "ringside-pv-1.0"
