/* The board's host key. It is always checked, and never accepted until the user has compared its
 * fingerprint. The error for an unknown key has the fingerprint and the known_hosts entry of the
 * key that this connection has seen: fetching it again could return another one. */
#include "board/ssh_host_key.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"

#define BLOB_MAX 4096 /* of an RSA key with 16384 bits: 2 KiB */

struct seen_key {
  uint8_t blob[BLOB_MAX];
  size_t length; /* 0: it cannot be read */
  char type[64];
  char fingerprint[128];                 /* "SHA256:..." */
  char entry[P2P_KNOWN_HOSTS_ENTRY_MAX]; /* "": too long */
};

int p2p_known_hosts_entry(const char *host, uint16_t port, const char *type, const char *base64,
                          char out[static P2P_KNOWN_HOSTS_ENTRY_MAX]) {
  char name[300];
  int length = port == 22 ? snprintf(name, sizeof name, "%s", host)
                          : snprintf(name, sizeof name, "[%s]:%u", host, (unsigned)port);
  for (char *at = name; *at != '\0'; at++)
    if (*at >= 'A' && *at <= 'Z') *at = (char)(*at + ('a' - 'A')); /* as ssh stores and looks up */
  if (length < 0 || (size_t)length >= sizeof name) return P2P_ERR_TOO_LARGE;
  length = snprintf(out, P2P_KNOWN_HOSTS_ENTRY_MAX, "%s %s %s", name, type, base64);
  return length < 0 || length >= P2P_KNOWN_HOSTS_ENTRY_MAX ? P2P_ERR_TOO_LARGE : P2P_OK;
}

static void describe_fingerprint(ssh_key key, char *out, size_t size) {
  unsigned char *hash = NULL;
  size_t length = 0;
  char *text = NULL;
  snprintf(out, size, "no readable fingerprint");
  if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &length) != SSH_OK) return;
  text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, length);
  if (text != NULL) snprintf(out, size, "%s", text);
  ssh_string_free_char(text);
  ssh_clean_pubkey_hash(&hash);
}

/* ssh_key_type_to_char names an ECDSA key without its curve; ssh_pki_key_ecdsa_name has it. */
static const char *type_name(ssh_key key) {
  enum ssh_keytypes_e type = ssh_key_type(key);
  bool is_ecdsa = type == SSH_KEYTYPE_ECDSA_P256 || type == SSH_KEYTYPE_ECDSA_P384 ||
                  type == SSH_KEYTYPE_ECDSA_P521;
  return is_ecdsa ? ssh_pki_key_ecdsa_name(key) : ssh_key_type_to_char(type);
}

static void describe_key(ssh_session session, const struct p2p_ssh_host *host,
                         struct seen_key *out) {
  ssh_key key = NULL;
  char *base64 = NULL;
  *out = (struct seen_key){.type = "a key", .fingerprint = "that cannot be read"};
  if (ssh_get_server_publickey(session, &key) != SSH_OK) return;
  snprintf(out->type, sizeof out->type, "%s", type_name(key));
  describe_fingerprint(key, out->fingerprint, sizeof out->fingerprint);
  if (ssh_pki_export_pubkey_base64(key, &base64) == SSH_OK) {
    if (p2p_base64_decode(base64, strlen(base64), out->blob, sizeof out->blob, &out->length) !=
        P2P_OK)
      out->length = 0;
    if (p2p_known_hosts_entry(host->name, host->port, out->type, base64, out->entry) != P2P_OK)
      out->entry[0] = '\0';
  }
  ssh_string_free_char(base64);
  ssh_key_free(key);
}

/* The entry must not be cut at the end of the message. */
static int set_unknown(const struct p2p_ssh_host *host, const struct seen_key *key,
                       struct p2p_err *err) {
  char problem[220] = "", text[P2P_ERR_MESSAGE_MAX];
  const char *what = p2p_known_hosts_problem(host->known);
  if (what[0] != '\0') snprintf(problem, sizeof problem, " (%s)", what);
  int length =
      snprintf(text, sizeof text, "the host key of '%s' (port %u) is not in '%s'%s: it is %s %s",
               host->name, (unsigned)host->port, host->file, problem, key->type, key->fingerprint);
  size_t entry = strlen(key->entry);
  if (entry == 0 || (size_t)length + entry + 40 > sizeof text)
    return p2p_err_because(err, "unknown_host_key_unseen",
                           p2p_err_set(err, P2P_ERR_HOST_KEY, "%s", text));
  return p2p_err_because(
      err, "unknown_host_key",
      p2p_err_set(err, P2P_ERR_HOST_KEY, "%s, and its entry would be '%s'", text, key->entry));
}

int p2p_ssh_host_key_check(ssh_session session, const struct p2p_ssh_host *host,
                           struct p2p_err *err) {
  struct seen_key key;
  char place[220];
  describe_key(session, host, &key);
  switch (p2p_known_hosts_check(host->known, key.blob, key.length, place, sizeof place)) {
  case P2P_HOST_KEY_KNOWN: return P2P_OK;
  case P2P_HOST_KEY_CHANGED:
    return p2p_err_because(
        err, "changed_host_key",
        p2p_err_set(err, P2P_ERR_HOST_KEY,
                    "the host key of '%s' (port %u) is not the one in %s: it is now %s %s",
                    host->name, (unsigned)host->port, place, key.type, key.fingerprint));
  case P2P_HOST_KEY_REVOKED:
    return p2p_err_because(
        err, "revoked_host_key",
        p2p_err_set(err, P2P_ERR_HOST_KEY, "the host key of '%s' (port %u) is revoked by %s: %s %s",
                    host->name, (unsigned)host->port, place, key.type, key.fingerprint));
  default: return set_unknown(host, &key, err);
  }
}
