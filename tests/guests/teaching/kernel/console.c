// print() and panic(). Lines are short and rare: each character is one operation of the machine, and an exit.
#include "console.h"

#include "ops.h"

static void put(const char *text) {
  size_t length = 0;
  while (text[length]) length++;
  ops.console_write(text, length);
}

static void put_number(uint64_t value, unsigned base) {
  char digits[24];
  unsigned at = sizeof digits - 1;
  digits[at] = 0;
  do {
    digits[--at] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value);
  put(digits + at);
}

static void print_list(const char *format, va_list arguments) {
  for (; *format; format++) {
    if (*format != '%') {
      ops.console_write(format, 1);
      continue;
    }
    while (*++format == 'l') {}  // every number is passed as long
    switch (*format) {
      case 's': put(va_arg(arguments, const char *)); break;
      case 'u': put_number(va_arg(arguments, uint64_t), 10); break;
      case 'x': put("0x"); put_number(va_arg(arguments, uint64_t), 16); break;
      case 'd': {
        int64_t value = va_arg(arguments, int64_t);
        if (value < 0) put("-");
        put_number(value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
        break;
      }
      case 0: return;
      default: ops.console_write(format, 1);
    }
  }
}

void print(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print_list(format, arguments);
  va_end(arguments);
}

void panic(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  put("panic: ");
  print_list(format, arguments);
  va_end(arguments);
  put("\n");
  ops.power_off(2);
}
