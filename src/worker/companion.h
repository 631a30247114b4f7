/* A program that runs beside a worker, such as its dashboard, until it ends or is freed. It gets a
 * text on its stdin, which stays open: when this process ends, also by kill -9, that closes, and
 * the program ends (worker/lifeline). Its first line of output is kept for the caller, since it may
 * hold a secret; the rest is dropped. Lives on the io thread; any other thread may call these
 * functions. */
#ifndef P2P_WORKER_COMPANION_H
#define P2P_WORKER_COMPANION_H

#include <stdbool.h>

#include "base/log_queue.h"
#include "net/loop.h"

struct p2p_companion;

#define P2P_COMPANION_LINE_MAX 512

struct p2p_companion_config {
  struct p2p_loop *loop;
  const char *name;        /* for the log and as its event, a literal: "dashboard" */
  const char *const *argv; /* NULL-terminated; see p2p_pipe_process_spawn */
  const char *input;       /* for its stdin */
};

/* `log` (borrowed) gets a line when the first line of output is there, and a warning with the last
 * line of its stderr when it ends by itself. P2P_ERR_SYSTEM, P2P_ERR_MEMORY, P2P_ERR_TOO_LARGE. */
int p2p_companion_new(const struct p2p_companion_config *config, struct p2p_log_queue *log,
                      struct p2p_companion **out, struct p2p_err *err) P2P_MUST_USE;
/* Once, when it is there: its first line, cut and safe to show. */
bool p2p_companion_take(struct p2p_companion *companion, char out[P2P_COMPANION_LINE_MAX]);
/* Kills it, with its process group. Bounded. Takes NULL. */
void p2p_companion_free(struct p2p_companion *companion);

#endif
