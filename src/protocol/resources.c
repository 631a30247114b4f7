/* Resources, and the payload of REQUEST. */
#include "protocol/resources.h"

#include <stdio.h>
#include <string.h>

#include "protocol/list.h"
#include "protocol/member_name.h"
#include "protocol/pairs.h"

#define TAG_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

/* ---- amounts ---- */

bool p2p_amounts_are_none(const struct p2p_amounts *amounts) {
  return amounts->cores == 0 && amounts->memory_mib == 0 && amounts->gpus == 0;
}

bool p2p_amounts_are_same(const struct p2p_amounts *a, const struct p2p_amounts *b) {
  return a->cores == b->cores && a->memory_mib == b->memory_mib && a->gpus == b->gpus;
}

static void add(uint32_t *to, uint32_t more) {
  *to = more > UINT32_MAX - *to ? UINT32_MAX : *to + more;
}

static void subtract(uint32_t *from, uint32_t less) { *from = less > *from ? 0 : *from - less; }

void p2p_amounts_add(struct p2p_amounts *to, const struct p2p_amounts *more) {
  add(&to->cores, more->cores);
  add(&to->memory_mib, more->memory_mib);
  add(&to->gpus, more->gpus);
}

void p2p_amounts_subtract(struct p2p_amounts *from, const struct p2p_amounts *less) {
  subtract(&from->cores, less->cores);
  subtract(&from->memory_mib, less->memory_mib);
  subtract(&from->gpus, less->gpus);
}

static uint32_t count(uint32_t amount, uint32_t each) {
  return each == 0 ? UINT32_MAX : amount / each;
}

uint32_t p2p_amounts_count(const struct p2p_amounts *amounts, const struct p2p_amounts *each) {
  uint32_t most = count(amounts->cores, each->cores);
  uint32_t by_memory = count(amounts->memory_mib, each->memory_mib);
  uint32_t by_gpus = count(amounts->gpus, each->gpus);
  if (by_memory < most) most = by_memory;
  return by_gpus < most ? by_gpus : most;
}

/* ---- tags ---- */

bool p2p_tags_are_valid(const char *list) {
  const char *tag;
  size_t length, n = 0;
  if (strlen(list) >= P2P_TAGS_LEN) return false;
  for (; p2p_list_next(&list, &tag, &length); n++)
    if (length == 0 || length >= P2P_TAG_MAX || strspn(tag, TAG_CHARACTERS) != length) return false;
  return n <= P2P_TAGS_MAX;
}

bool p2p_tags_contain(const char *list, const char *wanted) {
  char tag[P2P_TAG_MAX];
  const char *item;
  size_t length;
  if (wanted[0] == '\0') return true;
  while (p2p_list_next(&wanted, &item, &length)) {
    snprintf(tag, sizeof tag, "%.*s", (int)length, item);
    if (!p2p_list_contains(list, tag)) return false;
  }
  return true;
}

/* ---- both ---- */

bool p2p_resources_are_none(const struct p2p_resources *resources) {
  return p2p_amounts_are_none(&resources->amounts) && resources->tags[0] == '\0';
}

bool p2p_resources_are_same(const struct p2p_resources *a, const struct p2p_resources *b) {
  return p2p_amounts_are_same(&a->amounts, &b->amounts) && strcmp(a->tags, b->tags) == 0;
}

bool p2p_resources_contain(const struct p2p_resources *resources,
                           const struct p2p_resources *wanted) {
  return p2p_amounts_count(&resources->amounts, &wanted->amounts) > 0 &&
         p2p_tags_contain(resources->tags, wanted->tags);
}

static size_t describe_memory(uint32_t mib, char *out, size_t size) {
  if (mib < 1024) return (size_t)snprintf(out, size, "%u MiB of memory", (unsigned)mib);
  return (size_t)snprintf(out, size, "%.3g GiB of memory", mib / 1024.0);
}

void p2p_resources_describe(const struct p2p_resources *resources, char *out, size_t size) {
  char parts[4][P2P_TAGS_LEN + 16];
  size_t n = 0, at = 0;
  uint32_t cores = resources->amounts.cores, memory_mib = resources->amounts.memory_mib;
  uint32_t gpus = resources->amounts.gpus;
  bool has_several = strchr(resources->tags, ';') != NULL;
  if (cores > 0)
    snprintf(parts[n++], sizeof parts[0], "%u core%s", (unsigned)cores, cores == 1 ? "" : "s");
  if (memory_mib > 0) describe_memory(memory_mib, parts[n++], sizeof parts[0]);
  if (gpus > 0)
    snprintf(parts[n++], sizeof parts[0], "%u GPU%s", (unsigned)gpus, gpus == 1 ? "" : "s");
  if (resources->tags[0] != '\0')
    snprintf(parts[n++], sizeof parts[0], "the tag%s '%s'", has_several ? "s" : "",
             resources->tags);
  snprintf(out, size, "nothing");
  for (size_t i = 0; i < n && at < size; i++)
    at += (size_t)snprintf(out + at, size - at, "%s%s",
                           i == 0       ? ""
                           : i == n - 1 ? " and "
                                        : ", ",
                           parts[i]);
}

/* ---- REQUEST ---- */

size_t p2p_request_write(const struct p2p_resources *request, char out[static P2P_REQUEST_MAX]) {
  char *at = out, *end = out + P2P_REQUEST_MAX; /* room for all lines */
  uint32_t cores = request->amounts.cores, memory_mib = request->amounts.memory_mib;
  uint32_t gpus = request->amounts.gpus;
  *at = '\0';
  if (cores > 0) at += snprintf(at, (size_t)(end - at), "cores=%u\n", (unsigned)cores);
  if (memory_mib > 0) at += snprintf(at, (size_t)(end - at), "memory=%u\n", (unsigned)memory_mib);
  if (gpus > 0) at += snprintf(at, (size_t)(end - at), "gpu=%u\n", (unsigned)gpus);
  if (request->tags[0] != '\0') at += snprintf(at, (size_t)(end - at), "tags=%s\n", request->tags);
  return (size_t)(at - out);
}

static bool read_tags(const void *payload, size_t length, char out[P2P_TAGS_LEN]) {
  const char *tags;
  return p2p_pairs_get_optional(payload, length, "tags", out, P2P_TAGS_LEN, &tags) &&
         (tags == NULL || p2p_tags_are_valid(tags));
}

int p2p_request_read(const void *payload, size_t length, struct p2p_resources *out) {
  struct p2p_resources request = {0};
  if (length >= P2P_REQUEST_MAX ||
      !p2p_pairs_get_count(payload, length, "cores", P2P_CORES_MAX, &request.amounts.cores) ||
      !p2p_pairs_get_count(payload, length, "memory", P2P_MEMORY_MAX,
                           &request.amounts.memory_mib) ||
      !p2p_pairs_get_count(payload, length, "gpu", P2P_GPUS_MAX, &request.amounts.gpus) ||
      !read_tags(payload, length, request.tags))
    return P2P_ERR_PROTOCOL;
  *out = request;
  return P2P_OK;
}
