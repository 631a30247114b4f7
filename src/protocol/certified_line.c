/* Lines with the badge of their sender. */
#include "protocol/certified_line.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/endian.h"
#include "protocol/member_name.h"

#define NUMBER_HEX 16
static const char DOMAIN[] = "future.p2p/line/v1";

#define PARTS 3

/* What the device signs: cluster, epoch, and the text of the line before the proof. */
static void list_parts(const struct p2p_credentials *ours, const char *text, size_t length,
                       uint8_t epoch[4], struct p2p_span out[PARTS]) {
  p2p_set_u32(epoch, ours->key.epoch);
  out[0] = P2P_SPAN(ours->cluster, strlen(ours->cluster));
  out[1] = P2P_SPAN(epoch, 4);
  out[2] = P2P_SPAN(text, length);
}

int p2p_certified_line_sign(struct p2p_line *line, const struct p2p_credentials *ours,
                            uint64_t number) {
  char text[P2P_LINE_MAX + 1];
  struct p2p_span parts[PARTS];
  uint8_t epoch[4], proof[P2P_SIGNATURE_LEN];
  struct p2p_identity from;
  if (!p2p_line_sender(line, &from)) return P2P_ERR_INVALID;
  int code = p2p_line_putf(line, "number", "%016llx", (unsigned long long)number);
  if (code == P2P_OK)
    code = p2p_line_put_bytes(line, "device", ours->device.bytes, P2P_SIGN_KEY_LEN);
  if (code == P2P_OK)
    code = p2p_line_put_bytes(line, "certificate", ours->certificate, P2P_SIGNATURE_LEN);
  if (code != P2P_OK) return code;
  long length = p2p_line_format(line, text, sizeof text);
  if (length < 0) return (int)length;
  list_parts(ours, text, (size_t)length - 1, epoch, parts);
  p2p_sign(&ours->device_secret, DOMAIN, parts, PARTS, proof);
  return p2p_line_put_bytes(line, "proof", proof, sizeof proof);
}

static bool read_number(const struct p2p_line *line, uint64_t *out) {
  const char *text = p2p_line_get(line, "number");
  if (text == NULL || !p2p_hex_is_valid(text, NUMBER_HEX)) return false;
  *out = strtoull(text, NULL, 16);
  return true;
}

/* Whether the device signed all that is before the last pair, `proof`. */
static bool is_signed(const struct p2p_line *line, const struct p2p_credentials *ours,
                      const struct p2p_sign_public *device) {
  char text[P2P_LINE_MAX + 1];
  struct p2p_span parts[PARTS];
  uint8_t epoch[4], proof[P2P_SIGNATURE_LEN];
  const struct p2p_line_pair *last = &line->pairs[line->used - 1];
  if (strcmp(last->key, "proof") != 0 || !p2p_line_get_bytes(line, "proof", proof, sizeof proof))
    return false;
  long length = p2p_line_format(line, text, sizeof text);
  size_t rest = strlen(",proof=") + strlen(last->value) + 1; /* and the LF */
  if (length < 0 || (size_t)length < rest) return false;
  list_parts(ours, text, (size_t)length - rest, epoch, parts);
  return p2p_sign_check(device, DOMAIN, parts, PARTS, proof);
}

/* Whether the certificate of this badge was checked before. An expelled device has one, too. */
static bool is_known(const struct p2p_line_badge *badge, const struct p2p_line_badge *known,
                     const struct p2p_credentials *ours) {
  return known != NULL && p2p_sign_same(&badge->device, &known->device) &&
         strcmp(badge->user, known->user) == 0 &&
         !p2p_device_is_among(&badge->device, ours->expelled, ours->n_expelled);
}

bool p2p_certified_line_check(const struct p2p_line *line, const struct p2p_credentials *ours,
                              const struct p2p_line_badge *known, struct p2p_line_badge *out) {
  struct p2p_line_badge badge;
  struct p2p_identity from;
  uint8_t certificate[P2P_SIGNATURE_LEN];
  if (!p2p_line_sender(line, &from) || !read_number(line, &badge.number) ||
      !p2p_line_get_bytes(line, "device", badge.device.bytes, P2P_SIGN_KEY_LEN) ||
      !p2p_line_get_bytes(line, "certificate", certificate, sizeof certificate))
    return false;
  p2p_member_name_user(from.name, badge.user);
  if ((!is_known(&badge, known, ours) &&
       !p2p_device_is_certified(&badge.device, badge.user, certificate, ours)) ||
      !is_signed(line, ours, &badge.device))
    return false;
  *out = badge;
  return true;
}
