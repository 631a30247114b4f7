/* The payload of a HELLO frame. */
#include "protocol/hello.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "protocol/member_name.h"
#include "protocol/pairs.h"

/* ---- writing ---- */

struct writer {
  char *out;
  size_t size, used;
};

/* Once something did not fit, used >= size. */
static void put(struct writer *writer, const char *format, ...) P2P_PRINTF(2, 3);
static void put(struct writer *writer, const char *format, ...) {
  if (writer->used >= writer->size) return;
  va_list args;
  va_start(args, format);
  int length = vsnprintf(writer->out + writer->used, writer->size - writer->used, format, args);
  va_end(args);
  writer->used = length < 0 ? writer->size : writer->used + (size_t)length;
}

static void put_machine(struct writer *writer, const struct p2p_machine *machine) {
  if (machine->platform[0] != '\0') put(writer, "platform=%s\n", machine->platform);
  if (machine->cores > 0) put(writer, "cores=%u\n", (unsigned)machine->cores);
  if (machine->memory_mib > 0) put(writer, "memory=%u\n", (unsigned)machine->memory_mib);
  if (machine->sandbox != P2P_MACHINE_SANDBOX_UNKNOWN)
    put(writer, "sandbox=%s\n", p2p_machine_sandbox_name(machine->sandbox));
  if (machine->cache_mib > 0) put(writer, "cache=%u\n", (unsigned)machine->cache_mib);
  if (machine->reserves) put(writer, "reserves=1\n");
  if (machine->limit_mib > 0) put(writer, "limit=%u\n", (unsigned)machine->limit_mib);
  if (machine->tags[0] != '\0') put(writer, "tags=%s\n", machine->tags);
  if (machine->gpus > 0) put(writer, "gpu=%u\n", (unsigned)machine->gpus);
}

static void put_bytes(struct writer *writer, const char *key, const uint8_t *bytes, size_t length) {
  char text[P2P_BASE64_LEN(P2P_SIGNATURE_LEN) + 1];
  p2p_base64url_encode(bytes, length, text);
  put(writer, "%s=%s\n", key, text);
}

static void put_badge(struct writer *writer, const struct p2p_badge *badge) {
  put(writer, "user=%s\n", badge->user);
  put_bytes(writer, "device", badge->device.bytes, sizeof badge->device.bytes);
  put_bytes(writer, "certificate", badge->certificate, sizeof badge->certificate);
  put_bytes(writer, "proof", badge->proof, sizeof badge->proof);
}

long p2p_hello_write(const struct p2p_hello *hello, enum p2p_role sender, char *out, size_t size) {
  struct writer writer = {out, size < P2P_HELLO_MAX + 1 ? size : P2P_HELLO_MAX + 1, 0};
  char ciphers[P2P_CIPHER_LIST_MAX];
  put(&writer, "member=%s\nr=%s\nfuture=%s\n", hello->member, hello->r_version,
      hello->future_version);
  if (hello->has_badge) put_badge(&writer, &hello->badge);
  p2p_cipher_list_write(&hello->ciphers, ciphers);
  if (ciphers[0] != '\0') put(&writer, "records=%s\n", ciphers);
  if (sender == P2P_ROLE_WORKER) {
    put(&writer, "slots=%u\n", (unsigned)hello->slots);
    put_machine(&writer, &hello->machine);
  } else if (hello->reads_marks) {
    put(&writer, "marks=1\n");
  }
  return writer.used >= writer.size ? P2P_ERR_TOO_LARGE : (long)writer.used;
}

/* ---- reading ---- */

static bool read_version(const void *bytes, size_t length, const char *key,
                         char out[P2P_VERSION_MAX]) {
  return p2p_pairs_get(bytes, length, key, out, P2P_VERSION_MAX) && p2p_version_is_valid(out);
}

static bool read_machine(const void *bytes, size_t length, struct p2p_machine *out) {
  struct p2p_machine_texts texts;
  char platform[P2P_PLATFORM_MAX], tags[P2P_TAGS_LEN], numbers[7][16];
  const struct {
    const char *key;
    char *space;
    size_t size;
    const char **out;
  } fields[] = {{"platform", platform, sizeof platform, &texts.platform},
                {"tags", tags, sizeof tags, &texts.tags},
                {"cores", numbers[0], sizeof numbers[0], &texts.cores},
                {"memory", numbers[1], sizeof numbers[1], &texts.memory},
                {"sandbox", numbers[2], sizeof numbers[2], &texts.sandbox},
                {"cache", numbers[3], sizeof numbers[3], &texts.cache},
                {"reserves", numbers[4], sizeof numbers[4], &texts.reserves},
                {"limit", numbers[5], sizeof numbers[5], &texts.limit},
                {"gpu", numbers[6], sizeof numbers[6], &texts.gpus}};
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
    if (!p2p_pairs_get_optional(bytes, length, fields[i].key, fields[i].space, fields[i].size,
                                fields[i].out))
      return false;
  return p2p_machine_read(&texts, out);
}

static bool read_bytes(const void *bytes, size_t length, const char *key, uint8_t *out,
                       size_t out_length) {
  char text[P2P_BASE64_LEN(P2P_SIGNATURE_LEN) + 1];
  return p2p_pairs_get(bytes, length, key, text, sizeof text) &&
         p2p_base64url_decode_exactly(text, strlen(text), out, out_length);
}

static bool read_badge(const void *bytes, size_t length, struct p2p_badge *out) {
  return p2p_pairs_get(bytes, length, "user", out->user, sizeof out->user) &&
         p2p_user_name_is_valid(out->user, strlen(out->user)) &&
         read_bytes(bytes, length, "device", out->device.bytes, sizeof out->device.bytes) &&
         read_bytes(bytes, length, "certificate", out->certificate, sizeof out->certificate) &&
         read_bytes(bytes, length, "proof", out->proof, sizeof out->proof);
}

static bool read_ciphers(const void *bytes, size_t length, struct p2p_cipher_list *out) {
  char space[P2P_CIPHER_LIST_MAX];
  const char *text;
  return p2p_pairs_get_optional(bytes, length, "records", space, sizeof space, &text) &&
         (text == NULL || p2p_cipher_list_read(text, out));
}

/* Returns the key of the first field that is missing or malformed, or NULL. */
static const char *read_fields(const void *bytes, size_t length, enum p2p_role sender,
                               struct p2p_hello *out) {
  char slots[16], marks[2];
  const char *value;
  size_t value_length;
  if (!p2p_pairs_get(bytes, length, "member", out->member, sizeof out->member) ||
      !p2p_member_id_is_valid(out->member))
    return "member";
  if (!read_version(bytes, length, "r", out->r_version)) return "r";
  if (!read_version(bytes, length, "future", out->future_version)) return "future";
  out->has_badge = p2p_pairs_find(bytes, length, "device", &value, &value_length);
  if (out->has_badge && !read_badge(bytes, length, &out->badge))
    return "user, device, certificate, proof";
  if (!read_ciphers(bytes, length, &out->ciphers)) return "records";
  if (sender != P2P_ROLE_WORKER) {
    out->reads_marks =
        p2p_pairs_get(bytes, length, "marks", marks, sizeof marks) && marks[0] == '1';
    return NULL;
  }
  if (!p2p_pairs_get(bytes, length, "slots", slots, sizeof slots) ||
      !p2p_count_parse(slots, P2P_WORKER_SLOTS_MAX, &out->slots))
    return "slots";
  return read_machine(bytes, length, &out->machine)
             ? NULL
             : "platform, cores, memory, sandbox, cache, limit, tags, gpu";
}

int p2p_hello_read(const void *bytes, size_t length, enum p2p_role sender, struct p2p_hello *out,
                   struct p2p_err *err) {
  struct p2p_hello hello = {0};
  if (length > P2P_HELLO_MAX)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "HELLO of more than %d bytes", P2P_HELLO_MAX);
  const char *bad = read_fields(bytes, length, sender, &hello);
  if (bad != NULL) return p2p_err_set(err, P2P_ERR_PROTOCOL, "malformed HELLO (%s)", bad);
  *out = hello;
  return P2P_OK;
}

/* ---- badges ---- */

void p2p_hello_certify(struct p2p_hello *hello, const struct p2p_credentials *ours,
                       enum p2p_role sender, const uint8_t *verifier) {
  hello->has_badge = ours != NULL;
  if (ours != NULL) p2p_badge_make(ours, sender, verifier, &hello->badge);
}

bool p2p_hello_is_certified(const struct p2p_hello *hello, const struct p2p_credentials *ours,
                            enum p2p_role sender, const uint8_t *verifier, const char *name) {
  if (ours == NULL) return true;
  size_t length = strlen(hello->badge.user);
  return hello->has_badge && strncmp(name, hello->badge.user, length) == 0 && name[length] == '@' &&
         p2p_badge_check(ours, sender, verifier, &hello->badge);
}
