// Result<T>: a value or an Error. Host, I/O and input failures travel this way; guest faults are architectural values
// and never do; our own bugs are asserts. Called by all layers.
#pragma once

#include <boost/outcome/std_result.hpp>
#include <boost/outcome/success_failure.hpp>
#include <boost/outcome/try.hpp>
#include <string>
#include <utility>

namespace ringside {

// The documented exit codes of the program; an Error carries the one its failure ends with.
enum class ExitCode : int {
  kOk = 0,           // done
  kGuestFailed = 1,  // the run worked, the guest ended badly (triple fault, exit value not 0)
  kUsage = 2,        // unknown option, value or combination
  kInput = 3,        // a file is missing, unreadable or malformed (guest image, trace)
  kHost = 4,         // the host lacks something: /dev/kvm, privileges, memory
  kOutput = 5,       // the result could not be written (disk full, no such folder)
  kLimit = 6,        // a bound of the run was reached (--timeout, --max-exits, --max-instructions)
  kInterrupted = 130 // Ctrl-C; the trace so far is intact
};

// One clear sentence with the value seen and the way out, and the exit code it ends the program with.
struct [[nodiscard]] Error {
  ExitCode code = ExitCode::kInput;
  std::string message;
};

template <class T>
using Result = boost::outcome_v2::std_result<T, Error, boost::outcome_v2::policy::terminate>;

inline auto success() { return boost::outcome_v2::success(); }

// `return fail(ExitCode::kInput, text::tr("key", values...));`
inline Error fail(ExitCode code, std::string message) { return Error{code, std::move(message)}; }

}  // namespace ringside
