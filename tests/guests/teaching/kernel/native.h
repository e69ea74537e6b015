// Options of the native machine, set from the command line before init(). Native build only.
#pragma once

#include "types.h"

struct native_options {
  bool serial, debug_console;  // where the console goes
  bool sysret;                 // leave a SYSCALL by SYSRET instead of IRETQ
};
extern struct native_options native_options;
