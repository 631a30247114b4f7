/* The program `gpus`, by which a worker finds out which GPUs this machine has: prints a line for
 * each (base/gpus), those of NVIDIA or, if there are none, those of AMD. Another process asks the
 * drivers, since these may block, even so that the process cannot be killed, or crash. It has 10
 * seconds. Exit status: 0, or 1 and a line on standard error. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <unistd.h>

#include "base/clock.h"
#include "base/pipe.h"
#include "base/sanitize.h"
#include "proc/amd_gpus.h"
#include "proc/nvml.h"

#define LIMIT_MS 10000
#define WHOLE "." /* the last byte of a list */
#define ERROR "!" /* of a sentence */

/* ---- in the process that asks ---- */

static void ask(int out) {
  struct p2p_gpus gpus = {.n = 0};
  struct p2p_err err = {0};
  char text[P2P_GPUS_TEXT_MAX];
  int code = p2p_nvml_find(P2P_NVML_LIBRARY, &gpus, &err);
  if (gpus.n == 0) p2p_amd_gpus_find("", &gpus);
  p2p_gpus_write(&gpus, text);
  if (code == P2P_OK || gpus.n > 0)
    dprintf(out, "%s" WHOLE, text);
  else
    dprintf(out, "%s" ERROR, err.message);
}

/* Whoever reads our output must not wait for it. */
static void become_silent(void) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= STDERR_FILENO; fd++)
    if (null < 0 || dup2(null, fd) < 0) close(fd);
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
#endif
}

/* ---- in the first one ---- */

static int fail(const char *what) {
  dprintf(STDERR_FILENO, "%s\n", what);
  return 1;
}

/* Reads until the end of the output or the end of its time. Returns how much. */
static size_t read_answer(int in, char *out, size_t size) {
  uint64_t end_ms = p2p_clock_ms() + LIMIT_MS;
  size_t length = 0;
  for (uint64_t now_ms; length < size && (now_ms = p2p_clock_ms()) < end_ms;) {
    struct pollfd answer = {.fd = in, .events = POLLIN};
    int ready = poll(&answer, 1, (int)(end_ms - now_ms));
    ssize_t n = ready > 0 ? read(in, out + length, size - length) : 0;
    if (ready > 0 && n <= 0) break;
    if (n > 0) length += (size_t)n;
  }
  return length;
}

static int report(const char *answer, size_t length) {
  struct p2p_gpus gpus;
  char text[P2P_GPUS_TEXT_MAX];
  char last = length > 0 ? answer[length - 1] : '\0';
  if (last == ERROR[0]) {
    p2p_sanitize(answer, length - 1, text, sizeof text);
    return fail(text);
  }
  if (last != WHOLE[0]) return fail("the drivers of GPUs did not answer within 10 s, or crashed");
  if (p2p_gpus_read(answer, length - 1, &gpus) != P2P_OK)
    return fail("the drivers of GPUs have given a malformed answer");
  p2p_gpus_write(&gpus, text);
  return dprintf(STDOUT_FILENO, "%s", text) >= 0 ? 0 : 1;
}

int main(void) {
  char answer[P2P_GPUS_TEXT_MAX + 1];
  struct p2p_err err;
  int ends[2];
  if (p2p_pipe_open(ends, false, &err) != P2P_OK) return fail(err.message);
  pid_t child = fork();
  if (child < 0) return fail(strerror(errno));
  if (child == 0) {
    close(ends[0]);
    become_silent();
    ask(ends[1]);
    _exit(0);
  }
  close(ends[1]);
  size_t length = read_answer(ends[0], answer, sizeof answer);
  kill(child, SIGKILL); /* it is reaped by whoever reaps orphans */
  return report(answer, length);
}
