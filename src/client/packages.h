/* Which worker has what a future needs: what the linked workers have reported about
 * their packages (the client's side of the PACKAGES frame), the waiting tasks grouped by the
 * packages and resources they need, and the end of tasks that no worker can run. No I/O: requests
 * and replies are bytes, and time is an argument. Replies are hostile. io thread only. */
#ifndef P2P_CLIENT_PACKAGES_H
#define P2P_CLIENT_PACKAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "client/room.h"
#include "client/schedule.h"
#include "client/task.h"

/* ---- The packages of one linked worker ---- */

#define P2P_WORKER_PACKAGES_MAX 4096 /* known names; beyond it the oldest answers are forgotten */
#define P2P_WORKER_PACKAGES_REQUEST_MAX 500 /* names in one request */
#define P2P_WORKER_PACKAGES_REQUEST_MAX_BYTES \
  16384                                      /* so that the reply fits into a frame as well */
#define P2P_WORKER_PACKAGES_TIMEOUT_MS 20000 /* then the requested packages count as missing */

struct p2p_worker_packages_entry;

/* A zeroed struct is an empty one. A package is requested once; the answer holds until it is
 * forgotten or the link ends. */
struct p2p_worker_packages {
  struct p2p_worker_packages_entry *entries; /* in the order of their first lookup */
  size_t length, capacity;
  bool is_pending;       /* a request is unanswered, */
  uint64_t requested_ms; /* sent at this time */
};

enum p2p_packages_match {
  P2P_PACKAGES_INSTALLED, /* all of them */
  P2P_PACKAGES_MISSING,   /* at least one of them, or the worker does not reply */
  P2P_PACKAGES_UNKNOWN    /* a reply is needed */
};

void p2p_worker_packages_clear(struct p2p_worker_packages *packages);

/* Whether the worker has all of `names` ("a;b"). Names that were never looked up are queued for the
 * next request. */
enum p2p_packages_match p2p_worker_packages_match(struct p2p_worker_packages *packages,
                                                  const char *names, uint64_t now_ms);
/* Writes the missing ones of `names` as "'a', 'b', 'c' and 3 more"; "" if the worker did not reply.
 */
void p2p_worker_packages_describe_missing(const struct p2p_worker_packages *packages,
                                          const char *names, char *out, size_t size);
/* Forgets which packages are missing, so that they are requested again. */
void p2p_worker_packages_forget_missing(struct p2p_worker_packages *packages);

/* Appends the payload of the next request to `out`, which is empty, and marks it as sent. Appends
 * nothing when there is nothing to request or a request is pending. */
int p2p_worker_packages_request(struct p2p_worker_packages *packages, uint64_t now_ms,
                                struct p2p_buf *out) P2P_MUST_USE;
/* Reads the reply to the pending request: each requested name, in the same order. Otherwise
 * P2P_ERR_PROTOCOL: *violation says why, and nothing is changed. */
int p2p_worker_packages_on_reply(struct p2p_worker_packages *packages, const void *payload,
                                 size_t length, const char **violation) P2P_MUST_USE;
/* When the pending request times out; UINT64_MAX: none is pending, or it has timed out. */
uint64_t p2p_worker_packages_timeout_ms(const struct p2p_worker_packages *packages,
                                        uint64_t now_ms);

/* ---- What the waiting tasks need ---- */

#define P2P_PACKAGE_NEEDS_MAX 64 /* needs per decision; tasks with others wait */

/* The waiting tasks that need the same. */
struct p2p_package_need {
  const struct p2p_requirements *needs; /* borrowed from one of the tasks */
  uint32_t waiting;                     /* tasks */
  /* Workers, by what p2p_worker_packages_match returned; those that can never give the resources
   * are missing, too. */
  uint32_t installed, missing, unknown;
  uint32_t too_small; /* of the missing ones, those without the resources */
};

/* Collected for one decision; valid while the queue does not change. */
struct p2p_package_needs {
  uint32_t without; /* tasks that need nothing */
  struct p2p_package_need list[P2P_PACKAGE_NEEDS_MAX];
  size_t length;
};

void p2p_package_needs_collect(struct p2p_package_needs *needs,
                               const struct p2p_task_queue *waiting);
/* The number of tasks that were collected. */
uint32_t p2p_package_needs_waiting(const struct p2p_package_needs *needs);
/* Counts a worker and fills the tasks that it can run: worker->eligible and ->confirmed. `packages`
 * is NULL for a worker without a link, of which nothing is known. */
void p2p_package_needs_add_worker(struct p2p_package_needs *needs,
                                  struct p2p_worker_packages *packages, const struct p2p_room *room,
                                  uint64_t now_ms, struct p2p_schedule_worker *worker);
/* How many links to open at once to find a worker with packages that no linked worker has. Grows
 * with the number of workers that lack them. */
uint32_t p2p_package_needs_links(const struct p2p_package_needs *needs);
/* There are workers, all of them have reported, and none has the packages and resources. */
bool p2p_package_need_is_hopeless(const struct p2p_package_need *need);

#define P2P_PACKAGE_REPORT_MAX 4 /* workers that an error names */

struct p2p_package_report {
  const char *cluster;
  struct {
    const char *name;                           /* of the worker */
    const struct p2p_worker_packages *packages; /* of the worker; NULL: no link */
    const struct p2p_machine *machine;
  } workers[P2P_PACKAGE_REPORT_MAX];
  size_t n_workers; /* in all; may be more than are listed */
};

/* Fails the waiting tasks of a hopeless need with P2P_ERR_VERSION and the reason "missing_packages"
 * or, if none has the resources, "missing_resources"; the message says which worker lacks what.
 * `need` is invalid afterwards. */
void p2p_package_need_fail(const struct p2p_package_need *need,
                           const struct p2p_package_report *report, struct p2p_task_queue *waiting);

#endif
