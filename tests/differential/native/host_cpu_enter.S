# Loads a guest register state from the frame at a fixed address, runs one instruction, stores the state it left. All frame accesses
# are absolute, so that no register is needed for them. Offsets: struct Frame in host_cpu.cpp.
#
#   0 host rsp | 8 code | 16 taken | 64 State before | 768 State after (gpr, flags at +128, FXSAVE image at +144) | up to 4096 stack
.set FRAME, 0x10000000
.set HOST_RSP, FRAME
.set CODE, FRAME + 8
.set TAKEN, FRAME + 16
.set BEFORE, FRAME + 64
.set AFTER, FRAME + 768
.set STACK, FRAME + 4096

    .text
    .globl ringside_native_enter
    .type ringside_native_enter, @function
ringside_native_enter:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    pushfq
    mov %rsp, HOST_RSP
    fxrstor64 BEFORE + 144
    mov $STACK, %rsp
    pushq BEFORE + 128
    popfq
    mov BEFORE + 0, %rax
    mov BEFORE + 8, %rcx
    mov BEFORE + 16, %rdx
    mov BEFORE + 24, %rbx
    mov BEFORE + 40, %rbp
    mov BEFORE + 48, %rsi
    mov BEFORE + 56, %rdi
    mov BEFORE + 64, %r8
    mov BEFORE + 72, %r9
    mov BEFORE + 80, %r10
    mov BEFORE + 88, %r11
    mov BEFORE + 96, %r12
    mov BEFORE + 104, %r13
    mov BEFORE + 112, %r14
    mov BEFORE + 120, %r15
    mov BEFORE + 32, %rsp
    jmp *CODE
    .size ringside_native_enter, . - ringside_native_enter

    .globl ringside_native_taken
ringside_native_taken:
    movq $1, TAKEN
    .globl ringside_native_leave
ringside_native_leave:
    mov %rax, AFTER + 0
    mov %rcx, AFTER + 8
    mov %rdx, AFTER + 16
    mov %rbx, AFTER + 24
    mov %rsp, AFTER + 32
    mov %rbp, AFTER + 40
    mov %rsi, AFTER + 48
    mov %rdi, AFTER + 56
    mov %r8, AFTER + 64
    mov %r9, AFTER + 72
    mov %r10, AFTER + 80
    mov %r11, AFTER + 88
    mov %r12, AFTER + 96
    mov %r13, AFTER + 104
    mov %r14, AFTER + 112
    mov %r15, AFTER + 120
    mov $STACK, %rsp
    pushfq
    popq AFTER + 128
    fxsave64 AFTER + 144
# Also the way out of a fault: the signal handler has filled the frame and jumps here.
    .globl ringside_native_return
ringside_native_return:
    mov HOST_RSP, %rsp
    popfq
    fninit
    movl $0x1f80, FRAME + 24
    ldmxcsr FRAME + 24
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    .section .note.GNU-stack, "", @progbits
