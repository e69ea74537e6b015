// Any mode: ends with 7, to show that a guest's own result arrives.
#include "say.inc"
        .code16
        finish 7
