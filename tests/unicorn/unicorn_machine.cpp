#include "tests/unicorn/unicorn_machine.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "tests/unicorn/environment.h"

namespace ringside::differential {
namespace {

constexpr int kGpr64[] = {UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX, UC_X86_REG_RSP, UC_X86_REG_RBP, UC_X86_REG_RSI, UC_X86_REG_RDI,
                          UC_X86_REG_R8,  UC_X86_REG_R9,  UC_X86_REG_R10, UC_X86_REG_R11, UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15};
constexpr int kGpr32[] = {UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX, UC_X86_REG_ESP, UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI};
constexpr int kSegments[] = {UC_X86_REG_ES, UC_X86_REG_CS, UC_X86_REG_SS, UC_X86_REG_DS, UC_X86_REG_FS, UC_X86_REG_GS};

uc_mode engine_mode(Mode mode) {
  switch (mode) {
    case Mode::kReal16: return UC_MODE_16;
    case Mode::kProtected16: case Mode::kProtected32: return UC_MODE_32;
    case Mode::kCompatibility32: case Mode::kLong64: return UC_MODE_64;
  }
  return UC_MODE_64;
}

// Machine code written byte by byte: the few instructions that load the mode's state.
class Code {
 public:
  Code& bytes(std::initializer_list<unsigned> list) {
    for (const unsigned b : list) code_.push_back(static_cast<uint8_t>(b));
    return *this;
  }
  Code& word(uint32_t value, unsigned size = 4) {
    for (unsigned i = 0; i < size; ++i) code_.push_back(static_cast<uint8_t>(value >> (8 * i)));
    return *this;
  }
  Code& mov_eax(uint64_t value) { return bytes({0xb8}).word(static_cast<uint32_t>(value)); }
  const std::vector<uint8_t>& get() const { return code_; }

 private:
  std::vector<uint8_t> code_;
};

constexpr unsigned kModRmOfSegment[] = {0xc0, 0, 0xd0, 0xd8, 0xe0, 0xe8};  // mov sreg, ax

void load_segments(Code& code, Mode mode) {
  const auto selectors = initial_selectors(mode);
  for (const unsigned s : {0u, 2u, 3u, 4u, 5u}) code.mov_eax(selectors[s]).bytes({0x8e, kModRmOfSegment[s]});
}

// The table pointers lie behind the prologue.
constexpr uint64_t kGdtPointer = layout::kPrologue + 0x200, kIdtPointer = kGdtPointer + 16;

Code prologue(Mode mode) {
  Code code;
  if (mode == Mode::kReal16) {
    code.bytes({0x66, 0x0f, 0x01, 0x16}).word(kGdtPointer, 2).bytes({0x66, 0x0f, 0x01, 0x1e}).word(kIdtPointer, 2);
    return code.bytes({0x66}).mov_eax(initial_cr0(mode)).bytes({0x0f, 0x22, 0xc0, 0x66}).mov_eax(kCr4).bytes({0x0f, 0x22, 0xe0});
  }
  const bool wide = engine_mode(mode) == UC_MODE_64;
  for (const auto& [reg, pointer] : {std::pair{0x10u, kGdtPointer}, std::pair{0x18u, kIdtPointer}}) {
    if (wide) code.bytes({0x0f, 0x01, reg | 0x04, 0x25}).word(static_cast<uint32_t>(pointer));
    else code.bytes({0x0f, 0x01, reg | 0x05}).word(static_cast<uint32_t>(pointer));
  }
  code.mov_eax(kCr4).bytes({0x0f, 0x22, 0xe0});
  if (wide) {
    code.mov_eax(layout::kTables).bytes({0x0f, 0x22, 0xd8});
    code.bytes({0xb9}).word(0xc0000080).mov_eax(kEfer).bytes({0x31, 0xd2, 0x0f, 0x30});
  }
  code.mov_eax(initial_cr0(mode)).bytes({0x0f, 0x22, 0xc0});
  load_segments(code, mode);
  code.mov_eax(0).bytes({0x0f, 0x00, 0xd0});  // lldt ax: no LDT
  const uint16_t cs = initial_selectors(mode)[1];
  if (wide) code.bytes({0x6a, cs, 0x68}).word(layout::kHandler).bytes({0x48, 0xcb});  // push cs; push rip; retfq
  else code.bytes({0xea}).word(layout::kHandler).word(cs, 2);
  return code;
}

}  // namespace

UnicornMachine::UnicornMachine(Mode mode) : mode_(mode) {
  memory_ = static_cast<uint8_t*>(std::aligned_alloc(4096, layout::kBytes));
  if (!memory_ || uc_open(UC_ARCH_X86, engine_mode(mode), &engine_) != UC_ERR_OK) return;
  if (uc_ctl_set_cpu_model(engine_, UC_CPU_X86_NEHALEM) != UC_ERR_OK) return;  // the first with what x86-64-v2 asks for, and no more
  build_environment(mode, {memory_, layout::kBytes});
  if (uc_mem_map_ptr(engine_, 0, layout::kBytes, UC_PROT_ALL, memory_) != UC_ERR_OK) return;
  // A store outside the data window would spoil later tests: Unicorn refuses it.
  uc_mem_protect(engine_, 0, layout::kWindow, UC_PROT_READ | UC_PROT_EXEC);
  uc_mem_protect(engine_, layout::kWindow + layout::kWindowBytes, layout::kBytes - layout::kWindow - layout::kWindowBytes, UC_PROT_READ | UC_PROT_EXEC);
  uc_hook hook;
  uc_hook_add(engine_, &hook, UC_HOOK_INTR, reinterpret_cast<void*>(&UnicornMachine::on_interrupt), this, 1, 0);
  ready_ = enter_mode() && uc_context_alloc(engine_, &context_) == UC_ERR_OK && uc_context_save(engine_, context_) == UC_ERR_OK;
}

UnicornMachine::~UnicornMachine() {
  if (context_) uc_context_free(context_);
  if (engine_) uc_close(engine_);
  std::free(memory_);
}

void UnicornMachine::on_interrupt(uc_engine* engine, uint32_t vector, void* self) {
  auto* machine = static_cast<UnicornMachine*>(self);
  machine->interrupted_ = true;
  machine->vector_ = vector;
  uc_emu_stop(engine);
}

bool UnicornMachine::enter_mode() {
  const auto code = prologue(mode_);
  std::copy(code.get().begin(), code.get().end(), memory_ + layout::kPrologue);
  const auto pointer = [&](uint64_t at, uint16_t limit, uint64_t base) {
    std::memcpy(memory_ + at, &limit, 2);
    std::memcpy(memory_ + at + 2, &base, 8);
  };
  pointer(kGdtPointer, 8 * kGdtEntries - 1, layout::kGdt);
  if (mode_ == Mode::kReal16) pointer(kIdtPointer, 0x3ff, 0);
  else pointer(kIdtPointer, 0xfff, layout::kIdt);
  const uint64_t stack = layout::kWindow + 0x1000;
  uc_reg_write(engine_, engine_mode(mode_) == UC_MODE_64 ? UC_X86_REG_RSP : UC_X86_REG_ESP, &stack);
  const uint64_t until = mode_ == Mode::kReal16 ? layout::kPrologue + code.get().size() : layout::kHandler;
  if (uc_emu_start(engine_, layout::kPrologue, until, 0, 100) != UC_ERR_OK || interrupted_) return false;
  if (mode_ == Mode::kReal16) {
    const auto selectors = initial_selectors(mode_);
    for (unsigned s = 0; s < 6; ++s) {
      const uint64_t value = selectors[s];
      uc_reg_write(engine_, kSegments[s], &value);
    }
  }
  const State state = read_state();
  return state.selector == initial_selectors(mode_) && state.cr0 == initial_cr0(mode_);
}

State UnicornMachine::read_state() const {
  State state;
  const bool wide = engine_mode(mode_) == UC_MODE_64;
  const auto read = [&](int reg) {
    uint64_t value = 0;
    uc_reg_read(engine_, reg, &value);
    return value;
  };
  for (unsigned r = 0; r < (wide ? 16 : 8); ++r) state.gpr[r] = read(wide ? kGpr64[r] : kGpr32[r]);
  state.rip = read(wide ? UC_X86_REG_RIP : UC_X86_REG_EIP);
  state.rflags = read(UC_X86_REG_EFLAGS);
  state.cr0 = read(UC_X86_REG_CR0);
  state.cr2 = read(UC_X86_REG_CR2);
  for (unsigned s = 0; s < 6; ++s) state.selector[s] = static_cast<uint16_t>(read(kSegments[s]));
  if (mode_ == Mode::kReal16) state.rip = static_cast<uint32_t>(state.rip - 16 * state.selector[1]);  // it reports the linear address
  return state;
}

Outcome UnicornMachine::run(const TestCase& test) {
  const bool wide = engine_mode(mode_) == UC_MODE_64;
  uc_context_restore(engine_, context_);
  fill_window({memory_, layout::kBytes}, test);
  uc_ctl_remove_cache(engine_, test.address, test.address + 16);
  std::memcpy(memory_ + test.address, test.bytes.data(), test.bytes.size());
  for (unsigned r = 0; r < (wide ? 16 : 8); ++r) uc_reg_write(engine_, wide ? kGpr64[r] : kGpr32[r], &test.before.gpr[r]);
  uc_reg_write(engine_, UC_X86_REG_EFLAGS, &test.before.rflags);
  uc_reg_write(engine_, UC_X86_REG_CR2, &test.before.cr2);
  interrupted_ = false;
  // A repeated string instruction counts each round, so it is ended by the address behind it, others by the count.
  const uc_err error = uc_emu_start(engine_, test.address, test.address + test.length, 0, test.repeated ? 40 : 1);
  Outcome outcome;
  outcome.after = read_state();
  if (interrupted_) {
    outcome.ending = Ending::kException;
    outcome.vector = vector_;
  } else if (error == UC_ERR_INSN_INVALID) {
    outcome.ending = Ending::kException;
    outcome.vector = 6;
  } else if (error == UC_ERR_WRITE_PROT) {
    outcome.ending = Ending::kStray;
  } else if (error != UC_ERR_OK) {
    outcome.ending = Ending::kOutside;
  }
  return outcome;
}

}  // namespace ringside::differential
