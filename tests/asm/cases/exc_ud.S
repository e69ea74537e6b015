// #UD: UD2, instructions that 64-bit mode dropped, LOCK where it may not be.
// expect rax=4 count=4 vector=6
// qemu: LOCK MOV is not refused
#define MODE 64
#include "env.inc"
        catch 1f
        ud2
1:      catch 2f
        .byte 0x06                      // push es
2:      catch 3f
        .byte 0xf0, 0x01, 0xc0          // lock add eax, eax
3:      catch 4f
        .byte 0xf0, 0x8b, 0x06          // lock mov eax, [rsi]
4:      mov eax, ds:[dump_count]
        finish
