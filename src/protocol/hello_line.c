/* The hello of a member on the board. */
#include "protocol/hello_line.h"

#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "protocol/list.h"

#define LINK "link"

/* ---- writing ---- */

static int put_text(struct p2p_line *line, const char *key, const char *value) {
  return value[0] == '\0' ? P2P_OK : p2p_line_put(line, key, value);
}

static int put_number(struct p2p_line *line, const char *key, uint32_t number) {
  return number == 0 ? P2P_OK : p2p_line_putf(line, key, "%u", (unsigned)number);
}

static int put_offer(struct p2p_line *line, const struct p2p_hello_line *hello) {
  int code = p2p_line_put_bytes(line, "key", hello->key.bytes, sizeof hello->key.bytes);
  return code == P2P_OK ? put_number(line, "slots", hello->slots) : code;
}

static int put_machine(struct p2p_line *line, const struct p2p_machine *machine) {
  int code = put_text(line, "platform", machine->platform);
  if (code == P2P_OK) code = put_number(line, "cores", machine->cores);
  if (code == P2P_OK) code = put_number(line, "memory", machine->memory_mib);
  if (code == P2P_OK) code = put_text(line, "sandbox", p2p_machine_sandbox_name(machine->sandbox));
  if (code == P2P_OK) code = put_number(line, "cache", machine->cache_mib);
  if (code == P2P_OK) code = put_number(line, "reserves", machine->reserves);
  if (code == P2P_OK) code = put_number(line, "limit", machine->limit_mib);
  if (code == P2P_OK) code = put_text(line, "tags", machine->tags);
  return code == P2P_OK ? put_number(line, "gpu", machine->gpus) : code;
}

static int put_load(struct p2p_line *line, const struct p2p_hello_line *hello) {
  int code = put_number(line, "busy", hello->busy);
  if (code == P2P_OK) code = put_number(line, "waiting", hello->waiting);
  return code == P2P_OK ? put_text(line, "state", hello->state) : code;
}

static int write_pairs(struct p2p_line *line, const struct p2p_hello_line *hello, time_t now) {
  bool is_worker = hello->role == P2P_ROLE_WORKER;
  int code =
      p2p_line_begin(line, p2p_role_text(hello->role), &hello->from, now, P2P_HELLO_LINE_VALID_S);
  if (code == P2P_OK) code = p2p_line_put(line, "protocols", LINK);
  if (code == P2P_OK) code = put_text(line, "id", hello->id);
  if (code == P2P_OK && is_worker) code = put_offer(line, hello);
  if (code == P2P_OK) code = put_text(line, "r", hello->r_version);
  if (code == P2P_OK) code = put_text(line, "future", hello->future_version);
  if (code == P2P_OK && is_worker) code = put_machine(line, &hello->machine);
  if (code == P2P_OK && is_worker) code = put_load(line, hello);
  return code;
}

int p2p_hello_line_write(struct p2p_line *out, const struct p2p_hello_line *hello, time_t now) {
  struct p2p_hello_line read;
  int code = write_pairs(out, hello, now);
  if (code == P2P_OK && p2p_hello_line_read(out, &read) != P2P_OK) code = P2P_ERR_INVALID;
  if (code != P2P_OK) p2p_line_init(out);
  return code;
}

/* ---- reading ---- */

/* A missing version is "". */
static bool read_version(const char *text, char out[P2P_VERSION_MAX]) {
  if (text == NULL) return true;
  if (!p2p_version_is_valid(text)) return false;
  snprintf(out, P2P_VERSION_MAX, "%s", text);
  return true;
}

static bool read_id(const char *text, char out[P2P_HELLO_LINE_ID_MAX]) {
  if (text == NULL) return true;
  if (!p2p_hex_is_valid(text, P2P_HELLO_LINE_ID_MAX - 1)) return false;
  memcpy(out, text, P2P_HELLO_LINE_ID_MAX);
  return true;
}

static bool read_state(const char *text, char out[P2P_LOAD_STATE_MAX]) {
  if (text == NULL) return true;
  if (!p2p_load_state_is_valid(text)) return false;
  snprintf(out, P2P_LOAD_STATE_MAX, "%s", text);
  return true;
}

static bool read_machine(const struct p2p_line *line, struct p2p_machine *out) {
  const struct p2p_machine_texts texts = {
      .platform = p2p_line_get(line, "platform"),
      .cores = p2p_line_get(line, "cores"),
      .memory = p2p_line_get(line, "memory"),
      .sandbox = p2p_line_get(line, "sandbox"),
      .cache = p2p_line_get(line, "cache"),
      .reserves = p2p_line_get(line, "reserves"),
      .limit = p2p_line_get(line, "limit"),
      .tags = p2p_line_get(line, "tags"),
      .gpus = p2p_line_get(line, "gpu"),
  };
  return p2p_machine_read(&texts, out);
}

static bool read_offer(const struct p2p_line *line, struct p2p_hello_line *out) {
  const char *slots = p2p_line_get(line, "slots");
  return slots != NULL && out->r_version[0] != '\0' && out->future_version[0] != '\0' &&
         p2p_count_parse(slots, P2P_WORKER_SLOTS_MAX, &out->slots) &&
         p2p_line_get_bytes(line, "key", out->key.bytes, sizeof out->key.bytes) &&
         read_machine(line, &out->machine) &&
         p2p_count_parse_optional(p2p_line_get(line, "busy"), P2P_WORKER_SLOTS_MAX, &out->busy) &&
         p2p_count_parse_optional(p2p_line_get(line, "waiting"), P2P_LOAD_WAITING_MAX,
                                  &out->waiting) &&
         read_state(p2p_line_get(line, "state"), out->state);
}

int p2p_hello_line_read(const struct p2p_line *line, struct p2p_hello_line *out) {
  struct p2p_hello_line hello = {0};
  const char *protocols = p2p_line_get(line, "protocols");
  if (!p2p_role_parse(p2p_line_get(line, "type"), &hello.role) || protocols == NULL ||
      !p2p_list_contains(protocols, LINK))
    return P2P_ERR_CANCELED;
  if (!p2p_line_sender(line, &hello.from) || !read_id(p2p_line_get(line, "id"), hello.id) ||
      !read_version(p2p_line_get(line, "r"), hello.r_version) ||
      !read_version(p2p_line_get(line, "future"), hello.future_version) ||
      (hello.role == P2P_ROLE_WORKER && !read_offer(line, &hello)))
    return P2P_ERR_PARSE;
  *out = hello;
  return P2P_OK;
}
