/* Lines in boxes: XChaCha20-Poly1305 of boot, number, length, line and padding. */
#include "protocol/sealed_line.h"

#include <string.h>

#include "base/encode.h"
#include "base/endian.h"
#include "crypto/aead.h"

#define TYPE "p2p1"
#define PAD_TO 64
#define HEADER_LEN (P2P_BOOT_LEN + 8 + 4)
#define PLAIN_MAX ((HEADER_LEN + P2P_SEALED_LINE_MAX + PAD_TO - 1) / PAD_TO * PAD_TO)
#define BOX_MAX (PLAIN_MAX + P2P_AEAD_OVERHEAD)

static struct p2p_span label_of(const struct p2p_cluster_key *key) {
  return P2P_SPAN(key->id, sizeof key->id - 1);
}

/* Returns the length of what is sealed, or P2P_ERR_TOO_LARGE. */
static long write_plain(const struct p2p_line *line, const struct p2p_line_place *place,
                        uint8_t plain[PLAIN_MAX + 2]) {
  long length = p2p_line_format(line, (char *)plain + HEADER_LEN, PLAIN_MAX + 2 - HEADER_LEN) - 1;
  if (length < 0 || length > P2P_SEALED_LINE_MAX) return P2P_ERR_TOO_LARGE;
  memcpy(plain, place->boot, P2P_BOOT_LEN);
  p2p_set_u64(plain + P2P_BOOT_LEN, place->number);
  p2p_set_u32(plain + P2P_BOOT_LEN + 8, (uint32_t)length);
  size_t used = HEADER_LEN + (size_t)length, padded = (used + PAD_TO - 1) / PAD_TO * PAD_TO;
  memset(plain + used, 0, padded - used);
  return (long)padded;
}

int p2p_sealed_line_write(struct p2p_line *out, const struct p2p_line *line,
                          const struct p2p_cluster_key *key, const struct p2p_line_place *place,
                          time_t now) {
  uint8_t plain[PLAIN_MAX + 2], box[BOX_MAX]; /* two more for a newline and a NUL */
  char text[P2P_BASE64_LEN(BOX_MAX) + 1];
  p2p_line_init(out);
  long length = write_plain(line, place, plain);
  if (length < 0) return (int)length;
  p2p_aead_seal(key->line, label_of(key), plain, (size_t)length, box);
  p2p_base64url_encode(box, (size_t)length + P2P_AEAD_OVERHEAD, text);
  int code = p2p_line_put_when(out, now);
  if (code == P2P_OK) code = p2p_line_put(out, "type", TYPE);
  if (code == P2P_OK) code = p2p_line_put(out, "kid", key->id);
  if (code == P2P_OK) code = p2p_line_put(out, "box", text);
  if (code != P2P_OK) p2p_line_init(out);
  return code;
}

/* Finds the line in what was opened. The padding must be zeros. */
static int read_plain(const uint8_t *plain, size_t length, struct p2p_line *out,
                      struct p2p_line_place *place) {
  if (length < HEADER_LEN || length % PAD_TO != 0) return P2P_ERR_PARSE;
  size_t line_length = p2p_get_u32(plain + P2P_BOOT_LEN + 8), used = HEADER_LEN + line_length;
  if (line_length > P2P_SEALED_LINE_MAX || used > length || length - used >= PAD_TO)
    return P2P_ERR_PARSE;
  for (size_t i = used; i < length; i++)
    if (plain[i] != 0) return P2P_ERR_PARSE;
  int code = p2p_line_parse((const char *)plain + HEADER_LEN, line_length, out);
  if (code != P2P_OK) return P2P_ERR_PARSE;
  memcpy(place->boot, plain, P2P_BOOT_LEN);
  place->number = p2p_get_u64(plain + P2P_BOOT_LEN);
  return P2P_OK;
}

int p2p_sealed_line_read(const struct p2p_line *line, const struct p2p_cluster_key *key,
                         struct p2p_line *out, struct p2p_line_place *place) {
  const char *id = p2p_line_get(line, "kid"), *text = p2p_line_get(line, "box");
  uint8_t box[BOX_MAX], plain[PLAIN_MAX];
  size_t length;
  if (!p2p_line_is(line, TYPE)) return P2P_ERR_CANCELED;
  if (id == NULL || text == NULL) return P2P_ERR_PARSE;
  if (strcmp(id, key->id) != 0) return P2P_ERR_ACCESS;
  int code = p2p_base64url_decode(text, strlen(text), box, sizeof box, &length);
  if (code != P2P_OK || length < P2P_AEAD_OVERHEAD) return P2P_ERR_PARSE;
  code = p2p_aead_open(key->line, label_of(key), box, length, plain);
  return code == P2P_OK ? read_plain(plain, length - P2P_AEAD_OVERHEAD, out, place) : code;
}

bool p2p_line_order_advance(struct p2p_line_order *order, const struct p2p_line_place *place) {
  size_t oldest = 0, i = 0;
  for (; i < P2P_LINE_ORDER_MAX; i++) {
    if (order->boots[i].heard != 0 &&
        memcmp(order->boots[i].last.boot, place->boot, P2P_BOOT_LEN) == 0)
      break;
    if (order->boots[i].heard < order->boots[oldest].heard) oldest = i;
  }
  if (i < P2P_LINE_ORDER_MAX && place->number <= order->boots[i].last.number) return false;
  if (i == P2P_LINE_ORDER_MAX) i = oldest;
  order->boots[i].last = *place;
  order->boots[i].heard = ++order->heard;
  return true;
}
