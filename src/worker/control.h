/* The control socket of a worker: its owner's programs on the same machine send it one line and get
 * one back. A Unix socket in a folder that only the owner can enter, and the system says who is at
 * the other end. FOLDER/worker-PID.sock; several workers differ by their process ids. */
#ifndef P2P_WORKER_CONTROL_H
#define P2P_WORKER_CONTROL_H

#include <stdbool.h>

#include "net/loop.h"
#include "worker/control_line.h"

#define P2P_CONTROL_TIMEOUT_MS 5000   /* for a request, and for its reply */
#define P2P_CONTROL_CONNECTIONS_MAX 8 /* at a time */
#define P2P_CONTROL_PATH_MAX 104      /* of a socket, with a NUL */

struct p2p_control;

struct p2p_control_config {
  struct p2p_loop *loop;
  const char *folder;
  /* Writes the reply, one line without its newline. Must not free the control. */
  void (*on_request)(void *arg, enum p2p_control_op op, char reply[P2P_CONTROL_REPLY_MAX - 1]);
  void *arg;
};

/* Makes the folder, and removes sockets of workers that have died. P2P_ERR_SYSTEM, also when others
 * may enter it. Any thread but the io thread. */
int p2p_control_prepare(const char *folder, struct p2p_err *err) P2P_MUST_USE;
/* Listens; the folder was prepared. P2P_ERR_SYSTEM, P2P_ERR_MEMORY. io thread. */
int p2p_control_new(const struct p2p_control_config *config, struct p2p_control **out,
                    struct p2p_err *err) P2P_MUST_USE;
/* Removes the socket. io thread; takes NULL. */
void p2p_control_free(struct p2p_control *control);
/* FOLDER/worker-PID.sock. False: too long for the address of a socket. */
bool p2p_control_path(const char *folder, long pid,
                      char out[static P2P_CONTROL_PATH_MAX]) P2P_MUST_USE;

#endif
