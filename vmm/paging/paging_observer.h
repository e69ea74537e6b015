// What a paging tells whoever watches it: every step the monitor takes about its guest's memory, in the vocabulary of the
// trace. A paging without an observer pays one branch a step. Observing never changes anything. Implemented by the trace's
// recorder (vmm/machines/model/inside_recorder.h) and by tests.
#pragma once

#include <cstdint>

#include "traces/schema/event_kinds.h"

namespace ringside::vmm {

using traces::PagingOperation;

// What a step is about; 0 where it has no such thing. See the fields of the event `paging`.
struct PagingPlace {
  uint64_t address = 0;
  uint64_t table = 0;
  unsigned level = 0;
};

class PagingObserver {
 public:
  virtual ~PagingObserver() = default;
  virtual void on_paging(PagingOperation operation, const PagingPlace& place) = 0;
  // The monitor flushes TLBs because it changed its own tables; `linear`: of one page, else 0.
  virtual void on_monitor_flush(traces::FlushCause cause, uint64_t linear) = 0;
};

// The observer of one part of a paging, or none.
class PagingReport {
 public:
  void to(PagingObserver* observer) { observer_ = observer; }
  void step(PagingOperation operation, const PagingPlace& place) const {
    if (observer_) observer_->on_paging(operation, place);
  }
  void flush(traces::FlushCause cause, uint64_t linear) const {
    if (observer_) observer_->on_monitor_flush(cause, linear);
  }

 private:
  PagingObserver* observer_ = nullptr;
};

}  // namespace ringside::vmm
