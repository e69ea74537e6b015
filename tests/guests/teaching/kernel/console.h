// Text output: a printf of the few forms a kernel needs, through ops.console_write.
#pragma once

#include <stdarg.h>

// %s string, %d signed, %u unsigned (both 64 bits wide), %x hexadecimal with 0x, %% itself.
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Ends the machine with status 2 after saying why.
void panic(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
