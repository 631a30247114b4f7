/* Changes of a file. Its folder is what is watched, since editors write a new file and rename it to
 * the old one's name: a watch on the file would stay with the one that is gone. */
#include "net/file_watch.h"

#include <stdlib.h>
#include <string.h>

#include "net/loop_private.h"

#define SETTLE_MS 100 /* of quiet, so that a file is not read while it is being written */

struct p2p_file_watch {
  uv_fs_event_t uv;
  struct p2p_timer *settled;
  char *path, *name; /* owned; name: what is behind the last '/' */
  void (*fn)(void *arg);
  void *arg;
};

static void on_settled(void *arg) {
  struct p2p_file_watch *watch = arg;
  watch->fn(watch->arg);
}

static void on_event(uv_fs_event_t *uv, const char *name, int callbacks, int status) {
  struct p2p_file_watch *watch = uv->data;
  (void)callbacks;
  (void)status;
  if (name == NULL || strcmp(name, watch->name) == 0) p2p_timer_start(watch->settled, SETTLE_MS, 0);
}

static void destroy(struct p2p_file_watch *watch) {
  free(watch->path);
  free(watch->name);
  free(watch);
}

static void on_closed(uv_handle_t *handle) { destroy(handle->data); }

/* "folder/name" is cut in two; a name alone is in ".". */
static int split(struct p2p_file_watch *watch, const char *path) {
  const char *slash = strrchr(path, '/');
  watch->name = strdup(slash == NULL ? path : slash + 1);
  watch->path = strdup(slash == NULL ? "." : path);
  if (watch->name == NULL || watch->path == NULL) return P2P_ERR_MEMORY;
  if (slash != NULL) watch->path[slash == path ? 1 : slash - path] = '\0';
  return P2P_OK;
}

int p2p_file_watch_new(struct p2p_loop *loop, const char *path, void (*fn)(void *arg), void *arg,
                       struct p2p_file_watch **out, struct p2p_err *err) {
  struct p2p_file_watch *watch = calloc(1, sizeof *watch);
  if (watch == NULL || split(watch, path) != P2P_OK ||
      (watch->settled = p2p_timer_new(loop, on_settled, watch)) == NULL) {
    if (watch != NULL) destroy(watch);
    return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  }
  watch->fn = fn;
  watch->arg = arg;
  uv_fs_event_init(p2p_loop_uv(loop), &watch->uv);
  watch->uv.data = watch;
  int bad = uv_fs_event_start(&watch->uv, on_event, watch->path, 0);
  if (bad != 0) {
    p2p_file_watch_free(watch);
    return p2p_err_set(err, P2P_ERR_SYSTEM, "Changes of '%s' cannot be noticed: %s.", path,
                       uv_strerror(bad));
  }
  *out = watch;
  return P2P_OK;
}

void p2p_file_watch_free(struct p2p_file_watch *watch) {
  if (watch == NULL) return;
  p2p_timer_free(watch->settled);
  uv_close((uv_handle_t *)&watch->uv, on_closed);
}
