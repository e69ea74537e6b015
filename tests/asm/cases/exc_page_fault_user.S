// The same from ring 3: read of a supervisor page is 5, write to read-only 7.
// expect rax=5 rbx=7 rsi=0 count=3 vector=0x80
#define MODE 64
#include "env.inc"
        to_user user
done:   finish
user:   catch 1f
        mov al, ds:[0x33000]
1:      mov eax, ds:[dump_error]
        catch 2f
        mov byte ptr ds:[0x31004], 1
2:      mov ebx, ds:[dump_error]
        catch0 done
        int 0x80
