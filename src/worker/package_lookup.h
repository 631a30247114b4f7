/* A client's PACKAGES request, answered on another thread: libraries may be on a slow network file
 * system. io thread only. */
#ifndef P2P_WORKER_PACKAGE_LOOKUP_H
#define P2P_WORKER_PACKAGE_LOOKUP_H

#include "base/buf.h"
#include "net/loop.h"

#define P2P_PACKAGE_LOOKUPS_MAX 16 /* threads at once, also those of cancelled lookups */

struct p2p_package_lookup;

struct p2p_package_lookup_config {
  struct p2p_loop *loop;
  const char *libraries; /* see p2p_package_library_reply; copied */
  /* P2P_OK: `reply` is the payload of the reply; else an error of p2p_package_library_reply. The
   * lookup is freed after. */
  void (*on_reply)(void *arg, int code, const struct p2p_buf *reply);
  void *arg;
};

/* Starts the lookup; on_reply is never called from within. Copies the request. P2P_ERR_PARSE and
 * P2P_ERR_TOO_LARGE for a request that is malformed or too long; P2P_ERR_SYSTEM when
 * P2P_PACKAGE_LOOKUPS_MAX are running; the errors of p2p_job_start. */
int p2p_package_lookup_start(const struct p2p_package_lookup_config *config, const void *request,
                             size_t length, struct p2p_package_lookup **out) P2P_MUST_USE;
/* on_reply will not be called. Not from within on_reply. Takes NULL. */
void p2p_package_lookup_cancel(struct p2p_package_lookup *lookup);

#endif
