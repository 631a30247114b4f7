/* The `accept` line of a link: via=link://<base64url of the sealed code>. */
#include "protocol/accept.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/encode.h"
#include "protocol/nameplate.h"

#define VIA "link://"
#define PASSWORD_LEN 32

/* 32 hexadecimal digits; without a cluster key, a nameplate and a dash before them. */
static bool is_code(const char *text, bool is_keyed) {
  if (is_keyed) return p2p_hex_is_valid(text, PASSWORD_LEN);
  size_t digits = p2p_nameplate_length(text);
  return digits > 0 && p2p_hex_is_valid(text + digits + 1, PASSWORD_LEN);
}

static bool is_hello_id(const char *text) {
  return p2p_hex_is_valid(text, P2P_HELLO_LINE_ID_MAX - 1);
}

/* ---- writing ---- */

#define VIA_MAX (sizeof VIA + P2P_BASE64_LEN(P2P_LINK_CODE_MAX + P2P_SEAL_OVERHEAD))

static int seal(const struct p2p_seal_public *key, const char *code, char via[VIA_MAX]) {
  uint8_t sealed[P2P_LINK_CODE_MAX + P2P_SEAL_OVERHEAD];
  size_t length = strlen(code);
  int status = p2p_seal(key, code, length, sealed);
  if (status != P2P_OK) return status;
  memcpy(via, VIA, strlen(VIA));
  p2p_base64url_encode(sealed, length + P2P_SEAL_OVERHEAD, via + strlen(VIA));
  return P2P_OK;
}

int p2p_accept_write(struct p2p_line *out, const struct p2p_accept_request *request, time_t now) {
  char via[VIA_MAX];
  p2p_line_init(out);
  if (!p2p_member_id_is_valid(request->to) || !is_code(request->code, request->hello != NULL) ||
      (request->hello != NULL && !is_hello_id(request->hello)))
    return P2P_ERR_INVALID;
  int status = seal(request->key, request->code, via);
  if (status == P2P_OK)
    status = p2p_line_begin(out, "accept", request->from, now, P2P_ACCEPT_VALID_S);
  if (status == P2P_OK) status = p2p_line_put(out, "to", request->to);
  if (status == P2P_OK && request->hello != NULL)
    status = p2p_line_put(out, "hello", request->hello);
  if (status == P2P_OK) status = p2p_line_put(out, "via", via);
  if (status != P2P_OK) p2p_line_init(out);
  return status;
}

/* ---- reading ---- */

static int unseal(const char *base64, const struct p2p_seal_public *public_key,
                  const struct p2p_seal_secret *secret_key, struct p2p_accept *out) {
  uint8_t sealed[P2P_SEAL_OVERHEAD + P2P_LINK_CODE_MAX - 1];
  size_t length;
  int status = p2p_base64url_decode(base64, strlen(base64), sealed, sizeof sealed, &length);
  if (status != P2P_OK || length <= P2P_SEAL_OVERHEAD) return P2P_ERR_PARSE;
  status = p2p_unseal(public_key, secret_key, sealed, length, (uint8_t *)out->code);
  if (status != P2P_OK) return status;
  out->code[length - P2P_SEAL_OVERHEAD] = '\0';
  return strlen(out->code) == length - P2P_SEAL_OVERHEAD &&
                 is_code(out->code, out->hello[0] != '\0')
             ? P2P_OK
             : P2P_ERR_CRYPTO;
}

int p2p_accept_read(const struct p2p_line *line, const char *our_id,
                    const struct p2p_seal_public *public_key,
                    const struct p2p_seal_secret *secret_key, struct p2p_accept *out) {
  const char *to = p2p_line_get(line, "to"), *via = p2p_line_get(line, "via"),
             *hello = p2p_line_get(line, "hello");
  struct p2p_accept accept = {0};
  if (!p2p_line_is(line, "accept") || to == NULL || strcmp(to, our_id) != 0)
    return P2P_ERR_CANCELED;
  if (!p2p_line_sender(line, &accept.client) || via == NULL || strncmp(via, VIA, strlen(VIA)) != 0)
    return P2P_ERR_PARSE;
  if (hello != NULL && !is_hello_id(hello)) return P2P_ERR_PARSE;
  if (hello != NULL) memcpy(accept.hello, hello, sizeof accept.hello);
  int code = unseal(via + strlen(VIA), public_key, secret_key, &accept);
  if (code == P2P_OK) *out = accept;
  p2p_wipe(accept.code, sizeof accept.code);
  return code;
}
