/* A job around worker/package_library. */
#include "worker/package_lookup.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "net/job.h"
#include "protocol/frame.h"
#include "worker/package_library.h"

struct p2p_package_lookup {
  struct p2p_job *job;
  char *libraries; /* NULL: none */
  struct p2p_buf request, reply;
  int code;
  void (*on_reply)(void *arg, int code, const struct p2p_buf *reply);
  void *arg;
};

static atomic_int running;

static void destroy(void *data) {
  struct p2p_package_lookup *lookup = data;
  atomic_fetch_sub(&running, 1);
  p2p_buf_clear(&lookup->request);
  p2p_buf_clear(&lookup->reply);
  free(lookup->libraries);
  free(lookup);
}

/* on the job's thread */
static void look_up(void *data) {
  struct p2p_package_lookup *lookup = data;
  lookup->code = p2p_package_library_reply(lookup->libraries, p2p_buf_data(&lookup->request),
                                           p2p_buf_len(&lookup->request), &lookup->reply);
}

static void on_done(void *arg, void *data) {
  struct p2p_package_lookup *lookup = data;
  (void)arg;
  lookup->on_reply(lookup->arg, lookup->code, &lookup->reply);
  destroy(lookup);
}

/* Checks the request on the io thread, which needs no file. */
static int check_request(const void *request, size_t length) {
  struct p2p_package_reader reader;
  struct p2p_package package;
  int code;
  p2p_package_reader_init(&reader, request, length);
  while ((code = p2p_package_request_next(&reader, &package)) > 0) continue;
  return code;
}

static int copy(struct p2p_package_lookup *lookup, const char *libraries, const void *request,
                size_t length) {
  p2p_buf_init(&lookup->request, P2P_FRAME_PAYLOAD_MAX);
  p2p_buf_init(&lookup->reply, P2P_FRAME_PAYLOAD_MAX);
  if (libraries != NULL && (lookup->libraries = strdup(libraries)) == NULL) return P2P_ERR_MEMORY;
  return p2p_buf_put(&lookup->request, request, length);
}

int p2p_package_lookup_start(const struct p2p_package_lookup_config *config, const void *request,
                             size_t length, struct p2p_package_lookup **out) {
  int code = check_request(request, length);
  if (code != P2P_OK) return code;
  if (atomic_load(&running) >= P2P_PACKAGE_LOOKUPS_MAX) return P2P_ERR_SYSTEM;
  struct p2p_package_lookup *lookup = calloc(1, sizeof *lookup);
  if (lookup == NULL) return P2P_ERR_MEMORY;
  atomic_fetch_add(&running, 1);
  lookup->on_reply = config->on_reply;
  lookup->arg = config->arg;
  const struct p2p_job_config job = {
      .may_block = true, .work = look_up, .done = on_done, .release = destroy, .data = lookup};
  code = copy(lookup, config->libraries, request, length);
  if (code == P2P_OK) code = p2p_job_start(config->loop, &job, &lookup->job);
  if (code != P2P_OK)
    destroy(lookup);
  else
    *out = lookup;
  return code;
}

void p2p_package_lookup_cancel(struct p2p_package_lookup *lookup) {
  if (lookup != NULL) p2p_job_cancel(lookup->job);
}
