/* The link to one worker, from its set-up over the board and the mailbox to its end: the tasks that
 * run over it (task_stream.h) and what the worker has reported about its packages (packages.h).
 * Reports to its owner through callbacks. io thread only. */
#ifndef P2P_CLIENT_WORKER_LINK_H
#define P2P_CLIENT_WORKER_LINK_H

#include "base/log_queue.h"
#include "board/member.h"
#include "client/packages.h"
#include "client/task_stream.h"
#include "crypto/seal.h"
#include "ledger/recording.h"
#include "net/loop.h"
#include "net/tcp_measure.h"
#include "protocol/hello.h"
#include "protocol/load.h"

#define P2P_WORKER_LINK_TIMEOUT_MS 30000 /* for the set-up of a link */

struct p2p_worker_link;

/* Pointers are borrowed until the link is freed. */
struct p2p_worker_link_config {
  struct p2p_loop *loop;
  struct p2p_log_queue *log;
  struct p2p_member *member;              /* sends the link's code to the worker */
  struct p2p_recording *recording;        /* NULL: nothing is recorded */
  const char *mailbox, *relay;            /* NULL: those that the board names */
  const char *r_version, *future_version; /* of this session */
  uint64_t object_cap_bytes;
  const char *worker;                   /* its name as people see it, "carol@desk:4711", */
  const char *worker_id;                /* its id as a member, */
  const struct p2p_seal_public *key;    /* its public key, */
  const char *hello;                    /* the id of its latest hello, */
  const struct p2p_sign_public *device; /* and, in a cluster with a key, its device */
};

struct p2p_worker_link_callbacks {
  /* The worker has identified itself over the link as config.worker_id. An error ends the link. */
  int (*on_hello)(void *arg, const struct p2p_hello *hello, struct p2p_err *err);
  /* Slots, tasks, packages or the load have changed. May free the link. */
  void (*on_change)(void *arg);
  /* A task has ended, or a condition has arrived. Must not free the link. */
  void (*on_task)(void *arg);
  /* A task of this link waits again. Takes over the reference. on_change follows. */
  void (*on_again)(void *arg, struct p2p_task *task);
  /* The link has ended. The last callback: it frees the link. */
  void (*on_failed)(void *arg, const struct p2p_err *err);
};

/* Starts to open a link. Copies the structs. An error here is not reported by on_failed. */
int p2p_worker_link_open(const struct p2p_worker_link_config *config,
                         const struct p2p_worker_link_callbacks *callbacks, void *arg,
                         struct p2p_worker_link **out, struct p2p_err *err) P2P_MUST_USE;
/* Closes and frees. Its tasks must have ended: see p2p_task_stream_fail. No callbacks after. Takes
 * NULL. */
void p2p_worker_link_free(struct p2p_worker_link *link);

/* The tasks; NULL without a link, and until the worker has identified itself. */
struct p2p_task_stream *p2p_worker_link_stream(const struct p2p_worker_link *link);
struct p2p_worker_packages *p2p_worker_link_packages(struct p2p_worker_link *link);
/* The load by other clients. */
/* What is left there for requests. It has a stream. */
void p2p_worker_link_room(const struct p2p_worker_link *link, struct p2p_room *out);
const struct p2p_load *p2p_worker_link_load(const struct p2p_worker_link *link);
const char *p2p_worker_link_path(const struct p2p_worker_link *link); /* "" before it is open */
void p2p_worker_link_measure(const struct p2p_worker_link *link, struct p2p_tcp_measure *out);
uint64_t p2p_worker_link_since_ms(const struct p2p_worker_link *link); /* when it was started */

/* Requests the packages that were looked up and not requested yet. */
void p2p_worker_link_request_packages(struct p2p_worker_link *link, uint64_t now_ms);
/* Takes the scheduler's step, except for opening and closing, with tasks from `waiting`. Returns
 * false if `waiting` has fewer suitable tasks than the step says: then decide again. */
bool p2p_worker_link_take_step(struct p2p_worker_link *link, const struct p2p_schedule_step *step,
                               struct p2p_task_queue *waiting) P2P_MUST_USE;
/* Sends CANCEL for tasks that were cancelled on another thread. */
void p2p_worker_link_cancel_ended(struct p2p_worker_link *link);
/* The error of a write that failed in one of these functions; NULL: none. The owner then frees the
 * link. */
const struct p2p_err *p2p_worker_link_error(const struct p2p_worker_link *link);

#endif
