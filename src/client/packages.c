/* Owns what is known of the packages of each linked worker, and the groups of waiting tasks by the
 * packages they need. One request is pending at a time, so a reply always belongs to it. A worker
 * that does not reply (an older version) gets no further request; a late reply counts from then on.
 */
#include "client/packages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/package_list.h"

#define LINKS_MAX 8 /* opened at once in search of a package */

enum state {
  QUEUED,    /* for the next request */
  REQUESTED, /* in the pending request */
  INSTALLED, /* the worker has it */
  MISSING    /* the worker does not have it */
};

struct p2p_worker_packages_entry {
  char *name;
  enum state state;
};

void p2p_worker_packages_clear(struct p2p_worker_packages *packages) {
  for (size_t i = 0; i < packages->length; i++) free(packages->entries[i].name);
  free(packages->entries);
  *packages = (struct p2p_worker_packages){0};
}

/* What the worker has reported. */

static const struct p2p_worker_packages_entry *find(const struct p2p_worker_packages *packages,
                                                    const char *name) {
  for (size_t i = 0; i < packages->length; i++) {
    if (strcmp(packages->entries[i].name, name) == 0) return &packages->entries[i];
  }
  return NULL;
}

static void forget_oldest_answer(struct p2p_worker_packages *packages) {
  size_t i = 0;
  while (i < packages->length && packages->entries[i].state < INSTALLED) i++;
  if (i == packages->length) return;
  free(packages->entries[i].name);
  packages->length--;
  memmove(packages->entries + i, packages->entries + i + 1,
          (packages->length - i) * sizeof packages->entries[0]);
}

/* Without room or memory, the next lookup tries again. */
static void enqueue(struct p2p_worker_packages *packages, const char *name) {
  if (packages->length == P2P_WORKER_PACKAGES_MAX) forget_oldest_answer(packages);
  if (packages->length == P2P_WORKER_PACKAGES_MAX) return;
  if (packages->length == packages->capacity) {
    size_t capacity = packages->capacity == 0 ? 8 : 2 * packages->capacity;
    struct p2p_worker_packages_entry *entries =
        realloc(packages->entries, capacity * sizeof *entries);
    if (entries == NULL) return;
    packages->entries = entries;
    packages->capacity = capacity;
  }
  char *copy = strdup(name);
  if (copy != NULL)
    packages->entries[packages->length++] = (struct p2p_worker_packages_entry){copy, QUEUED};
}

void p2p_worker_packages_forget_missing(struct p2p_worker_packages *packages) {
  size_t kept = 0;
  for (size_t i = 0; i < packages->length; i++) {
    if (packages->entries[i].state == MISSING)
      free(packages->entries[i].name);
    else
      packages->entries[kept++] = packages->entries[i];
  }
  packages->length = kept;
}

static bool is_timed_out(const struct p2p_worker_packages *packages, uint64_t now_ms) {
  return packages->is_pending && packages->requested_ms + P2P_WORKER_PACKAGES_TIMEOUT_MS <= now_ms;
}

enum p2p_packages_match p2p_worker_packages_match(struct p2p_worker_packages *packages,
                                                  const char *names, uint64_t now_ms) {
  enum p2p_packages_match match = P2P_PACKAGES_INSTALLED;
  char name[P2P_PACKAGE_NAME_MAX];
  while (p2p_package_list_next(&names, name)) {
    const struct p2p_worker_packages_entry *entry = find(packages, name);
    if (entry == NULL) enqueue(packages, name);
    if (entry != NULL && entry->state == MISSING)
      match = P2P_PACKAGES_MISSING;
    else if ((entry == NULL || entry->state != INSTALLED) && match == P2P_PACKAGES_INSTALLED)
      match = P2P_PACKAGES_UNKNOWN;
  }
  return match == P2P_PACKAGES_UNKNOWN && is_timed_out(packages, now_ms) ? P2P_PACKAGES_MISSING
                                                                         : match;
}

void p2p_worker_packages_describe_missing(const struct p2p_worker_packages *packages,
                                          const char *names, char *out, size_t size) {
  enum { LISTED = 3 };
  char name[P2P_PACKAGE_NAME_MAX];
  size_t count = 0, at = 0;
  out[0] = '\0';
  while (p2p_package_list_next(&names, name)) {
    const struct p2p_worker_packages_entry *entry = find(packages, name);
    if (entry == NULL || entry->state != MISSING || count++ >= LISTED || at >= size) continue;
    at += (size_t)snprintf(out + at, size - at, "%s'%s'", count > 1 ? ", " : "", name);
  }
  if (count > LISTED && at < size)
    snprintf(out + at, size - at, " and %u more", (unsigned)(count - LISTED));
}

/* Requests and replies. */

int p2p_worker_packages_request(struct p2p_worker_packages *packages, uint64_t now_ms,
                                struct p2p_buf *out) {
  size_t count = 0;
  if (packages->is_pending) return P2P_OK;
  for (size_t i = 0; i < packages->length && count < P2P_WORKER_PACKAGES_REQUEST_MAX; i++) {
    struct p2p_worker_packages_entry *entry = &packages->entries[i];
    if (entry->state != QUEUED) continue;
    int code = p2p_package_request_put(out, entry->name);
    if (code == P2P_ERR_TOO_LARGE && count > 0) break; /* the rest is for the next request */
    if (code != P2P_OK) return code;
    entry->state = REQUESTED;
    count++;
  }
  packages->is_pending = count > 0;
  packages->requested_ms = now_ms;
  return P2P_OK;
}

/* Reads a whole reply, and stores what it says if `store` is set: only after a first pass without.
 */
static bool read_reply(struct p2p_worker_packages *packages, const void *payload, size_t length,
                       bool store) {
  struct p2p_package_reader reader;
  struct p2p_package package;
  p2p_package_reader_init(&reader, payload, length);
  for (size_t i = 0; i < packages->length; i++) {
    struct p2p_worker_packages_entry *entry = &packages->entries[i];
    if (entry->state != REQUESTED) continue;
    if (p2p_package_reply_next(&reader, &package) != 1 || strcmp(package.name, entry->name) != 0)
      return false;
    if (store) entry->state = package.version[0] != '\0' ? INSTALLED : MISSING;
  }
  return p2p_package_reply_next(&reader, &package) == 0;
}

int p2p_worker_packages_on_reply(struct p2p_worker_packages *packages, const void *payload,
                                 size_t length, const char **violation) {
  if (!packages->is_pending)
    *violation = "PACKAGES without a request";
  else if (!read_reply(packages, payload, length, false))
    *violation = "PACKAGES does not match the request";
  else
    *violation = NULL;
  if (*violation != NULL) return P2P_ERR_PROTOCOL;
  (void)read_reply(packages, payload, length, true);
  packages->is_pending = false;
  return P2P_OK;
}

uint64_t p2p_worker_packages_timeout_ms(const struct p2p_worker_packages *packages,
                                        uint64_t now_ms) {
  return packages->is_pending && !is_timed_out(packages, now_ms)
             ? packages->requested_ms + P2P_WORKER_PACKAGES_TIMEOUT_MS
             : UINT64_MAX;
}

/* Groups of waiting tasks. */

static struct p2p_package_need *find_need(struct p2p_package_needs *needs,
                                          const struct p2p_requirements *of_task) {
  for (size_t i = 0; i < needs->length; i++) {
    if (p2p_requirements_are_same(needs->list[i].needs, of_task)) return &needs->list[i];
  }
  if (needs->length == P2P_PACKAGE_NEEDS_MAX) return NULL;
  struct p2p_package_need *need = &needs->list[needs->length++];
  *need = (struct p2p_package_need){.needs = of_task};
  return need;
}

void p2p_package_needs_collect(struct p2p_package_needs *needs,
                               const struct p2p_task_queue *waiting) {
  needs->length = 0;
  needs->without = waiting->length - waiting->with_needs;
  uint32_t left = waiting->with_needs;
  for (const struct p2p_task *task = waiting->first; left > 0; task = p2p_task_next(task)) {
    if (p2p_requirements_are_none(p2p_task_requirements(task))) continue;
    struct p2p_package_need *need = find_need(needs, p2p_task_requirements(task));
    if (need != NULL) need->waiting++;
    left--;
  }
}

uint32_t p2p_package_needs_waiting(const struct p2p_package_needs *needs) {
  uint32_t waiting = needs->without;
  for (size_t i = 0; i < needs->length; i++) waiting += needs->list[i].waiting;
  return waiting;
}

/* Whether the worker has still to reply about one of them, so that an error could not name them all
 * yet. */
static bool has_open_request(struct p2p_worker_packages *packages, const char *names,
                             uint64_t now_ms) {
  char name[P2P_PACKAGE_NAME_MAX];
  if (packages == NULL || is_timed_out(packages, now_ms)) return false;
  while (p2p_package_list_next(&names, name)) {
    const struct p2p_worker_packages_entry *entry = find(packages, name);
    if (entry != NULL && entry->state < INSTALLED) return true;
  }
  return false;
}

/* A worker without a link is asked for its packages once it has one. */
static enum p2p_packages_match match(struct p2p_worker_packages *packages, const char *names,
                                     uint64_t now_ms) {
  if (names[0] == '\0' && packages != NULL) return P2P_PACKAGES_INSTALLED;
  return packages != NULL ? p2p_worker_packages_match(packages, names, now_ms)
                          : P2P_PACKAGES_UNKNOWN;
}

void p2p_package_needs_add_worker(struct p2p_package_needs *needs,
                                  struct p2p_worker_packages *packages, const struct p2p_room *room,
                                  uint64_t now_ms, struct p2p_schedule_worker *worker) {
  worker->eligible = worker->confirmed = needs->without;
  for (size_t i = 0; i < needs->length; i++) {
    struct p2p_package_need *need = &needs->list[i];
    const char *names = p2p_requirements_packages(need->needs);
    if (!p2p_room_can_ever(room, &need->needs->resources)) {
      need->missing++;
      need->too_small++;
      continue;
    }
    enum p2p_packages_match found = match(packages, names, now_ms);
    uint32_t count = p2p_room_count(room, &need->needs->resources);
    if (count > need->waiting) count = need->waiting;
    if (found != P2P_PACKAGES_MISSING) worker->eligible += count;
    if (found == P2P_PACKAGES_INSTALLED) worker->confirmed += count;
    need->installed += found == P2P_PACKAGES_INSTALLED;
    need->missing += found == P2P_PACKAGES_MISSING;
    need->unknown += found == P2P_PACKAGES_UNKNOWN ||
                     (found == P2P_PACKAGES_MISSING && has_open_request(packages, names, now_ms));
  }
}

uint32_t p2p_package_needs_links(const struct p2p_package_needs *needs) {
  uint32_t most = 0;
  for (size_t i = 0; i < needs->length; i++) {
    const struct p2p_package_need *need = &needs->list[i];
    uint32_t lacking = need->missing - need->too_small;
    if (need->waiting > 0 && need->installed == 0 && lacking > most) most = lacking;
  }
  if (most == 0) return 0;
  return most < LINKS_MAX ? most + 1 : LINKS_MAX;
}

/* Hopeless tasks. */

bool p2p_package_need_is_hopeless(const struct p2p_package_need *need) {
  return need->installed == 0 && need->unknown == 0 && need->missing > 0;
}

/* "lacks 'mgcv'", "has 4 cores, 8 GiB of memory" */
static void describe_lack(const struct p2p_package_report *report, size_t i,
                          const struct p2p_package_need *need, char *out, size_t size) {
  const struct p2p_machine *machine = report->workers[i].machine;
  struct p2p_resources all;
  char text[P2P_ERR_MESSAGE_MAX / 4] = "";
  if (!p2p_machine_can_give(machine, &need->needs->resources)) {
    p2p_machine_resources(machine, &all);
    if (machine->limit_mib > 0 && machine->limit_mib < all.amounts.memory_mib)
      all.amounts.memory_mib = machine->limit_mib;
    p2p_resources_describe(&all, text, sizeof text);
    snprintf(out, size, machine->reserves ? "has %s" : "is of a version that reserves nothing",
             text);
    return;
  }
  if (report->workers[i].packages != NULL)
    p2p_worker_packages_describe_missing(report->workers[i].packages,
                                         p2p_requirements_packages(need->needs), text, sizeof text);
  snprintf(out, size, "%s%s", text[0] != '\0' ? "lacks " : "did not report its packages", text);
}

/* "'carol@desk:4711' lacks 'mgcv'; 'dave@box:12' did not report its packages; and 3 more",
 * truncated at the size. */
static void describe_workers(const struct p2p_package_report *report,
                             const struct p2p_package_need *need, char *out, size_t size) {
  size_t at = 0, n = report->n_workers;
  out[0] = '\0';
  for (size_t i = 0; i < n && i < P2P_PACKAGE_REPORT_MAX && at < size; i++) {
    char lack[P2P_ERR_MESSAGE_MAX / 2];
    describe_lack(report, i, need, lack, sizeof lack);
    at += (size_t)snprintf(out + at, size - at, "%s'%s' %s", i > 0 ? "; " : "",
                           report->workers[i].name, lack);
  }
  if (n > P2P_PACKAGE_REPORT_MAX && at < size)
    snprintf(out + at, size - at, "; and %u more", (unsigned)(n - P2P_PACKAGE_REPORT_MAX));
}

static void describe_hopeless(const struct p2p_package_need *need,
                              const struct p2p_package_report *report, struct p2p_err *err) {
  char workers[P2P_ERR_MESSAGE_MAX / 2], wanted[P2P_TAGS_LEN + 64];
  describe_workers(report, need, workers, sizeof workers);
  if (need->too_small == 0 || need->too_small < need->missing) {
    p2p_err_because(
        err, "missing_packages",
        p2p_err_set(err, P2P_ERR_VERSION,
                    "no worker of cluster '%s' has all packages that the future needs: %s",
                    report->cluster, workers));
    return;
  }
  p2p_resources_describe(&need->needs->resources, wanted, sizeof wanted);
  p2p_err_because(err, "missing_resources",
                  p2p_err_set(err, P2P_ERR_VERSION,
                              "no worker of cluster '%s' has what the future requests (%s): %s",
                              report->cluster, wanted, workers));
}

static bool has_needs(void *needs, const struct p2p_task *task) {
  return p2p_requirements_are_same(p2p_task_requirements(task), needs);
}

void p2p_package_need_fail(const struct p2p_package_need *need,
                           const struct p2p_package_report *report,
                           struct p2p_task_queue *waiting) {
  void *needs = (void *)(uintptr_t)need->needs;
  struct p2p_task_queue failed = {0}; /* owns `needs` until all are found */
  struct p2p_err err;
  for (struct p2p_task *task; (task = p2p_task_queue_pop_if(waiting, has_needs, needs)) != NULL;) {
    p2p_task_queue_push(&failed, task);
  }
  describe_hopeless(need, report, &err);
  p2p_task_queue_fail(&failed, &err);
}
