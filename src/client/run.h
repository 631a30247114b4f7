/* A task at a worker, from its TASK to the answer; and lists of them. io thread. */
#ifndef P2P_CLIENT_RUN_H
#define P2P_CLIENT_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "client/received.h"
#include "client/upload.h"
#include "protocol/resources.h"

struct p2p_run {
  struct p2p_run *next;
  uint32_t id;
  struct p2p_task *task; /* NULL: ended for us */
  struct p2p_upload upload;
  struct p2p_received received;
  struct p2p_amounts amounts; /* that it requests */
  bool is_in_line;            /* it waits for NEED with this request */
};

/* NULL: there is none. */
struct p2p_run *p2p_run_find(struct p2p_run *list, uint32_t id);
void p2p_run_append(struct p2p_run **list, struct p2p_run *run);
/* It is in the list. */
void p2p_run_unlink(struct p2p_run **list, const struct p2p_run *run);

#endif
