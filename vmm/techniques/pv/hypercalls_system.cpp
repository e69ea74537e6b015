// Hypercalls about everything else: batches of calls, time, version, console, scheduling, events, ports.
#include <cstring>

#include "vmm/core/exit.h"
#include "vmm/techniques/pv/hypercalls.h"

namespace ringside::vmm::pv {

// Each entry is one hypercall with its result written back; the batch goes on after one that fails. Those that leave the kernel, wait, or
// are batches of calls themselves, may not stand in it.
Step multicall(Domain& d, const Arguments& a, Progress& progress) {
  if (a[1] > kPvMostCalls) return Finished{kPvErrorTooBig};
  for (; progress.done < a[1]; ++progress.done) {
    const uint64_t at = a[0] + progress.done * sizeof(pv_multicall_entry);
    pv_multicall_entry entry;
    if (!d.memory.read(at, entry)) return Finished{kPvErrorFault};
    const HypercallInfo* info = find_hypercall(entry.call);
    Step step = Finished{info ? kPvErrorInvalid : kPvErrorNoSuchCall};
    Progress inner{.done = progress.inner, .inner = 0, .items = 0, .held = std::move(progress.held)};
    if (info && info->in_multicall) {
      Arguments arguments;
      std::copy_n(entry.argument, arguments.size(), arguments.begin());
      if (!d.paging.drain()) return Unfinished{};
      step = info->carry_out(d, arguments, inner);
    }
    const bool counts_itself = inner.items > 0 || progress.inner > 0;
    progress.items += inner.items;
    const auto* finished = std::get_if<Finished>(&step);
    if (!finished) {  // only Unfinished can come of calls that may stand in a batch
      progress.inner = inner.done;
      progress.held = std::move(inner.held);
      return Unfinished{};
    }
    progress.items += counts_itself ? 0 : 1;
    progress.inner = 0;
    progress.held.clear();
    if (!d.memory.write(at + offsetof(pv_multicall_entry, result), finished->result)) return Finished{kPvErrorFault};
  }
  return Finished{0};
}

Step set_timer_op(Domain& d, const Arguments& a, Progress&) {
  if (a[0]) d.cpu.timer = a[0];
  else d.cpu.timer.reset();
  d.host.timer_changed();
  return Finished{0};
}

Step version(Domain& d, const Arguments& a, Progress&) {
  switch (a[0]) {
    case kPvVersionNumber: return Finished{kPvInterfaceMajor << 16 | kPvInterfaceMinor};
    case kPvVersionExtra: {
      const char text[16] = "-ringside";
      return Finished{d.memory.write(a[1], text) ? 0 : kPvErrorFault};
    }
    case kPvVersionFeatures: {
      pv_feature_info info;
      if (!d.memory.read(a[1], info)) return Finished{kPvErrorFault};
      if (info.index != 0) return Finished{kPvErrorInvalid};
      info.bits = kPvFeatureMmuPreserveAd | kPvFeaturePortAccess | (d.block ? kPvFeatureBlock : 0);
      return Finished{d.memory.write(a[1], info) ? 0 : kPvErrorFault};
    }
    default: return Finished{kPvErrorNoSuchCall};
  }
}

Step console_io(Domain& d, const Arguments& a, Progress&) {
  if (a[0] != kPvConsoleWrite) return Finished{kPvErrorNoSuchCall};
  if (a[1] > kPvMostConsoleBytes) return Finished{kPvErrorTooBig};
  std::array<char, kPvMostConsoleBytes> text;
  if (!d.memory.read_bytes(a[2], text.data(), a[1])) return Finished{kPvErrorFault};
  d.host.console(std::span(text).first(a[1]));
  return Finished{static_cast<int64_t>(a[1])};
}

Step sched_op(Domain& d, const Arguments& a, Progress&) {
  switch (a[0]) {
    case kPvSchedYield: return Finished{0};  // there is nobody else
    case kPvSchedBlock:
      d.events.set_masked(false);
      if (d.events.pending()) return Finished{0};
      return WantsEvent{};
    case kPvSchedShutdown:
      if (a[1] > kPvShutdownCrash) return Finished{kPvErrorInvalid};
      return WantsShutdown{static_cast<uint32_t>(a[1])};
    default: return Finished{kPvErrorNoSuchCall};
  }
}

Step event_channel_op(Domain& d, const Arguments& a, Progress&) {
  pv_event_channel channel;
  if (!d.memory.read(a[1], channel)) return Finished{kPvErrorFault};
  const auto answer_with = [&](Answer answer) -> Step {
    if (answer == Answer::kDone && !d.memory.write(a[1], channel)) return Finished{kPvErrorFault};
    return done(answer);
  };
  switch (a[0]) {
    case kPvBindVirq: return answer_with(d.events.bind_virq(channel.virq, channel.vcpu, channel.port));
    case kPvEventStatus: return answer_with(d.events.status(channel.port, channel.status));
    case kPvCloseEvent: return done(d.events.close(channel.port));
    case kPvUnmaskEvent: return done(d.events.unmask(channel.port));
    case kPvSendEvent:
      if (!d.events.is_device(channel.port)) return Finished{kPvErrorInvalid};
      if (!d.paging.drain()) return Unfinished{};  // the block device takes references of its own
      d.notified(channel.port);
      return Finished{0};
    default: return Finished{kPvErrorNoSuchCall};
  }
}

Step physdev_op(Domain& d, const Arguments& a, Progress&) {
  pv_port_access access;
  if (a[0] != kPvPortAccess) return Finished{kPvErrorNoSuchCall};
  if (!d.memory.read(a[1], access)) return Finished{kPvErrorFault};
  if ((access.size != 1 && access.size != 2 && access.size != 4) || access.write > 1) return Finished{kPvErrorInvalid};
  return WantsPort{access, a[1]};
}

}  // namespace ringside::vmm::pv
