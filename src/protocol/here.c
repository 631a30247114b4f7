/* The lines `who` and `here`. */
#include "protocol/here.h"

#include <stdio.h>
#include <string.h>

#include "base/gpus.h"
#include "protocol/machine.h"

int p2p_who_write(struct p2p_line *out, const struct p2p_identity *from, time_t now) {
  return p2p_line_begin(out, "who", from, now, 0);
}

int p2p_who_read(const struct p2p_line *line) {
  struct p2p_identity from;
  if (!p2p_line_is(line, "who")) return P2P_ERR_CANCELED;
  return p2p_line_sender(line, &from) ? P2P_OK : P2P_ERR_PARSE;
}

/* ---- writing ---- */

static int put_count(struct p2p_line *line, const char *key, uint32_t count) {
  return count == 0 ? P2P_OK : p2p_line_putf(line, key, "%u", (unsigned)count);
}

static int put_worker(struct p2p_line *line, const struct p2p_here *here) {
  int code = put_count(line, "busy", here->busy);
  if (code == P2P_OK && here->users[0] != '\0') code = p2p_line_put(line, "users", here->users);
  if (code == P2P_OK) code = put_count(line, "load", here->load);
  if (code == P2P_OK) code = put_count(line, "free", here->free_mib);
  return code == P2P_OK && here->gpus[0] != '\0' ? p2p_line_put(line, "gpus", here->gpus) : code;
}

int p2p_here_write(struct p2p_line *out, const struct p2p_here *here, time_t now) {
  struct p2p_here read;
  int code = p2p_line_begin(out, "here", &here->from, now, 0);
  if (code == P2P_OK) code = p2p_line_put(out, "role", p2p_role_text(here->role));
  if (code == P2P_OK) code = put_count(out, "up", here->up_s);
  if (code == P2P_OK && here->role == P2P_ROLE_WORKER) code = put_worker(out, here);
  if (code == P2P_OK && p2p_here_read(out, &read) != P2P_OK) code = P2P_ERR_INVALID;
  if (code != P2P_OK) p2p_line_init(out);
  return code;
}

/* ---- reading ---- */

/* A missing count is 0. */
static bool read_count(const struct p2p_line *line, const char *key, uint32_t max, uint32_t *out) {
  return p2p_count_parse_optional(p2p_line_get(line, key), max, out);
}

static bool read_users(const char *text, char out[P2P_LOAD_USERS_LEN]) {
  if (text == NULL) return true;
  if (!p2p_load_users_are_valid(text)) return false;
  snprintf(out, P2P_LOAD_USERS_LEN, "%s", text);
  return true;
}

static bool read_gpus(const char *text, char out[P2P_HERE_GPUS_LEN]) {
  if (text == NULL) return true;
  size_t length = strlen(text);
  if (length == 0 || length >= P2P_HERE_GPUS_LEN ||
      strspn(text, P2P_GPU_MODEL_CHARACTERS) != length)
    return false;
  memcpy(out, text, length + 1);
  return true;
}

static bool read_worker(const struct p2p_line *line, struct p2p_here *out) {
  return read_count(line, "busy", P2P_WORKER_SLOTS_MAX, &out->busy) &&
         read_users(p2p_line_get(line, "users"), out->users) &&
         read_count(line, "load", P2P_HERE_COUNT_MAX, &out->load) &&
         read_count(line, "free", P2P_HERE_COUNT_MAX, &out->free_mib) &&
         read_gpus(p2p_line_get(line, "gpus"), out->gpus);
}

int p2p_here_read(const struct p2p_line *line, struct p2p_here *out) {
  struct p2p_here here = {0};
  if (!p2p_line_is(line, "here")) return P2P_ERR_CANCELED;
  if (!p2p_line_sender(line, &here.from) ||
      !p2p_role_parse(p2p_line_get(line, "role"), &here.role) ||
      !read_count(line, "up", P2P_HERE_COUNT_MAX, &here.up_s) ||
      (here.role == P2P_ROLE_WORKER && !read_worker(line, &here)))
    return P2P_ERR_PARSE;
  *out = here;
  return P2P_OK;
}
