/* Watches a file for changes. What is watched are directories, each for one name in it: the file's
 * own, since editors write a new file and rename it over the old one, which a watch on the file
 * would follow; and those of the symbolic links on the way, since whoever manages configurations
 * replaces a link (Kubernetes: users.txt -> ..data/users.txt, and ..data -> another directory). */
#include "net/file_watch.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "net/timer.h"

#define SETTLE_MS 100 /* without a change, so that a file is not read while it is written */
#define RETRY_MS 1000 /* after the operating system has refused to watch a directory */
#define LINKS_MAX 40  /* on the way to one file, as on Linux */

/* A name in a directory. */
struct entry {
  struct entry *next;
  struct p2p_file_watch *watch;
  char *directory, *name; /* owned */
  bool is_started;        /* uv is a handle of the loop */
  bool is_stale;          /* the directory itself was moved or removed */
  uv_fs_event_t uv;
};

struct p2p_file_watch {
  struct p2p_loop *loop;
  struct p2p_timer *settled;
  char *path;            /* owned */
  struct entry *entries; /* in the order in which the path leads to them */
  bool has_changed;      /* fn is to be called */
  void (*fn)(void *arg);
  void *arg;
};

/* --- entries --- */

static void destroy_entry(struct entry *entry) {
  free(entry->directory);
  free(entry->name);
  free(entry);
}

static void on_closed(uv_handle_t *handle) { destroy_entry(handle->data); }

static void free_entries(struct entry *entry) {
  while (entry != NULL) {
    struct entry *next = entry->next;
    if (entry->is_started)
      uv_close((uv_handle_t *)&entry->uv, on_closed);
    else
      destroy_entry(entry);
    entry = next;
  }
}

static bool is_same_entry(const struct entry *a, const struct entry *b) {
  return strcmp(a->directory, b->directory) == 0 && strcmp(a->name, b->name) == 0;
}

/* Appends to the list at *at, unless the entry is there already: links may form a loop. */
static int add_entry(struct entry **at, const char *directory, const char *name) {
  struct entry *entry = calloc(1, sizeof *entry);
  if (entry == NULL) return P2P_ERR_MEMORY;
  entry->directory = strdup(directory);
  entry->name = strdup(name);
  if (entry->directory == NULL || entry->name == NULL) {
    destroy_entry(entry);
    return P2P_ERR_MEMORY;
  }
  for (; *at != NULL; at = &(*at)->next) {
    if (!is_same_entry(*at, entry)) continue;
    destroy_entry(entry);
    return P2P_OK;
  }
  *at = entry;
  return P2P_OK;
}

/* --- resolving the path --- */

struct resolver {
  char directory[PATH_MAX]; /* without links; "/", "." or a path without a final '/' */
  char rest[PATH_MAX];      /* what is still to be resolved from there */
};

/* Cuts the first name off `rest`. False at the end. */
static bool next_name(struct resolver *resolver, char name[static NAME_MAX + 1]) {
  const char *start = resolver->rest + strspn(resolver->rest, "/");
  size_t length = strcspn(start, "/");
  if (length == 0 || length > NAME_MAX) return false;
  memcpy(name, start, length);
  name[length] = '\0';
  start += length;
  start += strspn(start, "/");
  memmove(resolver->rest, start, strlen(start) + 1);
  return true;
}

/* False when the path is too long. */
static bool append(const char *directory, const char *name, char out[static PATH_MAX]) {
  const char *separator = strcmp(directory, "/") == 0 ? "" : "/";
  int length = snprintf(out, PATH_MAX, "%s%s%s", directory, separator, name);
  return length > 0 && length < PATH_MAX;
}

static void copy_path(char to[static PATH_MAX], const char *path) {
  snprintf(to, PATH_MAX, "%s", path);
}

/* Goes on at the target of a link. */
static bool follow(struct resolver *resolver, const char *target) {
  char rest[PATH_MAX];
  if (!append(target, resolver->rest, rest)) return false;
  if (target[0] == '/') copy_path(resolver->directory, "/");
  copy_path(resolver->rest, rest);
  return true;
}

/* Lists what the path depends on: each link, and the file or the first directory that is missing.
 * The list is shorter for a path that cannot be resolved, such as a loop of links. */
static int resolve(const char *path, struct entry **out) {
  struct resolver resolver = {.directory = "."};
  char name[NAME_MAX + 1], full[PATH_MAX], target[PATH_MAX];
  int n_links = 0, code = P2P_OK;
  if (strlen(path) >= PATH_MAX) return P2P_ERR_INVALID;
  if (path[0] == '/') copy_path(resolver.directory, "/");
  copy_path(resolver.rest, path);
  while (code == P2P_OK && n_links <= LINKS_MAX && next_name(&resolver, name) &&
         append(resolver.directory, name, full)) {
    ssize_t length = readlink(full, target, sizeof target - 1);
    bool is_missing = length < 0 && errno != EINVAL; /* EINVAL: no link */
    if (length >= 0 || is_missing || resolver.rest[0] == '\0')
      code = add_entry(out, resolver.directory, name);
    if (is_missing) break;
    if (length >= 0) {
      target[length] = '\0';
      n_links++;
      if (!follow(&resolver, target)) break;
    } else {
      copy_path(resolver.directory, full);
    }
  }
  return code;
}

/* --- watching --- */

static void note_change(struct p2p_file_watch *watch) {
  watch->has_changed = true;
  p2p_timer_start(watch->settled, SETTLE_MS, 0);
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

static void on_event(uv_fs_event_t *uv, const char *name, int events, int status) {
  struct entry *entry = uv->data;
  (void)events;
  /* libuv reports what happens to the directory itself under the directory's name. */
  if (status < 0 || name == NULL || strcmp(name, base_name(entry->directory)) == 0)
    entry->is_stale = true;
  else if (strcmp(name, entry->name) != 0)
    return;
  note_change(entry->watch);
}

/* 0 or libuv's code. */
static int start_entries(struct p2p_file_watch *watch, struct entry *entry) {
  int bad = 0;
  for (; bad == 0 && entry != NULL; entry = entry->next) {
    bad = uv_fs_event_init(p2p_loop_uv(watch->loop), &entry->uv);
    if (bad != 0) break;
    entry->is_started = true;
    entry->uv.data = entry;
    entry->watch = watch;
    bad = uv_fs_event_start(&entry->uv, on_event, entry->directory, 0);
  }
  return bad;
}

static bool are_same(const struct entry *old, const struct entry *new) {
  for (; old != NULL && new != NULL && !old->is_stale &&is_same_entry(old, new); old = old->next)
    new = new->next;
  return old == NULL && new == NULL;
}

/* Watches what the path depends on now. *changed: that was not what was watched before. */
static int refresh(struct p2p_file_watch *watch, bool *changed, struct p2p_err *err) {
  struct entry *entries = NULL;
  int code = resolve(watch->path, &entries);
  *changed = code == P2P_OK && !are_same(watch->entries, entries);
  if (code == P2P_ERR_INVALID) p2p_err_set(err, code, "the path of a file to watch is too long");
  if (code == P2P_ERR_MEMORY) p2p_err_set(err, code, "out of memory");
  int bad = *changed ? start_entries(watch, entries) : 0;
  if (bad != 0)
    code = p2p_err_set(err, P2P_ERR_SYSTEM, "cannot watch '%s' for changes: %s", watch->path,
                       uv_strerror(bad));
  if (code == P2P_OK && *changed) {
    struct entry *old = watch->entries;
    watch->entries = entries;
    entries = old;
  }
  free_entries(entries);
  return code;
}

/* A link may be replaced after it was read and before it is watched, so it is read again. */
static int refresh_twice(struct p2p_file_watch *watch, struct p2p_err *err) {
  bool changed, changed_again;
  int code = refresh(watch, &changed, err);
  if (code == P2P_OK && changed) code = refresh(watch, &changed_again, err);
  if (code == P2P_OK && changed && changed_again) note_change(watch);
  return code;
}

static void on_settled(void *arg) {
  struct p2p_file_watch *watch = arg;
  bool has_changed = watch->has_changed;
  watch->has_changed = false;
  if (refresh_twice(watch, NULL) != P2P_OK) p2p_timer_start(watch->settled, RETRY_MS, 0);
  if (has_changed) watch->fn(watch->arg);
}

int p2p_file_watch_new(struct p2p_loop *loop, const char *path, void (*fn)(void *arg), void *arg,
                       struct p2p_file_watch **out, struct p2p_err *err) {
  struct p2p_file_watch *watch = calloc(1, sizeof *watch);
  if (watch == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  watch->loop = loop;
  watch->fn = fn;
  watch->arg = arg;
  watch->path = strdup(path);
  watch->settled = p2p_timer_new(loop, on_settled, watch);
  int code = P2P_OK;
  if (watch->path == NULL || watch->settled == NULL)
    code = p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  if (code == P2P_OK) code = refresh_twice(watch, err);
  if (code != P2P_OK) {
    p2p_file_watch_free(watch);
    return code;
  }
  *out = watch;
  return P2P_OK;
}

void p2p_file_watch_free(struct p2p_file_watch *watch) {
  if (watch == NULL) return;
  p2p_timer_free(watch->settled);
  free_entries(watch->entries);
  free(watch->path);
  free(watch);
}
