// Real mode: says "real" and ends with 0.
#include "say.inc"
        .code16
        say 'r', 'e', 'a', 'l', 10
        finish 0
