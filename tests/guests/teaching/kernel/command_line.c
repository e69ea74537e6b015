// Parsing of the command line; strings are compared in place.
#include "command_line.h"

// The characters after "key=" of the word that starts so, or null.
static const char *find_value(struct command_line line, const char *key) {
  for (const char *word = line.text; *word;) {
    while (*word == ' ') word++;
    const char *k = key;
    while (*k && *word == *k) word++, k++;
    if (!*k && *word == '=') return word + 1;
    while (*word && *word != ' ') word++;
  }
  return 0;
}

bool option_is(struct command_line line, const char *key, const char *value) {
  const char *at = find_value(line, key);
  if (!at) return false;
  while (*value && *at == *value) at++, value++;
  return !*value && (*at == 0 || *at == ' ');
}

bool option_given(struct command_line line, const char *key) { return find_value(line, key) != 0; }

uint64_t option_number(struct command_line line, const char *key, uint64_t otherwise) {
  const char *at = find_value(line, key);
  if (!at || *at < '0' || *at > '9') return otherwise;
  uint64_t value = 0;
  for (; *at >= '0' && *at <= '9'; at++) value = value * 10 + (uint64_t)(*at - '0');
  return value;
}
