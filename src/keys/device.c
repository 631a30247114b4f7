/* The key of this device. */
#include "keys/device.h"

#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "keys/folder.h"
#include "keys/private_file.h"
#include "keys/text.h"

#define NAME "device"
#define FILE_MAX 1024
#define PREFIX "SHA256:"

int p2p_device_parse(const struct p2p_buf *contents, struct p2p_device *out) {
  struct p2p_key_text text;
  int code = p2p_key_text_begin(&text, contents, NAME);
  if (code == P2P_OK && !(p2p_key_text_next_secret(&text, "seed", out->secret_key.bytes) &&
                          p2p_key_text_is_at_end(&text)))
    code = P2P_ERR_PARSE;
  if (code == P2P_OK)
    p2p_sign_public_of(&out->secret_key, &out->public_key);
  else
    p2p_wipe(out, sizeof *out);
  return code;
}

static int read_key(const struct p2p_key_folder *folder, struct p2p_device *out, bool *exists,
                    struct p2p_err *err) {
  struct p2p_buf contents;
  p2p_buf_init(&contents, FILE_MAX);
  int code = p2p_private_file_read(folder, NAME, &contents, exists, err);
  if (code == P2P_OK && *exists)
    code = p2p_key_text_explain(p2p_device_parse(&contents, out), folder->path, NAME, err);
  p2p_buf_clear(&contents);
  return code;
}

static int make_key(const struct p2p_key_folder *folder, struct p2p_device *out, bool *existed,
                    struct p2p_err *err) {
  struct p2p_buf contents;
  p2p_buf_init(&contents, FILE_MAX);
  p2p_sign_keypair(&out->public_key, &out->secret_key);
  int code = p2p_key_text_put_kind(&contents, NAME);
  if (code == P2P_OK) code = p2p_key_text_put_secret(&contents, "seed", out->secret_key.bytes);
  code = p2p_key_text_explain(code, folder->path, NAME, err);
  if (code == P2P_OK) code = p2p_private_file_make(folder, NAME, &contents, existed, err);
  p2p_buf_clear(&contents);
  return code;
}

int p2p_device_load(const char *path, struct p2p_device *out, struct p2p_err *err) {
  struct p2p_key_folder folder;
  bool exists = false, existed = false;
  int code = p2p_key_folder_open(path, true, &folder, err);
  if (code == P2P_OK) {
    code = read_key(&folder, out, &exists, err);
    if (code == P2P_OK && !exists) code = make_key(&folder, out, &existed, err);
    if (code == P2P_OK && existed) { /* another process was faster */
      code = read_key(&folder, out, &exists, err);
      if (code == P2P_OK && !exists)
        code = p2p_err_set(err, P2P_ERR_SYSTEM, "the file '%s/" NAME "' was removed", path);
    }
    p2p_key_folder_close(&folder);
  }
  if (code != P2P_OK) p2p_wipe(out, sizeof *out);
  return code;
}

void p2p_fingerprint_of_hash(const uint8_t hash[static P2P_SHA256_LEN],
                             char out[P2P_FINGERPRINT_MAX]) {
  char text[P2P_BASE64_LEN(P2P_SHA256_LEN) + 1];
  p2p_base64_encode(hash, P2P_SHA256_LEN, text);
  text[strcspn(text, "=")] = '\0';
  memcpy(out, PREFIX, strlen(PREFIX));
  memcpy(out + strlen(PREFIX), text, P2P_FINGERPRINT_MAX - strlen(PREFIX));
}

bool p2p_fingerprint_read(const char *text, uint8_t hash[static P2P_SHA256_LEN]) {
  char padded[P2P_BASE64_LEN(P2P_SHA256_LEN) + 1];
  size_t n;
  if (strlen(text) != P2P_FINGERPRINT_MAX - 1 || strncmp(text, PREFIX, strlen(PREFIX)) != 0)
    return false;
  snprintf(padded, sizeof padded, "%s=", text + strlen(PREFIX));
  return p2p_base64_decode(padded, strlen(padded), hash, P2P_SHA256_LEN, &n) == P2P_OK &&
         n == P2P_SHA256_LEN;
}

void p2p_fingerprint(const struct p2p_sign_public *key, char out[P2P_FINGERPRINT_MAX]) {
  uint8_t hash[P2P_SHA256_LEN];
  p2p_sha256(key->bytes, sizeof key->bytes, hash);
  p2p_fingerprint_of_hash(hash, out);
}
