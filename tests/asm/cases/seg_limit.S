// A data segment of 4 KiB: its last byte is readable, a word there is not; #GP(0), #SS(0) through SS.
// expect rax=0x7f rbx=13 rcx=12 count=2 vector=12 error=0
// qemu: TCG checks no segment limits
#define MODE 32
#include "env.inc"
        mov byte ptr ds:[0x20fff], 0x7f
        mov eax, limited
        mov es, eax
        movzx eax, byte ptr es:[0xfff]
        catch 1f
        mov bx, es:[0xfff]
1:      mov ebx, ds:[dump_vector]
        catch 2f
        mov edx, limited
        mov edi, esp
        mov ss, edx
        mov esp, 0x800                  // the handler needs a stack that works
        push dword ptr ss:[0x1000]
2:      mov edx, data0
        mov ss, edx
        mov esp, edi
        mov ecx, ds:[dump_vector]
        mov edx, 0
        mov edi, 0
        finish
