#include "tests/differential/native/host_cpu.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

extern "C" {
void ringside_native_enter();
void ringside_native_leave();
void ringside_native_taken();
[[noreturn]] void ringside_native_return();
}

namespace ringside::differential {

// Shared with the child: what it runs and what it found.
struct HostCpu::Shared {
  uint32_t count = 0;
  uint32_t progress = 0;      // the case in flight
  Page read_only, read_write;
  Case cases[kBatch];
};

namespace {

struct Frame {
  uint64_t host_rsp, code, taken;
  uint64_t scratch[5];
  State before;
  uint8_t gap[768 - 64 - sizeof(State)];
  State after;
  // Not touched by the assembly.
  uint64_t faulted, vector, error, fault_address;
};
static_assert(offsetof(Frame, before) == 64 && offsetof(Frame, after) == 768 && sizeof(Frame) <= 2048);
static_assert(offsetof(State, flags) == 128 && offsetof(State, fpu) == 144);

Frame& frame() { return *reinterpret_cast<Frame*>(kFrame); }

bool map_at(uint64_t address, uint64_t bytes, int protection, int sharing) {
  void* wanted = reinterpret_cast<void*>(address);
  return mmap(wanted, bytes, protection, sharing | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == wanted;
}

// --- in the child ---------------------------------------------------------------------------------------------------------------

// The instruction faulted: note what it left, and go back to the loop without rt_sigreturn (the filter does not allow it).
// No sanitizer: its bookkeeping of the stack would not see that this frame is left by a jump.
__attribute__((no_sanitize("address", "undefined"))) void on_fault(int, siginfo_t*, void* context) {
  asm volatile("pushfq; andl $~0x40000, (%%rsp); popfq" : : : "cc", "memory");  // alignment checks off
  Frame& f = frame();
  const auto* uc = static_cast<const ucontext_t*>(context);
  const auto* regs = uc->uc_mcontext.gregs;
  const auto rip = static_cast<uint64_t>(regs[REG_RIP]);
  if (rip - kCode >= uint64_t{kBatch} * kSlotBytes) _exit(3);  // not the instruction but this program
  static constexpr int kOrder[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                     REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  for (int i = 0; i < 16; ++i) f.after.gpr[i] = static_cast<uint64_t>(regs[kOrder[i]]);
  f.after.flags = static_cast<uint64_t>(regs[REG_EFL]);
  std::memcpy(&f.after.fpu, uc->uc_mcontext.fpregs, sizeof(FpuImage));
  f.faulted = 1;
  f.vector = static_cast<uint64_t>(regs[REG_TRAPNO]);
  f.error = static_cast<uint64_t>(regs[REG_ERR]);
  f.fault_address = static_cast<uint64_t>(regs[REG_CR2]);
  ringside_native_return();
}

bool catch_faults() {
  static constexpr size_t kStackBytes = 64 * 1024;
  void* stack = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED) return false;
  const stack_t alternate{.ss_sp = stack, .ss_flags = 0, .ss_size = kStackBytes};
  if (sigaltstack(&alternate, nullptr) != 0) return false;
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | static_cast<int>(SA_NODEFER);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP}) {
    if (sigaction(signal, &action, nullptr) != 0) return false;
  }
  return true;
}

bool limit(__rlimit_resource resource, rlim_t value) {
  const rlimit both{value, value};
  return setrlimit(resource, &both) == 0;
}

// Only write, exit and exit_group remain. Everything else kills the process.
bool install_filter() {
  constexpr uint32_t kNumber = offsetof(seccomp_data, nr), kArchitecture = offsetof(seccomp_data, arch);
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kArchitecture),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNumber),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{.len = sizeof program / sizeof program[0], .filter = program};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// Exit codes of the child before it runs anything.
enum Refusal : int { kDone = 0, kNoSignals = 10, kNoLimits = 11, kNoUser = 12, kNoPrivileges = 13, kNoFilter = 14 };

int give_up_everything() {
  constexpr uid_t kNobody = 65534;
  if (!catch_faults()) return kNoSignals;
  if (!limit(RLIMIT_CPU, 60) || !limit(RLIMIT_FSIZE, 0) || !limit(RLIMIT_CORE, 0) || !limit(RLIMIT_NOFILE, 0) || !limit(RLIMIT_NPROC, 0)) return kNoLimits;
  if (geteuid() == 0 && (setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 || setresuid(kNobody, kNobody, kNobody) != 0)) return kNoUser;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return kNoPrivileges;
  return install_filter() ? kDone : kNoFilter;
}

void run_case(Case& c, unsigned slot, const Page& read_write) {
  Frame& f = frame();
  std::memcpy(reinterpret_cast<void*>(kReadWritePage), read_write.data(), kPage);
  f.before = c.before;
  f.code = kCode + uint64_t{slot} * kSlotBytes;
  f.taken = f.faulted = 0;
  ringside_native_enter();
  Result& r = c.real;
  r.state = f.after;
  r.outcome = f.faulted ? Outcome::kFault : f.taken ? Outcome::kTaken : Outcome::kFellThrough;
  r.vector = static_cast<uint32_t>(f.vector);
  r.error = static_cast<uint32_t>(f.error);
  r.fault_address = f.fault_address;
  std::memcpy(r.memory.data(), reinterpret_cast<const void*>(kReadWritePage), kPage);
}

void fill_slot(uint8_t* slot, const Case& c) {
  std::memset(slot, 0xcc, kSlotBytes);
  std::memcpy(slot, c.bytes.data(), c.length);
  const auto put_jump = [&](unsigned at, unsigned target) {  // JMP [RIP + ...]
    const int32_t distance = static_cast<int32_t>(target) - static_cast<int32_t>(at + 6);
    slot[at] = 0xff;
    slot[at + 1] = 0x25;
    std::memcpy(slot + at + 2, &distance, 4);
  };
  put_jump(c.length, kFallThroughTarget);
  put_jump(kTakenOffset, kTakenTarget);
  const auto fell_through = reinterpret_cast<uint64_t>(&ringside_native_leave), taken = reinterpret_cast<uint64_t>(&ringside_native_taken);
  std::memcpy(slot + kFallThroughTarget, &fell_through, 8);
  std::memcpy(slot + kTakenTarget, &taken, 8);
}

std::string explain(int status) {
  if (!WIFEXITED(status)) return "the child process was killed by signal " + std::to_string(WTERMSIG(status));
  switch (WEXITSTATUS(status)) {
    case kNoSignals: return "the child process may not install signal handlers";
    case kNoLimits: return "the child process may not lower its resource limits";
    case kNoUser: return "the child process may not become user nobody";
    case kNoPrivileges: return "PR_SET_NO_NEW_PRIVS is refused";
    case kNoFilter: return "seccomp filters are not permitted here";
    default: return "the child process ended with code " + std::to_string(WEXITSTATUS(status));
  }
}

// Runs the batch in a child; returns its wait status, or nothing if there can be no child.
template <class Body>
std::optional<int> in_child(Body body) {
  const pid_t child = fork();
  if (child < 0) return std::nullopt;
  if (child == 0) {
    const int refusal = give_up_everything();
    if (refusal == kDone) body();
    _exit(refusal);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return std::nullopt;
  }
  return status;
}

}  // namespace

HostCpu::~HostCpu() {
  if (!shared_) return;
  munmap(shared_, sizeof(Shared));
  munmap(reinterpret_cast<void*>(kFrame), kPage);
  munmap(code_, uint64_t{kBatch} * kSlotBytes);
  munmap(reinterpret_cast<void*>(kReadOnlyPage), 2 * kPage);
}

std::optional<std::string> HostCpu::open() {
  void* shared = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return "no memory for a batch";
  shared_ = new (shared) Shared;
  code_ = reinterpret_cast<uint8_t*>(kCode);
  if (!map_at(kFrame, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE) ||
      !map_at(kCode, uint64_t{kBatch} * kSlotBytes, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE) ||
      !map_at(kReadOnlyPage, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE)) {
    return "the fixed addresses from 0x10000000 on are taken, or executable memory is refused";
  }
  const auto status = in_child([] {});
  if (!status) return "fork is not permitted here";
  if (*status != 0) return explain(*status);
  return std::nullopt;
}

bool HostCpu::run(std::span<Case> cases, const Page& read_only, const Page& read_write) {
  shared_->count = static_cast<uint32_t>(cases.size());
  shared_->progress = 0;
  shared_->read_only = read_only;
  shared_->read_write = read_write;
  std::memcpy(shared_->cases, cases.data(), cases.size_bytes());
  for (uint32_t i = 0; i < shared_->count; ++i) fill_slot(code_ + i * kSlotBytes, cases[i]);
  std::memcpy(reinterpret_cast<void*>(kReadOnlyPage), read_only.data(), kPage);
  mprotect(reinterpret_cast<void*>(kReadOnlyPage), kPage, PROT_READ);
  const auto status = in_child([this] {
    for (uint32_t i = 0; i < shared_->count; ++i) {
      shared_->progress = i;
      run_case(shared_->cases[i], i, shared_->read_write);
    }
  });
  mprotect(reinterpret_cast<void*>(kReadOnlyPage), kPage, PROT_READ | PROT_WRITE);
  if (!status || *status != 0) return false;
  std::memcpy(cases.data(), shared_->cases, cases.size_bytes());
  return true;
}

uint32_t HostCpu::failed() const { return shared_ ? shared_->progress : 0; }

}  // namespace ringside::differential
