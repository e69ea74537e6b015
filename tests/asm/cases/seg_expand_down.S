// An expand-down segment is valid above its limit, here 0x1000..0xffff.
// expect rax=0x99 rbx=13 rcx=13 count=2 vector=13 error=0
// qemu: TCG checks no segment limits
#define MODE 32
#include "env.inc"
        mov byte ptr ds:[0x21000], 0x99
        mov eax, expand_down
        mov es, eax
        movzx eax, byte ptr es:[0x1000]
        catch 1f
        mov bl, es:[0xfff]
1:      mov ebx, ds:[dump_vector]
        catch 2f
        mov cl, es:[0x10000]
2:      mov ecx, ds:[dump_vector]
        finish
