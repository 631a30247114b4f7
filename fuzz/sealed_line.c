/* Sealed lines. The input is what a member seals: a reader with the key opens it, and finds a line
 * or refuses it. What is accepted is sealed again to the same bytes. The input is also the box of a
 * line, and a line. */
#include <string.h>

#include "base/encode.h"
#include "crypto/aead.h"
#include "crypto/random.h"
#include "fuzz.h"
#include "protocol/sealed_line.h"

#define NOW 1795000000
#define PLAIN_MAX 6016 /* more than a line may seal */

static struct p2p_cluster_key key;
static struct p2p_line line, inner, again;

/* Makes the line whose box is `box`, of any length that fits. */
static bool wrap(const uint8_t *box, size_t length) {
  static char text[P2P_BASE64_LEN(PLAIN_MAX + P2P_AEAD_OVERHEAD) + 1];
  p2p_base64url_encode(box, length, text);
  p2p_line_init(&line);
  return p2p_line_put_when(&line, NOW) == P2P_OK && p2p_line_put(&line, "type", "p2p1") == P2P_OK &&
         p2p_line_put(&line, "kid", key.id) == P2P_OK && p2p_line_put(&line, "box", text) == P2P_OK;
}

/* The line that was read is sealed to the bytes that it was read from, but for a CR at its end,
 * which readers of lines drop. */
static void check_written(const uint8_t *plain, size_t length, const struct p2p_line_place *place) {
  static uint8_t box[PLAIN_MAX + P2P_AEAD_OVERHEAD], opened[PLAIN_MAX];
  struct p2p_line_place read_place;
  static struct p2p_line read;
  size_t box_length;
  if (p2p_sealed_line_write(&again, &inner, &key, place, NOW) != P2P_OK) __builtin_trap();
  if (p2p_sealed_line_read(&again, &key, &read, &read_place) != P2P_OK) __builtin_trap();
  if (memcmp(place, &read_place, sizeof read_place) != 0) __builtin_trap();
  if (read.length != inner.length || read.used != inner.used) __builtin_trap();
  const char *text = p2p_line_get(&again, "box");
  if (p2p_base64url_decode(text, strlen(text), box, sizeof box, &box_length) != P2P_OK ||
      p2p_aead_open(key.line, P2P_SPAN(key.id, strlen(key.id)), box, box_length, opened) != P2P_OK)
    __builtin_trap();
  if (memchr(plain + P2P_BOOT_LEN + 8 + 4, '\r', length - (P2P_BOOT_LEN + 8 + 4)) != NULL) return;
  if (box_length != length + P2P_AEAD_OVERHEAD || memcmp(opened, plain, length) != 0)
    __builtin_trap();
}

static void check_plain(const uint8_t *plain, size_t length) {
  static uint8_t box[PLAIN_MAX + P2P_AEAD_OVERHEAD];
  struct p2p_line_place place = {{0}, 0};
  p2p_aead_seal(key.line, P2P_SPAN(key.id, strlen(key.id)), plain, length, box);
  if (!wrap(box, length + P2P_AEAD_OVERHEAD)) return;
  int code = p2p_sealed_line_read(&line, &key, &inner, &place);
  if (code == P2P_OK) check_written(plain, length, &place);
  if (code != P2P_OK && code != P2P_ERR_PARSE) __builtin_trap();
}

/* Nothing that was not sealed with the key opens. */
static void check_foreign(const uint8_t *bytes, size_t length) {
  struct p2p_line_place place;
  if (wrap(bytes, length) && p2p_sealed_line_read(&line, &key, &inner, &place) == P2P_OK)
    __builtin_trap();
  if (p2p_line_parse((const char *)bytes, length, &line) == P2P_OK &&
      p2p_sealed_line_read(&line, &key, &inner, &place) == P2P_OK)
    __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  static const uint8_t secret[P2P_CLUSTER_SECRET_LEN];
  if (key.epoch == 0 && p2p_crypto_init() != P2P_OK) __builtin_trap();
  if (key.epoch == 0) p2p_cluster_key_derive("alice/friends", 1, secret, &key);
  if (length > PLAIN_MAX) return 0;
  check_plain(bytes, length);
  check_foreign(bytes, length);
  return 0;
}
