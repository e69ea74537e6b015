// What user programs build on: system calls and text output. Header-only, so that each program is one file.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../abi.h"

static inline int64_t call(uint64_t number, uint64_t a, uint64_t b) {
  int64_t result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
  return result;
}
// The older way in: a software interrupt through a gate of DPL 3.
static inline int64_t call_int80(uint64_t number, uint64_t a, uint64_t b) {
  int64_t result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "memory");
  return result;
}

static inline void exit(int64_t status) {
  call(kSysExit, (uint64_t)status, 0);
  __builtin_unreachable();
}
static inline int64_t getpid(void) { return call(kSysGetpid, 0, 0); }
static inline int64_t fork(void) { return call(kSysFork, 0, 0); }
static inline int64_t wait(void) { return call(kSysWait, 0, 0); }
static inline void yield(void) { call(kSysYield, 0, 0); }
static inline void sleep(uint64_t ticks) { call(kSysSleep, ticks, 0); }
static inline void marker(uint64_t value) { call(kSysMarker, value, 0); }
static inline int64_t info(uint64_t which) { return call(kSysInfo, which, 0); }

static inline size_t length(const char *text) {
  size_t n = 0;
  while (text[n]) n++;
  return n;
}
static inline void say(const char *text) { call(kSysWrite, (uint64_t)text, length(text)); }

// "text number\n" in one call.
static inline void say_number(const char *text, int64_t value) {
  char line[96];
  size_t n = length(text);
  for (size_t i = 0; i < n; i++) line[i] = text[i];
  uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
  char digits[24];
  size_t d = 0;
  do digits[d++] = (char)('0' + rest % 10);
  while (rest /= 10);
  if (value < 0) line[n++] = '-';
  while (d) line[n++] = digits[--d];
  line[n++] = '\n';
  call(kSysWrite, (uint64_t)line, n);
}

static inline uint64_t ticks(void) { return ((const volatile struct clock_page *)USER_CLOCK)->ticks; }
