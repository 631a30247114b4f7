/* The client program: a member of the board, the roster of workers, links to them, and the
 * scheduler that gives tasks to slots. Lives on the io thread; everything here may be called from
 * any other thread. */
#ifndef P2P_CLIENT_CLIENT_H
#define P2P_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/log_queue.h"
#include "board/board_config.h"
#include "net/loop.h"

struct p2p_client;
struct p2p_task; /* reference counted: one for who made it, one while the client works on it */

struct p2p_client_config {
  struct p2p_loop *loop;
  struct p2p_board_config board;
  const char *r_version; /* of this session, as "4.2.2" */
  const char *future_version;
  uint32_t workers_most;     /* slots used at once; 0: no cap */
  uint64_t object_cap_bytes; /* largest result or condition taken */
  uint32_t retries;          /* how often a task runs again whose worker was lost, link and all */
};

int p2p_client_new(const struct p2p_client_config *config, struct p2p_log_queue *log,
                   struct p2p_client **out, struct p2p_err *err) P2P_MUST_USE;
/* Cancels what runs, says leave, closes links, frees. Waits for the io thread, bounded. */
void p2p_client_free(struct p2p_client *client);

/* What the client is worth now. */
struct p2p_client_status {
  bool joined;
  struct p2p_err failed; /* code != 0: it cannot join, or was thrown off the board for good */
  char user[64], cluster[192];
  uint32_t workers;           /* compatible workers in sight */
  uint32_t slots;             /* their slots in all */
  uint32_t incompatible;      /* workers whose R or future cannot run our tasks */
  char incompatible_why[256]; /* of the last such worker */
  uint32_t waiting, running;  /* tasks */
  uint32_t needy;             /* of those that wait, how many need packages */
};
void p2p_client_status(struct p2p_client *client, struct p2p_client_status *out);

struct p2p_worker_info {
  char from[192]; /* user@host:pid */
  char r_version[32], future_version[32];
  char platform[64];          /* "": not told */
  uint32_t cores, memory_mib; /* of the machine; 0: not told */
  uint32_t slots, busy;       /* busy: with our tasks */
  char state[16];             /* "seen", "linking", "linked", "lost", "leaving", "incompatible" */
  char path[128]; /* of the link: "direct 192.0.2.7:40001", "relay ..."; "" without one */
};
/* Up to `most` workers; returns how many there are. */
size_t p2p_client_workers(struct p2p_client *client, struct p2p_worker_info *out, size_t most);

/* Everything that changes (a worker comes, a task ends, joining fails, ...) counts one generation
 * up. Waits until it is no longer `seen` or timeout_ms have passed; returns the current one. 0 is
 * never current. */
uint64_t p2p_client_wait(struct p2p_client *client, uint64_t seen, int timeout_ms);
/* Readable when something has changed since p2p_client_wait; to be polled only. */
int p2p_client_fd(const struct p2p_client *client);

/* A task: the serialized future in `object` (taken over). `label` is for logs: the future's uuid
 * and label. NULL when out of memory. Holds one reference. */
struct p2p_task *p2p_task_new(struct p2p_blob *object, const char *label);
void p2p_task_free(struct p2p_task *task); /* drops the reference; takes NULL */
/* Queues it. Tasks are started in the order of their submission, but for those that
 * find no worker with their packages just now. */
int p2p_client_submit(struct p2p_client *client, struct p2p_task *task,
                      struct p2p_err *err) P2P_MUST_USE;
/* Before it is submitted: the task runs only where all these packages ("a;b", at most
 * P2P_TASK_PACKAGES_MAX) are installed. Where every worker that is there says that it lacks some,
 * the task fails with P2P_ERR_VERSION, and nothing of it was sent. */
int p2p_task_need(struct p2p_task *task, const char *packages, struct p2p_err *err) P2P_MUST_USE;
#define P2P_TASK_PACKAGES_MAX 1000
/* Interrupts it where it is. It ends in P2P_TASK_FAILED with P2P_ERR_CANCELED (or is done already).
 */
void p2p_client_cancel(struct p2p_client *client, struct p2p_task *task);

enum p2p_task_state {
  P2P_TASK_NEW,     /* not submitted */
  P2P_TASK_WAITING, /* for a worker with a free slot */
  P2P_TASK_RUNNING, /* sent, or being sent, to a worker */
  P2P_TASK_DONE,    /* the result is here */
  P2P_TASK_FAILED   /* there will be none: see the error */
};
/* Reads a flag: O(1), never blocks. */
enum p2p_task_state p2p_task_state(const struct p2p_task *task);
/* The result: owned by the task until it is freed; NULL unless P2P_TASK_DONE. */
const struct p2p_blob *p2p_task_result(struct p2p_task *task);
void p2p_task_error(struct p2p_task *task, struct p2p_err *out);
/* "carol@desk:4711", "" before it was given to one. */
void p2p_task_worker(struct p2p_task *task, char *out, size_t size);
/* How often it was given to a worker that was then lost, and so may have been evaluated more than
 * once. If ever: *last is the sentence of the last loss. Its results cannot be mistaken for each
 * other: one comes over a link that stands, or not at all. */
uint32_t p2p_task_losses(struct p2p_task *task, struct p2p_err *last);
/* Takes the next condition that arrived while it runs, or NULL. The caller frees it. */
struct p2p_blob *p2p_task_condition(struct p2p_task *task);
/* How many conditions there was no room for, since too many that came before had not been taken. */
uint64_t p2p_task_dropped(struct p2p_task *task);

#endif
