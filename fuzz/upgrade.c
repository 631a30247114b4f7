/* HTTP heads: the WebSocket upgrade of both ends, a proxy's answer; urls. */
#include <string.h>

#include "fuzz.h"
#include "net/proxy.h"
#include "net/upgrade.h"
#include "net/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  char key[P2P_UPGRADE_KEY_LEN + 1], text[P2P_UPGRADE_REQUEST_MAX];
  long head = p2p_upgrade_head_length(bytes, length);
  struct p2p_url url;
  struct p2p_proxy proxy;
  struct p2p_err err;

  if (head > 0 && (size_t)head > length) __builtin_trap();
  if (head > 0) {
    if (p2p_upgrade_check_request(bytes, (size_t)head, key, &err) == P2P_OK)
      if (p2p_upgrade_response(key, text) != P2P_OK) __builtin_trap();
    if (p2p_upgrade_check_response(bytes, (size_t)head, "dGhlIHNhbXBsZSBub25jZQ==", &err) == P2P_OK)
      return 0;
    if (p2p_proxy_check_response(bytes, (size_t)head, &err) == P2P_OK) return 0;
  }
  if (length >= sizeof text) return 0;
  memcpy(text, bytes, length);
  text[length] = '\0';
  if (p2p_url_parse(text, &url, &err) == P2P_OK)
    p2p_upgrade_request(&url, "dGhlIHNhbXBsZSBub25jZQ==", text);
  if (p2p_proxy_parse(text, text, &proxy, &err) == P2P_OK && p2p_proxy_is_for(&proxy, text))
    return 0;
  return 0;
}
