// machine_ops under a monitor: hypercalls, the shared info page, and the rings instead of privileged instructions and devices.
#include "../ops.h"

#include "../../abi.h"
#include "../console.h"
#include "../memory.h"
#include "../paging.h"
#include "../ports.h"
#include "../trap.h"
#include "hypercall.h"
#include "tables.h"

extern const uint8_t pv_stubs[];
extern void pv_syscall_entry(void), pv_event_entry(void), pv_failsafe_entry(void);

static uint32_t timer_port;
static uint64_t timer_period, timer_next;  // ns of system time

struct pv_shared_info *shared_info(void) { return (struct pv_shared_info *)start_info->shared_info; }

// --- set-up -------------------------------------------------------------------------------------------------------------------

// Only what user code loads: the kernel's own segments are the monitor's.
static uint64_t gdt[kPageSize / 8] __attribute__((aligned(4096))) = {
    [3] = 0x00cff3000000ffff,  // 0x18 user data
    [4] = 0x00affb000000ffff,  // 0x20 user code
};

static void set_traps(void) {
  static struct pv_trap_info table[34];
  for (unsigned v = 0; v < 33; v++) {
    const bool interrupt = v == 32;
    table[v] = (struct pv_trap_info){.vector = interrupt ? kVectorSyscall : (uint8_t)v,
                                     .flags = kPvTrapMasksEvents | (interrupt || v == 3 ? kPvTrapPrivilege : 0),
                                     .cs = kPvFlatCode64,
                                     .address = (uint64_t)pv_stubs + 16 * v};
  }
  batch_call(kPvSetTrapTable, (uint64_t)table, 0, 0);
}

static void pv_init(void) {
  static uint64_t gdt_frame;
  for (uint64_t i = 0; i < start_info->table_frames; i++) pv_keep_read_only(start_info->table_base + i * kPageSize);
  pv_keep_read_only((phys_t)gdt);
  gdt_frame = pv_machine_address((phys_t)gdt) / kPageSize;
  batch_call(kPvSetGdt, (uint64_t)&gdt_frame, kPageSize / 8, 0);
  set_traps();
  batch_call(kPvSetCallbacks, (uint64_t)pv_event_entry, (uint64_t)pv_failsafe_entry, (uint64_t)pv_syscall_entry);
  batch_flush();
}

static void pv_set_kernel_stack(virt_t top) { batch_call(kPvStackSwitch, kPvFlatData, top, 0); }  // goes with the next load_root

// The user's tables do not map the kernel, so the processor finds absent what on the bare machine is forbidden.
static void pv_repair_entry(struct frame *frame) {
  const pte_t *entry = frame->vector == kVectorPf ? space_entry(&kernel_space, shared_info()->vcpu[0].cr2) : 0;
  if (entry && (*entry & PTE_PRESENT)) frame->error |= kFaultPresent;
}

void pv_failsafe(void) { panic("a return to the interrupted program failed"); }

// --- events and time ----------------------------------------------------------------------------------------------------------

static uint64_t system_time(void) {
  const volatile struct pv_vcpu_time *time = &shared_info()->vcpu[0].time;
  uint32_t version;
  uint64_t now;
  do {
    version = time->version;
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    const uint64_t ticks = ((uint64_t)high << 32 | low) - time->tsc_timestamp;
    const uint64_t shifted = time->tsc_shift >= 0 ? ticks << time->tsc_shift : ticks >> -time->tsc_shift;
    now = time->system_time + (uint64_t)((unsigned __int128)shifted * time->tsc_to_system_mul >> 32);
  } while ((version & 1) || version != time->version);
  return now;
}

static void pv_start_timer(unsigned hz) {
  struct pv_event_channel channel = {.virq = kPvVirqTimer};
  if (hypercall(kPvEventChannelOp, kPvBindVirq, (uint64_t)&channel, 0) < 0) panic("no timer");
  timer_port = channel.port;
  timer_period = 1000000000 / hz;
  timer_next = system_time() + timer_period;
  hypercall(kPvSetTimerOp, timer_next, 0, 0);
}

// The timer is one shot. Ticks that are past already are not made up for, as on a machine whose interrupt line was up all the time.
static void pv_acknowledge_irq(unsigned irq) {
  if (irq != 0) return;
  const uint64_t now = system_time();
  timer_next += timer_period;
  if (timer_next <= now) timer_next = now + timer_period;
  hypercall(kPvSetTimerOp, timer_next, 0, 0);
}

// Takes the pending bits of all ports; of these only the timer's means anything to this kernel, which polls its rings.
static bool take_events(void) {
  struct pv_shared_info *shared = shared_info();
  bool timer = false;
  __atomic_store_n(&shared->vcpu[0].upcall_pending, 0, __ATOMIC_SEQ_CST);
  uint64_t words = __atomic_exchange_n(&shared->vcpu[0].pending_sel, 0, __ATOMIC_SEQ_CST);
  for (; words; words &= words - 1) {
    const unsigned word = (unsigned)__builtin_ctzll(words);
    const uint64_t ports = __atomic_exchange_n(&shared->event_pending[word], 0, __ATOMIC_SEQ_CST);
    if (timer_port / 64 == word) timer |= ports >> timer_port % 64 & 1;
  }
  return timer;
}

enum { kVectorEvent = 0x101 };

// All doors of the kernel lead here (entry_pv.S).
void pv_trap(struct frame *frame) {
  if (frame->vector == kVectorEvent) {
    if (!take_events()) return;
    frame->vector = kVectorIrq0;
  }
  trap(frame);
}

// Waits with events on: the callback runs before the hypercall returns to us. Off again on return.
static void pv_idle(void) {
  hypercall(kPvSchedOp, kPvSchedBlock, 0, 0);
  shared_info()->vcpu[0].upcall_mask = 1;
}
static void pv_mask_interrupts(void) { *(volatile uint8_t *)&shared_info()->vcpu[0].upcall_mask = 1; }
// There is no task priority; its nearest is the event mask, a byte of memory. The kernel runs with events masked anyway.
static void pv_write_task_priority(unsigned priority) {
  (void)priority;
  pv_mask_interrupts();
}

static virt_t pv_fault_address(void) { return shared_info()->vcpu[0].cr2; }

// --- devices --------------------------------------------------------------------------------------------------------------------

static void notify(uint32_t port) {
  struct pv_event_channel channel = {.port = port};
  hypercall(kPvEventChannelOp, kPvSendEvent, (uint64_t)&channel, 0);
}

// The monitor is told at the end of a line, and when the ring is full.
static void pv_console_write(const char *text, size_t length) {
  volatile struct pv_console_ring *ring = (volatile struct pv_console_ring *)start_info->console_ring;
  bool line = false;
  for (size_t i = 0; i < length; i++) {
    if (ring->out_prod - ring->out_cons == sizeof ring->out) notify(start_info->console_port);
    ring->out[ring->out_prod % sizeof ring->out] = text[i];
    ring->out_prod++;
    line |= text[i] == '\n';
  }
  if (line) notify(start_info->console_port);
}

static uint64_t pv_block_pages(void) { return start_info->block_ring ? start_info->block_sectors / kSectorsPerPage : 0; }

// One request, waited for: the device answers before the notification returns.
static bool pv_block_transfer(enum block_direction direction, uint64_t page, phys_t frame) {
  volatile struct pv_block_ring *ring = (volatile struct pv_block_ring *)start_info->block_ring;
  static uint32_t taken;
  volatile union pv_block_slot *slot = &ring->slot[ring->req_prod % kPvBlockRingSize];
  slot->request = (struct pv_block_request){
      .operation = direction == kBlockRead ? kPvBlockRead : kPvBlockWrite,
      .segments = 1,
      .id = page,
      .sector = page * kSectorsPerPage,
      .segment = {{.frame = pv_machine_address(frame) / kPageSize, .first_sector = 0, .last_sector = kSectorsPerPage - 1}}};
  ring->req_prod++;
  notify(start_info->block_port);
  if (ring->rsp_prod == taken) return false;
  return ring->slot[taken++ % kPvBlockRingSize].response.status == kPvBlockOkay;
}

static uint32_t port_access(uint16_t port, uint8_t size, bool write, uint32_t value) {
  struct pv_port_access access = {.port = port, .size = size, .write = write, .value = value};
  hypercall(kPvPhysdevOp, kPvPortAccess, (uint64_t)&access, 0);
  return access.value;
}
static uint8_t pv_port_in(uint16_t port) { return (uint8_t)port_access(port, 1, false, 0); }
static void pv_marker(uint32_t value) { port_access(kPortMarker, 4, true, value); }

static void __attribute__((noreturn)) pv_power_off(uint8_t status) {
  notify(start_info->console_port);
  if (status) port_access(kPortDebugExit, 1, true, status);  // a value for whoever watches
  for (;;) hypercall(kPvSchedOp, kPvSchedShutdown, kPvShutdownPowerOff, 0);
}

const struct machine_ops ops = {
    .large_pages = false,
    .init = pv_init,
    .set_kernel_stack = pv_set_kernel_stack,
    .start_timer = pv_start_timer,
    .acknowledge_irq = pv_acknowledge_irq,
    .repair_entry = pv_repair_entry,
    .idle = pv_idle,
    .mask_interrupts = pv_mask_interrupts,
    .write_task_priority = pv_write_task_priority,
    .make_pte = pv_make_pte,
    .pte_frame = pv_pte_frame,
    .set_pte = pv_set_pte,
    .table_born = pv_table_born,
    .table_died = pv_table_died,
    .lazy_begin = pv_lazy_begin,
    .lazy_end = pv_lazy_end,
    .load_root = pv_load_root,
    .flush_page = pv_flush_page,
    .fault_address = pv_fault_address,
    .console_write = pv_console_write,
    .port_in = pv_port_in,
    .block_pages = pv_block_pages,
    .block_transfer = pv_block_transfer,
    .marker = pv_marker,
    .power_off = pv_power_off,
};
