/* The SSH host key of a board: loaded or created, and in the forms that people compare. */
#include "server/host_key.h"

#include <libssh/server.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "server/host_key_file.h"

struct p2p_host_key {
  ssh_bind bind;            /* owns the private key */
  char *line, *fingerprint; /* owned */
};

char *p2p_host_key_fingerprint_of(ssh_key key) {
  unsigned char *hash = NULL;
  size_t length = 0;
  if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &length) != 0) return NULL;
  char *text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, length);
  ssh_clean_pubkey_hash(&hash);
  return text;
}

static bool generate(ssh_key *key) {
#if LIBSSH_VERSION_INT >= SSH_VERSION_INT(0, 12, 0)
  return ssh_pki_generate_key(SSH_KEYTYPE_ED25519, NULL, key) == SSH_OK;
#else
  return ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, key) == SSH_OK;
#endif
}

static int create_key(const char *path, ssh_key *key, struct p2p_err *err) {
  char *text = NULL;
  if (!generate(key) || ssh_pki_export_privkey_base64(*key, NULL, NULL, NULL, &text) != SSH_OK)
    return p2p_err_set(err, P2P_ERR_CRYPTO, "cannot generate a host key");
  int code = p2p_host_key_file_write(path, text, err);
  p2p_wipe(text, strlen(text));
  ssh_string_free_char(text);
  return code;
}

static int load_key(const char *path, ssh_key *key, struct p2p_err *err) {
  char *text;
  int code = p2p_host_key_file_read(path, &text, err);
  if (code != P2P_OK) return code;
  if (text == NULL) return create_key(path, key, err);
  if (ssh_pki_import_privkey_base64(text, NULL, NULL, NULL, key) != SSH_OK)
    code = p2p_err_because(
        err, "host_key_format",
        p2p_err_set(err, P2P_ERR_PARSE,
                    "the host key file '%s' is not an OpenSSH private key without a passphrase",
                    path));
  p2p_wipe(text, strlen(text));
  free(text);
  return code;
}

static int describe_key(struct p2p_host_key *host_key, ssh_key key, struct p2p_err *err) {
  char *base64 = NULL, *fingerprint = p2p_host_key_fingerprint_of(key);
  const char *type = ssh_key_type_to_char(ssh_key_type(key));
  if (ssh_pki_export_pubkey_base64(key, &base64) == SSH_OK && fingerprint != NULL) {
    size_t size = strlen(type) + strlen(base64) + 2;
    host_key->line = malloc(size);
    host_key->fingerprint = strdup(fingerprint);
    if (host_key->line != NULL) snprintf(host_key->line, size, "%s %s", type, base64);
  }
  ssh_string_free_char(base64);
  ssh_string_free_char(fingerprint);
  if (host_key->line != NULL && host_key->fingerprint != NULL) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
}

static int use_key(struct p2p_host_key *host_key, const char *path, struct p2p_err *err) {
  ssh_key key = NULL;
  bool use_config_files = false;
  int code = load_key(path, &key, err);
  if (code == P2P_OK) code = describe_key(host_key, key, err);
  if (code == P2P_OK) {
    if (ssh_bind_options_set(host_key->bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &use_config_files) ==
            SSH_OK &&
        ssh_bind_options_set(host_key->bind, SSH_BIND_OPTIONS_IMPORT_KEY, key) == SSH_OK)
      return P2P_OK; /* which owns the key now */
    code = p2p_err_set(err, P2P_ERR_CRYPTO, "cannot use the host key '%s'", path);
  }
  ssh_key_free(key);
  return code;
}

int p2p_host_key_load(const char *path, struct p2p_host_key **out, struct p2p_err *err) {
  struct p2p_host_key *key = calloc(1, sizeof *key);
  int code = P2P_OK;
  if (key == NULL || (key->bind = ssh_bind_new()) == NULL)
    code = p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  if (code == P2P_OK) code = use_key(key, path, err);
  if (code == P2P_OK)
    *out = key;
  else
    p2p_host_key_free(key);
  return code;
}

void p2p_host_key_free(struct p2p_host_key *key) {
  if (key == NULL) return;
  ssh_bind_free(key->bind);
  free(key->line);
  free(key->fingerprint);
  free(key);
}

const char *p2p_host_key_line(const struct p2p_host_key *key) { return key->line; }
const char *p2p_host_key_fingerprint(const struct p2p_host_key *key) { return key->fingerprint; }
struct ssh_bind_struct *p2p_host_key_bind(struct p2p_host_key *key) {
  return key->bind;
}
