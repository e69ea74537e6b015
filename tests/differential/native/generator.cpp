#include "tests/differential/native/generator.h"

#include <algorithm>
#include <cstring>

#include "hwmodel/isa/decoder.h"
#include "hwmodel/isa/instruction_table.h"
#include "tests/differential/native/random_state.h"

namespace ringside::differential {
namespace {

using hw::Decoded;

const ZydisDecoder& full_decoder() {
  static const ZydisDecoder decoder = [] {
    ZydisDecoder d;
    ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    return d;
  }();
  return decoder;
}

bool is_relative_branch(const Decoded& d) {
  return d.insn.operand_count_visible > 0 && d.is_imm(0) && d.ops[0].imm.is_relative;
}

// Unprivileged, and not one of the kinds that leave the slot or the process (the list of excluded mnemonics comes on top).
bool allowed(const Decoded& d) {
  if (d.insn.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY) return false;
  if ((d.insn.attributes & ZYDIS_ATTRIB_IS_PRIVILEGED) || d.insn.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR) return false;
  switch (d.insn.meta.category) {
    case ZYDIS_CATEGORY_SYSTEM:
    case ZYDIS_CATEGORY_INTERRUPT:
    case ZYDIS_CATEGORY_IO:
    case ZYDIS_CATEGORY_IOSTRINGOP:
    case ZYDIS_CATEGORY_SYSCALL:
    case ZYDIS_CATEGORY_SYSRET:
    case ZYDIS_CATEGORY_SEGOP:
    case ZYDIS_CATEGORY_VTX: return false;
    default: break;
  }
  for (unsigned i = 0; i < d.insn.operand_count; ++i) {
    const auto& op = d.ops[i];
    if (op.type == ZYDIS_OPERAND_TYPE_POINTER) return false;
    if (op.type == ZYDIS_OPERAND_TYPE_REGISTER) {
      const auto kind = ZydisRegisterGetClass(op.reg.value);
      if (kind == ZYDIS_REGCLASS_SEGMENT || kind == ZYDIS_REGCLASS_CONTROL || kind == ZYDIS_REGCLASS_DEBUG) return false;
    }
    if (op.type == ZYDIS_OPERAND_TYPE_MEMORY && (op.mem.segment == ZYDIS_REGISTER_FS || op.mem.segment == ZYDIS_REGISTER_GS)) return false;
  }
  return true;
}
// The rows of the instruction table are the allow list: some row must take the form, without privilege.
bool in_table(const Decoded& d) {
  hw::Uop uop;
  for (const hw::InstructionInfo* info : hw::instruction_rows(d.insn.mnemonic)) {
    uop = hw::Uop{};
    uop.address_size = 8;
    if (info->bind(d, uop)) return info->privilege == hw::Privilege::kNone;
  }
  return false;
}

// Prefixes, REX and the escape to the other maps.
bool is_prefix(unsigned opcode) {
  switch (opcode) {
    case 0x0f: case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: case 0x66: case 0x67: case 0xf0: case 0xf2: case 0xf3: return true;
    default: return opcode >= 0x40 && opcode < 0x50;
  }
}
bool is_x87(uint8_t map, uint8_t opcode) { return map == 0 && opcode >= 0xd8 && opcode <= 0xdf; }

size_t put_opcode(const Form& f, uint8_t rex, uint8_t* out) {
  size_t n = 0;
  if (f.mandatory_prefix) out[n++] = f.mandatory_prefix;
  if (rex) out[n++] = rex;
  if (f.map) out[n++] = 0x0f;
  if (f.map == 2) out[n++] = 0x38;
  if (f.map == 3) out[n++] = 0x3a;
  out[n++] = f.opcode;
  return n;
}

}  // namespace

bool decode_both(std::span<const uint8_t> bytes, Decoded& out) {
  Decoded host;
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&full_decoder(), bytes.data(), bytes.size(), &host.insn, host.ops))) return false;
  return hw::decode_instruction(bytes, 64, out) && out.insn.mnemonic == host.insn.mnemonic && out.insn.length == host.insn.length;
}

Generator::Generator(const Differences& differences, const std::string& only) {
  collect(differences, only);
  for (const auto& [mnemonic, forms] : forms_) mnemonics_.push_back(mnemonic);
}

// Tries every opcode with every mandatory prefix and sorts what comes out by mnemonic, so that rare instructions are as likely as common ones.
void Generator::collect(const Differences& differences, const std::string& only) {
  static constexpr uint8_t kPrefixes[] = {0, 0x66, 0xf2, 0xf3};
  const auto wanted = [&](std::string_view name) {
    if (only.empty()) return true;
    return only.ends_with('*') ? name.starts_with(std::string_view(only).substr(0, only.size() - 1)) : name == only;
  };
  const auto consider = [&](Form form) {
    uint8_t bytes[16] = {};
    size_t n = put_opcode(form, form.wide ? 0x48 : 0, bytes);
    bytes[n] = static_cast<uint8_t>((form.memory ? 0x80 : 0xc0) | form.reg << 3 | form.rm);
    Decoded d;
    if (!decode_both(bytes, d) || d.insn.opcode != form.opcode || !allowed(d) || !in_table(d)) return;
    const char* name = ZydisMnemonicGetString(d.insn.mnemonic);
    const bool branch = is_relative_branch(d);
    if (!wanted(name) || (differences.excluded(name) && !branch)) return;
    if (branch && form.mandatory_prefix == 0x66) return;  // vendors disagree about its target's size
    form.mnemonic = d.insn.mnemonic;
    forms_[form.mnemonic].push_back(form);
  };
  for (const uint8_t prefix : kPrefixes) {
    for (uint8_t map = 0; map < 4; ++map) {
      for (unsigned opcode = 0; opcode < 256; ++opcode) {
        if (map == 0 && is_prefix(opcode)) continue;
        for (uint8_t reg = 0; reg < 8; ++reg) {
          for (const bool wide : {false, true}) {
            const bool x87 = is_x87(map, static_cast<uint8_t>(opcode));
            consider({ZYDIS_MNEMONIC_INVALID, prefix, map, static_cast<uint8_t>(opcode), reg, 0, true, wide, true, false});
            for (uint8_t rm = 0; rm < (x87 ? 8 : 1); ++rm) {
              consider({ZYDIS_MNEMONIC_INVALID, prefix, map, static_cast<uint8_t>(opcode), reg, rm, false, wide, true, x87});
            }
          }
        }
      }
    }
  }
}

// Bytes of one instance of the form; false if the choice made another instruction of it.
bool Generator::encode(Random& random, const Form& form, Case& c, Decoded& d) const {
  c.bytes.fill(0);
  for (auto& byte : c.bytes) byte = static_cast<uint8_t>(random.next());
  size_t n = 0;
  if (form.memory && random.chance(10)) c.bytes[n++] = 0xf0;
  if (random.chance(4)) c.bytes[n++] = 0x67;
  if (random.chance(4) && form.mandatory_prefix != 0x66) c.bytes[n++] = 0x66;
  const auto rex = static_cast<uint8_t>(random.chance(60) || form.wide ? 0x40 | (form.wide ? 8 : 0) | (random.chance(50) ? random.next() & 7 : 0) : 0);
  n += put_opcode(form, rex, c.bytes.data() + n);
  // The register field is kept half of the time: where it is part of the opcode only that gives the same instruction.
  const auto reg = static_cast<uint8_t>(random.chance(50) ? form.reg : random.below(8));
  const auto rm = static_cast<uint8_t>(form.rm_fixed ? form.rm : random.below(8));
  const uint8_t mod = form.memory ? static_cast<uint8_t>(random.below(3)) : 3;
  if (n >= 15) return false;
  c.bytes[n] = static_cast<uint8_t>(mod << 6 | reg << 3 | rm);
  if (!decode_both({c.bytes.data(), 15}, d) || d.insn.mnemonic != form.mnemonic || !allowed(d) || !in_table(d)) return false;
  if (is_relative_branch(d) && (d.insn.attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE)) return false;
  c.length = d.insn.length;
  return c.length <= 15;
}

Case Generator::make(Random& random, unsigned slot) const {
  Case c{};
  Decoded d;
  for (;;) {
    const auto& forms = forms_.at(mnemonics_[random.below(mnemonics_.size())]);
    const Form& form = forms[random.below(forms.size())];
    if (!encode(random, form, c, d)) continue;
    random_state(random, c.before);
    if (prepare_operands(random, slot, d, c)) break;
  }
  std::fill(c.bytes.begin() + c.length, c.bytes.end(), uint8_t{0});
  return c;
}

void Generator::pages(Random& random, Page& read_only, Page& read_write) const {
  random_page(random, read_only);
  random_page(random, read_write);
}

}  // namespace ringside::differential
