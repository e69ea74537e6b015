// Error codes of page faults from ring 0: write to read-only (3), fetch from no-execute (0x11), read of absent (0).
// expect rax=3 rbx=0x11 rcx=0 count=3 vector=14 error=0 cr2=0x30123
#define MODE 64
#include "env.inc"
        catch 1f
        mov byte ptr ds:[0x31000], 1
1:      mov eax, ds:[dump_error]
        catch 2f
        mov esi, 0x32000
        call rsi
2:      mov ebx, ds:[dump_error]
        catch 3f
        mov dl, ds:[0x30123]
3:      mov ecx, ds:[dump_error]
        mov esi, 0
        mov esp, stack
        finish
