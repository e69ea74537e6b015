// Loading segment registers: absent (#NP with the selector), beyond the table, null into SS, code that cannot be read (#GP).
// expect rax=11 rbx=0x58 rcx=0x13 rdx=0xf0 rsi=13 rdi=0x68 count=4 vector=13 error=0x68
#define MODE 32
#include "env.inc"
        catch 1f
        mov eax, absent
        mov es, eax
1:      mov eax, ds:[dump_vector]
        mov ebx, ds:[dump_error]
        catch 2f
        mov edx, 0xf3
        mov es, edx
2:      mov edx, ds:[dump_error]
        catch 3f
        xor ecx, ecx
        mov ss, ecx
3:      mov ecx, ds:[dump_vector]
        shl ecx, 4
        sub ecx, 0xbd
        catch 4f
        mov esi, execute_only
        mov ds, esi
4:      mov esi, ds:[dump_vector]
        mov edi, ds:[dump_error]
        finish
