/* The host key of a board: loaded from its file, or made; and how it is told to people. */
#include "server/board_identity.h"

#include <libssh/server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "server/host_key_file.h"

struct p2p_board_identity {
  ssh_bind bind; /* has the private key */
  char *key, *fingerprint;
};

char *p2p_board_key_fingerprint(ssh_key key) {
  unsigned char *hash = NULL;
  size_t length = 0;
  if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &length) != 0) return NULL;
  char *text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, length);
  ssh_clean_pubkey_hash(&hash);
  return text;
}

static int make_host_key(const char *path, ssh_key *key, struct p2p_err *err) {
  char *text = NULL;
  if (ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, key) != SSH_OK ||
      ssh_pki_export_privkey_base64(*key, NULL, NULL, NULL, &text) != SSH_OK)
    return p2p_err_set(err, P2P_ERR_CRYPTO, "Cannot make a host key.");
  int code = p2p_host_key_file_write(path, text, err);
  p2p_wipe(text, strlen(text));
  ssh_string_free_char(text);
  return code;
}

static int load_host_key(const char *path, ssh_key *key, struct p2p_err *err) {
  char *text;
  int code = p2p_host_key_file_read(path, &text, err);
  if (code != P2P_OK) return code;
  if (text == NULL) return make_host_key(path, key, err);
  if (ssh_pki_import_privkey_base64(text, NULL, NULL, NULL, key) != SSH_OK)
    code = p2p_err_set(
        err, P2P_ERR_PARSE,
        "The host key file '%s' holds no private key in OpenSSH format without a passphrase.",
        path);
  p2p_wipe(text, strlen(text));
  free(text);
  return code;
}

static int describe_key(struct p2p_board_identity *identity, ssh_key key, struct p2p_err *err) {
  char *base64 = NULL, *fingerprint = p2p_board_key_fingerprint(key);
  const char *type = ssh_key_type_to_char(ssh_key_type(key));
  if (ssh_pki_export_pubkey_base64(key, &base64) == SSH_OK && fingerprint != NULL) {
    size_t size = strlen(type) + strlen(base64) + 2;
    identity->key = malloc(size);
    identity->fingerprint = strdup(fingerprint);
    if (identity->key != NULL) snprintf(identity->key, size, "%s %s", type, base64);
  }
  ssh_string_free_char(base64);
  ssh_string_free_char(fingerprint);
  if (identity->key != NULL && identity->fingerprint != NULL) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
}

static int use_key(struct p2p_board_identity *identity, const char *path, struct p2p_err *err) {
  ssh_key key = NULL;
  bool use_config_files = false;
  int code = load_host_key(path, &key, err);
  if (code == P2P_OK) code = describe_key(identity, key, err);
  if (code == P2P_OK) {
    ssh_bind_options_set(identity->bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &use_config_files);
    if (ssh_bind_options_set(identity->bind, SSH_BIND_OPTIONS_IMPORT_KEY, key) == SSH_OK)
      return P2P_OK; /* the owner now */
    code = p2p_err_set(err, P2P_ERR_CRYPTO, "The host key '%s' cannot be used.", path);
  }
  ssh_key_free(key);
  return code;
}

int p2p_board_identity_load(const char *path, struct p2p_board_identity **out,
                            struct p2p_err *err) {
  struct p2p_board_identity *identity = calloc(1, sizeof *identity);
  int code = P2P_OK;
  if (identity == NULL || (identity->bind = ssh_bind_new()) == NULL)
    code = p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  if (code == P2P_OK) code = use_key(identity, path, err);
  if (code == P2P_OK)
    *out = identity;
  else
    p2p_board_identity_free(identity);
  return code;
}

void p2p_board_identity_free(struct p2p_board_identity *identity) {
  if (identity == NULL) return;
  ssh_bind_free(identity->bind);
  free(identity->key);
  free(identity->fingerprint);
  free(identity);
}

const char *p2p_board_identity_key(const struct p2p_board_identity *identity) {
  return identity->key;
}
const char *p2p_board_identity_fingerprint(const struct p2p_board_identity *identity) {
  return identity->fingerprint;
}
ssh_bind p2p_board_identity_bind(struct p2p_board_identity *identity) { return identity->bind; }
