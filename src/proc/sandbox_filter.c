/* The filter, a program for the kernel's packet filter: a list of rules, of which the first one
 * that applies decides, and everything else is allowed. A rule sees numbers only, not what a
 * pointer points to. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* syscall */
#endif
#include "proc/sandbox_filter.h"

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc/sandbox_calls.h"
#include "proc/sandbox_landlock.h"

#ifdef __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#else
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#define INSTRUCTIONS_MAX 1024
#define ALLOW SECCOMP_RET_ALLOW
#define REFUSE(number) (SECCOMP_RET_ERRNO | (number))
#define PRETEND REFUSE(0)     /* the call returns 0, and nothing has happened */
#define NAMESPACES 0x7e020000 /* all CLONE_NEW*; clone() has none for CLONE_NEWTIME */
#define TYPE_MASK 0xf         /* of a socket, without SOCK_CLOEXEC and SOCK_NONBLOCK */

struct program {
  struct sock_filter code[INSTRUCTIONS_MAX];
  unsigned short length;
};

#define FIELD(name) ((uint32_t)offsetof(struct seccomp_data, name))
/* The lower and the upper half of an argument: both architectures are little-endian. */
#define LOW(argument) (FIELD(args) + 8 * (uint32_t)(argument))
#define HIGH(argument) (LOW(argument) + 4)

static void emit(struct program *program, uint16_t code, uint32_t value, uint8_t yes, uint8_t no) {
  if (program->length < INSTRUCTIONS_MAX)
    program->code[program->length++] = (struct sock_filter)BPF_JUMP(code, value, yes, no);
}

static void load(struct program *program, uint32_t field) {
  emit(program, BPF_LD | BPF_W | BPF_ABS, field, 0, 0);
}

static void answer(struct program *program, uint32_t action) {
  emit(program, BPF_RET | BPF_K, action, 0, 0);
}

/* The accumulator has the number of the call, before and after each rule. */
static void begin(struct program *program) {
  load(program, FIELD(arch));
  emit(program, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
  answer(program, SECCOMP_RET_KILL_PROCESS);
  load(program, FIELD(nr));
  emit(program, BPF_JMP | BPF_JGT | BPF_K, P2P_SANDBOX_LAST_CALL, 0, 1); /* also those of x32 */
  answer(program, REFUSE(ENOSYS));
}

static void on_call(struct program *program, uint32_t call, uint32_t action) {
  emit(program, BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1);
  answer(program, action);
}

static void on_calls(struct program *program, const int *calls, uint32_t action) {
  for (; *calls >= 0; calls++) on_call(program, (uint32_t)*calls, action);
}

struct condition {
  int argument;
  uint32_t mask, value; /* of the lower half */
};

static void on_value(struct program *program, uint32_t call, struct condition is, uint32_t action) {
  emit(program, BPF_JMP | BPF_JEQ | BPF_K, call, 0, 5);
  load(program, LOW(is.argument));
  emit(program, BPF_ALU | BPF_AND | BPF_K, is.mask, 0, 0);
  emit(program, BPF_JMP | BPF_JEQ | BPF_K, is.value, 0, 1);
  answer(program, action);
  load(program, FIELD(nr));
}

static void on_any_bit(struct program *program, uint32_t call, struct condition of,
                       uint32_t action) {
  emit(program, BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4);
  load(program, LOW(of.argument));
  emit(program, BPF_JMP | BPF_JSET | BPF_K, of.mask, 0, 1);
  answer(program, action);
  load(program, FIELD(nr));
}

/* The second condition counts only where the first one holds. */
static void on_any_bit_of_both(struct program *program, uint32_t call, struct condition of,
                               struct condition and_of, uint32_t action) {
  emit(program, BPF_JMP | BPF_JEQ | BPF_K, call, 0, 6);
  load(program, LOW(of.argument));
  emit(program, BPF_JMP | BPF_JSET | BPF_K, of.mask, 0, 3);
  load(program, LOW(and_of.argument));
  emit(program, BPF_JMP | BPF_JSET | BPF_K, and_of.mask, 0, 1);
  answer(program, action);
  load(program, FIELD(nr));
}

static void on_null(struct program *program, uint32_t call, int argument, uint32_t action) {
  emit(program, BPF_JMP | BPF_JEQ | BPF_K, call, 0, 6);
  load(program, LOW(argument));
  emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3);
  load(program, HIGH(argument));
  emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
  answer(program, action);
  load(program, FIELD(nr));
}

#define ALL_BITS UINT32_MAX

static void add_socket_rules(struct program *program, const struct p2p_sandbox *sandbox) {
  bool has_own_network = sandbox->level == P2P_SANDBOX_NAMESPACES && !sandbox->net;
  if (sandbox->net || has_own_network) {
    on_value(program, SYS_socket, (struct condition){0, ALL_BITS, AF_INET}, ALLOW);
    on_value(program, SYS_socket, (struct condition){0, ALL_BITS, AF_INET6}, ALLOW);
  }
  if (has_own_network)
    on_value(program, SYS_socket, (struct condition){0, ALL_BITS, AF_UNIX}, ALLOW);
  on_call(program, SYS_socket, REFUSE(EACCES));
  if (has_own_network) return;
  /* A pair of datagram sockets could be connected to others, as all of another family. */
  on_value(program, SYS_socketpair, (struct condition){0, ALL_BITS, AF_TIPC}, REFUSE(EACCES));
  on_value(program, SYS_socketpair, (struct condition){1, TYPE_MASK, SOCK_STREAM}, ALLOW);
  on_value(program, SYS_socketpair, (struct condition){1, TYPE_MASK, SOCK_SEQPACKET}, ALLOW);
  on_call(program, SYS_socketpair, REFUSE(EACCES));
}

/* Landlock keeps signals within the sandbox from version 6 on. The number of a thread of the
 * supervisor does not say whose it is. */
static void add_signal_rules(struct program *program, pid_t supervisor) {
  static const int calls[] = {SYS_kill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo};
  const uint32_t targets[] = {(uint32_t)supervisor, (uint32_t)-supervisor,
                              (uint32_t)-getpgid(supervisor), (uint32_t)-1};
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
    for (size_t j = 0; j < sizeof targets / sizeof targets[0]; j++)
      on_value(program, (uint32_t)calls[i], (struct condition){0, ALL_BITS, targets[j]},
               REFUSE(EPERM));
  if (p2p_sandbox_landlock_version() < 6) on_call(program, SYS_tkill, REFUSE(ENOSYS));
}

/* A program of the account that whoever can reach the file could run: no set-user-id and no
 * set-group-id bits, also not on new files. */
static void add_mode_rules(struct program *program) {
  const uint32_t bits = S_ISUID | S_ISGID;
  const uint32_t creates = O_CREAT | (O_TMPFILE & ~O_DIRECTORY); /* else there is no mode */
  static const struct {
    uint32_t call;
    int mode;
  } calls[] = {
#ifdef SYS_open
      {SYS_creat, 1},  {SYS_chmod, 1},    {SYS_mknod, 1},
#endif
      {SYS_fchmod, 1}, {SYS_fchmodat, 2}, {SYS_mknodat, 2}, {452 /* fchmodat2 */, 2}};
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
    on_any_bit(program, calls[i].call, (struct condition){calls[i].mode, bits, 0}, REFUSE(EPERM));
#ifdef SYS_open
  on_any_bit_of_both(program, SYS_open, (struct condition){1, creates, 0},
                     (struct condition){2, bits, 0}, REFUSE(EPERM));
#endif
  on_any_bit_of_both(program, SYS_openat, (struct condition){2, creates, 0},
                     (struct condition){3, bits, 0}, REFUSE(EPERM));
}

/* How others are scheduled. The process and its threads have its own number or 0. */
static void add_scheduling_rules(struct program *program) {
  static const int calls[] = {SYS_sched_setaffinity, SYS_sched_setscheduler, SYS_sched_setparam,
                              SYS_sched_setattr};
  const uint32_t own[] = {0, (uint32_t)getpid()};
  on_any_bit(program, SYS_setpriority, (struct condition){0, PRIO_PGRP | PRIO_USER, 0},
             REFUSE(EPERM));
  on_any_bit(program, SYS_ioprio_set, (struct condition){0, 2 /* a group, a user */, 0},
             REFUSE(EPERM));
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
    on_value(program, SYS_setpriority, (struct condition){1, ALL_BITS, own[i]}, ALLOW);
    on_value(program, SYS_ioprio_set, (struct condition){1, ALL_BITS, own[i]}, ALLOW);
    for (size_t j = 0; j < sizeof calls / sizeof calls[0]; j++)
      on_value(program, (uint32_t)calls[j], (struct condition){0, ALL_BITS, own[i]}, ALLOW);
  }
  on_call(program, SYS_setpriority, REFUSE(EPERM));
  on_call(program, SYS_ioprio_set, REFUSE(EPERM));
  for (size_t j = 0; j < sizeof calls / sizeof calls[0]; j++)
    on_call(program, (uint32_t)calls[j], REFUSE(EPERM));
}

/* Refuses to open files with these flags. */
static void on_open(struct program *program, struct condition flags) {
#ifdef SYS_open
  flags.argument = 1;
  on_value(program, SYS_open, flags, REFUSE(EACCES));
#endif
  flags.argument = 2;
  on_value(program, SYS_openat, flags, REFUSE(EACCES));
}

/* What namespaces confine and Landlock does not, some of it only in its older versions. */
static void add_rules_beside_landlock(struct program *program, const struct p2p_sandbox *sandbox) {
  on_call(program, SYS_setsid, PRETEND);
  on_call(program, SYS_setpgid, PRETEND);
  on_calls(program, p2p_sandbox_calls_on_metadata, REFUSE(EPERM));
  on_null(program, SYS_utimensat, 1, ALLOW); /* of an open file */
  on_call(program, SYS_utimensat, REFUSE(EPERM));
  /* Neither for reading nor for writing: no rule of Landlock applies. */
  on_open(program, (struct condition){0, O_ACCMODE, O_ACCMODE});
  if (p2p_sandbox_landlock_version() < 3) {
    on_open(program, (struct condition){0, O_TRUNC | O_ACCMODE, O_TRUNC | O_RDONLY});
    on_call(program, SYS_truncate, REFUSE(EPERM));
  }
  add_scheduling_rules(program);
  if (sandbox->supervisor > 0) add_signal_rules(program, sandbox->supervisor);
}

static void add_rules(struct program *program, const struct p2p_sandbox *sandbox) {
  static const uint32_t commands[] = {P2P_SANDBOX_FCNTL_OWNERS};
  static const uint32_t requests[] = {P2P_SANDBOX_IOCTLS};
  on_calls(program, p2p_sandbox_calls_refused, REFUSE(EPERM));
  on_calls(program, p2p_sandbox_calls_missing, REFUSE(ENOSYS));
  on_any_bit(program, SYS_clone, (struct condition){0, NAMESPACES, 0}, REFUSE(EPERM));
  on_null(program, SYS_prlimit64, 0, ALLOW); /* of the process itself */
  on_call(program, SYS_prlimit64, REFUSE(EPERM));
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
    on_value(program, SYS_fcntl, (struct condition){1, ALL_BITS, commands[i]}, REFUSE(EPERM));
  for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
    on_value(program, SYS_ioctl, (struct condition){1, ALL_BITS, requests[i]}, REFUSE(EPERM));
  add_mode_rules(program);
  add_socket_rules(program, sandbox);
  if (sandbox->level == P2P_SANDBOX_LANDLOCK) add_rules_beside_landlock(program, sandbox);
  answer(program, ALLOW);
}

int p2p_sandbox_filter_enter(const struct p2p_sandbox *sandbox, struct p2p_err *err) {
  struct program program = {.length = 0};
  begin(&program);
  add_rules(&program, sandbox);
  const struct sock_fprog filter = {.len = program.length, .filter = program.code};
  if (program.length == INSTRUCTIONS_MAX)
    return p2p_err_set(err, P2P_ERR_SYSTEM, "the filter of system calls is too long");
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot filter system calls: %s", strerror(errno));
}

#else
int p2p_sandbox_filter_enter(const struct p2p_sandbox *sandbox, struct p2p_err *err) {
  (void)sandbox;
  return p2p_err_set(err, P2P_ERR_SYSTEM,
                     "system calls can be filtered on Linux, x86_64 or aarch64, only");
}
#endif
