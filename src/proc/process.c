/* A child process, spawned by libuv. It is reaped by libuv after SIGCHLD, or here when its process
 * descriptor is readable or polling finds that it has ended. */
#include "proc/process.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

#include "proc/keeper.h"

#define POLL_MS 50

struct p2p_process {
  int references; /* the owner, and each open handle */
  uv_process_t child;
  uv_timer_t look;
  uv_poll_t end;
  int end_fd; /* process descriptor, readable when it has ended; -1: none */
  int pid;
  p2p_process_end *on_end;
  void *arg;
  uint64_t peak_bytes; /* 0: unknown, since libuv has reaped it */
  bool is_keeper;
  bool ended;
  bool freed; /* no on_end; the memory stays until it is reaped and libuv has closed the handles */
};

static void release(struct p2p_process *process) {
  if (--process->references == 0) free(process);
}

static void on_closed(uv_handle_t *handle) { release(handle->data); }

static void close_handle(void *handle) { uv_close(handle, on_closed); }

static void close_handles(struct p2p_process *process) {
  close_handle(&process->child);
  close_handle(&process->look);
  if (process->end_fd < 0) return;
  close_handle(&process->end);
  close(process->end_fd);
}

#ifdef __APPLE__
#define MAXRSS_UNIT 1
#else
#define MAXRSS_UNIT 1024
#endif

static uint64_t peak_of(const struct rusage *usage) {
  return usage->ru_maxrss > 0 ? (uint64_t)usage->ru_maxrss * MAXRSS_UNIT : 0;
}

uint64_t p2p_process_own_peak_bytes(void) {
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? peak_of(&usage) : 0;
}

uint64_t p2p_process_peak_bytes(const struct p2p_process *process) { return process->peak_bytes; }

/* Its process id may be reused from here on, so libuv must not wait for it. */
static void take_end(struct p2p_process *process, int exit_status, int term_signal) {
  process->ended = true;
  close_handles(process);
  if (!process->freed) process->on_end(process->arg, exit_status, term_signal);
}

static void on_exit_of(uv_process_t *child, int64_t exit_status, int term_signal) {
  take_end(child->data, (int)exit_status, term_signal);
}

static void reap(struct p2p_process *process) {
  int status;
  struct rusage usage;
  pid_t pid = wait4(process->pid, &status, WNOHANG, &usage);
  if (pid == process->pid) process->peak_bytes = peak_of(&usage);
  if (pid == process->pid)
    take_end(process, WIFEXITED(status) ? WEXITSTATUS(status) : 0,
             WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  else if (pid < 0 && errno == ECHILD)
    take_end(process, P2P_PROCESS_UNKNOWN,
             0); /* SIGCHLD is ignored, or another handler has reaped it */
}

static void on_look(uv_timer_t *timer) { reap(timer->data); }

static void on_readable(uv_poll_t *poll, int status, int callbacks) {
  (void)status, (void)callbacks;
  reap(poll->data);
}

static int open_end(int pid) {
#ifdef SYS_pidfd_open
  return (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */
#else
  (void)pid;
  return -1;
#endif
}

/* Without a descriptor, SIGCHLD and p2p_process_expect_end remain. */
static void watch_end(struct p2p_process *process, uv_loop_t *loop) {
  process->end_fd = open_end(process->pid);
  if (process->end_fd >= 0 && uv_poll_init(loop, &process->end, process->end_fd) != 0) {
    close(process->end_fd);
    process->end_fd = -1;
  }
  if (process->end_fd < 0) return;
  process->references++;
  process->end.data = process;
  uv_poll_start(&process->end, UV_READABLE, on_readable);
}

int p2p_process_spawn(uv_loop_t *loop, const uv_process_options_t *options, p2p_process_end *on_end,
                      void *arg, struct p2p_process **out) {
  struct p2p_process *process = calloc(1, sizeof *process);
  if (process == NULL) return UV_ENOMEM;
  uv_process_options_t detached = *options;
  detached.flags |= UV_PROCESS_DETACHED;
  detached.exit_cb = on_exit_of;
  process->references = 3;
  process->on_end = on_end;
  process->arg = arg;
  process->end_fd = -1;
  uv_timer_init(loop, &process->look);
  process->child.data = process->look.data = process;
  int status = uv_spawn(loop, &process->child, &detached);
  if (status != 0) {
    close_handles(process);
    release(process);
    return status;
  }
  process->pid = process->child.pid;
  watch_end(process, loop);
  *out = process;
  return 0;
}

/* It leads its session, so its group has its number; as long as any member of the group lives the
 * kernel gives that number to nobody else. */
void p2p_process_signal(const struct p2p_process *process, int number) {
  kill(-process->pid, number);
}

void p2p_process_set_keeper(struct p2p_process *process) { process->is_keeper = true; }

void p2p_process_suspend(const struct p2p_process *process, bool is_suspended) {
  int by_keeper = is_suspended ? P2P_KEEPER_STOP : P2P_KEEPER_CONTINUE;
  int number = is_suspended ? SIGSTOP : SIGCONT;
  p2p_process_signal(process, process->is_keeper && !process->ended ? by_keeper : number);
}

void p2p_process_kill(const struct p2p_process *process) {
  p2p_process_signal(process, process->is_keeper && !process->ended ? P2P_KEEPER_KILL : SIGKILL);
}

void p2p_process_expect_end(struct p2p_process *process) {
  if (!process->ended && process->end_fd < 0) uv_timer_start(&process->look, on_look, 0, POLL_MS);
}

bool p2p_process_has_ended(const struct p2p_process *process) {
  siginfo_t end = {0};
  if (process->ended) return true;
  if (waitid(P_PID, (id_t)process->pid, &end, WEXITED | WNOHANG | WNOWAIT) != 0)
    return errno == ECHILD;
  return end.si_pid == process->pid;
}

/* Its handles stay open until it is reaped: closed earlier, it would stay a zombie. */
void p2p_process_free(struct p2p_process *process) {
  if (process == NULL) return;
  process->freed = true;
  if (!process->ended) {
    p2p_process_kill(process);
    p2p_process_expect_end(process);
  }
  release(process);
}
