// INT n in ring 3 needs a gate of DPL 3: otherwise #GP with the vector's IDT error code (8 * n + 2).
// expect rax=0x32 rbx=3 count=3 vector=0x80
// qemu: error code counts 16 bytes a gate (it is 8 * vector + 2)
#define MODE 64
#include "env.inc"
        to_user user
done:   finish
user:   catch 1f
        int 6
1:      mov eax, ds:[dump_error]
        catch 2f
        int3
2:      mov ebx, ds:[dump_vector]
        catch0 done
        int 0x80
