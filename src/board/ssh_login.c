/* Who is at the two ends of an SSH connection: the board's host key against known_hosts, and our
 * keys, one after the other. Nothing is ever asked: no password, no passphrase, no prompt. Where
 * the agent is used, libssh talks to it while the io thread waits. */
#include <libssh/callbacks.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "board/ssh_config.h"
#include "board/ssh_private.h"

/* ---- the host key ---- */

static void known_hosts_file(struct p2p_ssh_session *ssh, char *out, size_t size) {
  char *file = NULL;
  bool is_told =
      ssh_options_get(ssh->session, SSH_OPTIONS_KNOWNHOSTS, &file) == SSH_OK && file != NULL;
  snprintf(out, size, "%s", is_told ? file : "~/.ssh/known_hosts");
  if (file != NULL) ssh_string_free_char(file);
}

/* "ssh-ed25519 SHA256:..." */
static void describe_key(struct p2p_ssh_session *ssh, char *out, size_t size) {
  ssh_key key = NULL;
  unsigned char *hash = NULL;
  size_t length = 0;
  char *fingerprint = NULL;
  snprintf(out, size, "unreadable");
  if (ssh_get_server_publickey(ssh->session, &key) != SSH_OK) return;
  if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &length) == SSH_OK) {
    fingerprint = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, length);
  }
  if (fingerprint != NULL)
    snprintf(out, size, "%s %s", ssh_key_type_to_char(ssh_key_type(key)), fingerprint);
  if (fingerprint != NULL) ssh_string_free_char(fingerprint);
  if (hash != NULL) ssh_clean_pubkey_hash(&hash);
  ssh_key_free(key);
}

int p2p_ssh_check_host_key(struct p2p_ssh_session *ssh, struct p2p_err *err) {
  char key[160], file[200];
  enum ssh_known_hosts_e known = ssh_session_is_known_server(ssh->session);
  if (known == SSH_KNOWN_HOSTS_OK) return P2P_OK;
  describe_key(ssh, key, sizeof key);
  known_hosts_file(ssh, file, sizeof file);
  switch (known) {
  case SSH_KNOWN_HOSTS_CHANGED:
  case SSH_KNOWN_HOSTS_OTHER:
    return p2p_err_set(
        err, P2P_ERR_HOST_KEY,
        "REFUSED: the host key of '%s' (port %u) is not the one in %s. It is now %s. Either the "
        "board "
        "was set up anew, or somebody else answers in its place. Ask who runs the board; only if "
        "the "
        "fingerprint is right, remove the old key with: ssh-keygen -f %s -R '[%s]:%u'",
        ssh->host, ssh->port, file, key, file, ssh->host, ssh->port);
  case SSH_KNOWN_HOSTS_UNKNOWN:
  case SSH_KNOWN_HOSTS_NOT_FOUND:
    return p2p_err_set(
        err, P2P_ERR_HOST_KEY,
        "The host key of '%s' (port %u) is not known: %s. Compare this fingerprint with what "
        "whoever "
        "runs the board says; if it is the same, accept the key with: ssh-keyscan -p %u %s >> %s",
        ssh->host, ssh->port, key, ssh->port, ssh->host, file);
  default:
    return p2p_err_set(err, P2P_ERR_HOST_KEY,
                       "The host key of '%s' (port %u) cannot be checked against %s: %s.",
                       ssh->host, ssh->port, file, ssh_get_error(ssh->session));
  }
}

/* ---- our keys ---- */

/* `path` NULL: the agent. */
static int add_candidate(struct p2p_ssh_login *login, const char *path) {
  char expanded[1600];
  if (login->count == P2P_SSH_CANDIDATES_MAX) return P2P_ERR_TOO_LARGE;
  if (path == NULL) {
    login->candidates[login->count++] = NULL;
    return P2P_OK;
  }
  p2p_ssh_config_expand(path, expanded, sizeof expanded);
  char *copy = strdup(expanded);
  if (copy == NULL) return P2P_ERR_MEMORY;
  login->candidates[login->count++] = copy;
  return P2P_OK;
}

/* IdentityFile of the whole system's file. libssh tells one of them only, and its own defaults
 * begin with %d/id_. */
static int add_of_system(struct p2p_ssh_session *ssh) {
  char *file = NULL;
  int code = P2P_OK;
  if (ssh_options_get(ssh->session, SSH_OPTIONS_IDENTITY, &file) != SSH_OK || file == NULL)
    return P2P_OK;
  if (strncmp(file, "%d/id_", 6) != 0) code = add_candidate(&ssh->login, file);
  ssh_string_free_char(file);
  return code;
}

static int add_configured(struct p2p_ssh_session *ssh, const char *config) {
  char file[1024];
  unsigned n = 0;
  int code = P2P_OK;
  for (; n < P2P_IDENTITIES_MAX && code == P2P_OK; n++) {
    if (!p2p_ssh_config_find(config, ssh->address.host, "IdentityFile", n, file, sizeof file))
      break;
    if (strcasecmp(file, "none") != 0) code = add_candidate(&ssh->login, file);
  }
  return n > 0 || code != P2P_OK ? code : add_of_system(ssh);
}

int p2p_ssh_login_prepare(struct p2p_ssh_session *ssh, const char *config, struct p2p_err *err) {
  static const char *const defaults[] = {"~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"};
  const struct p2p_address *address = &ssh->address;
  struct p2p_ssh_login *login = &ssh->login;
  char only[8] = "";
  (void)p2p_ssh_config_find(config, address->host, "IdentitiesOnly", 0, only, sizeof only);
  bool identities_only = address->identities_only || strcasecmp(only, "yes") == 0;
  int code = P2P_OK;
  for (size_t i = 0; i < address->n_identities && code == P2P_OK; i++) {
    code = add_candidate(login, address->identities[i]);
  }
  if (code == P2P_OK) code = add_configured(ssh, config);
  login->n_explicit = login->count;
  if (code == P2P_OK && !identities_only) code = add_candidate(login, NULL);
  bool has_defaults = !identities_only || login->n_explicit == 0;
  for (size_t i = 0; has_defaults && i < sizeof defaults / sizeof defaults[0] && code == P2P_OK;
       i++) {
    code = add_candidate(login, defaults[i]);
  }
  return code == P2P_OK ? P2P_OK : p2p_err_set(err, code, "Out of memory.");
}

static bool has_agent(const char *config, const char *host) {
  char place[1024];
  if (p2p_ssh_config_find(config, host, "IdentityAgent", 0, place, sizeof place))
    return strcasecmp(place, "none") != 0;
  const char *socket = getenv("SSH_AUTH_SOCK");
  return socket != NULL && socket[0] != '\0';
}

/* libssh calls it when a key is encrypted: that is remembered, and nobody is asked. */
static int no_passphrase(const char *prompt, char *out, size_t length, int echo, int verify,
                         void *arg) {
  (void)prompt;
  (void)out;
  (void)length;
  (void)echo;
  (void)verify;
  *(bool *)arg = true;
  return SSH_ERROR;
}

bool p2p_ssh_login_needs_program(struct p2p_ssh_session *ssh, const char *config) {
  struct p2p_ssh_login *login = &ssh->login;
  char public_key[1600];
  bool has_half = false;
  for (size_t i = 0; i < login->n_explicit; i++) {
    const char *file = login->candidates[i];
    bool is_encrypted;
    ssh_key key = NULL;
    if (!p2p_ssh_config_is_plain(file)) return true;
    snprintf(public_key, sizeof public_key, "%s.pub", file);
    if (ssh_pki_import_privkey_file(file, NULL, no_passphrase, &is_encrypted, &key) == SSH_OK)
      ssh_key_free(key);
    else
      has_half = has_half || access(file, F_OK) == 0 || access(public_key, F_OK) == 0;
  }
  return has_half && has_agent(config, ssh->address.host);
}

void p2p_ssh_login_clear(struct p2p_ssh_login *login) {
  for (size_t i = 0; i < login->count; i++) free(login->candidates[i]);
  if (login->key != NULL) ssh_key_free(login->key);
  memset(login, 0, sizeof *login);
}

static void note(struct p2p_ssh_login *login, const char *what) {
  const char *candidate = login->candidates[login->next];
  size_t used = strlen(login->tried);
  snprintf(login->tried + used, sizeof login->tried - used, "%s%s (%s)", used == 0 ? "" : ", ",
           candidate == NULL ? "ssh-agent" : candidate, what);
}

static void next_candidate(struct p2p_ssh_login *login) {
  if (login->key != NULL) ssh_key_free(login->key);
  login->key = NULL;
  login->next++;
}

static bool import_key(struct p2p_ssh_login *login) {
  const char *file = login->candidates[login->next];
  bool is_encrypted = false;
  if (access(file, F_OK) != 0) {
    if (login->next < login->n_explicit) note(login, "no such file");
    return false;
  }
  if (ssh_pki_import_privkey_file(file, NULL, no_passphrase, &is_encrypted, &login->key) == SSH_OK)
    return true;
  login->key = NULL;
  note(login,
       is_encrypted ? "has a passphrase: load it with ssh-add" : "not a readable private key");
  return false;
}

static int give_up(struct p2p_ssh_session *ssh, struct p2p_err *err) {
  return p2p_err_set(
      err, P2P_ERR_AUTH,
      "'%s' (port %u) let none of your SSH keys in. Tried: %s. Give the key that the board knows "
      "with "
      "ssh_args = c(\"-i\", \"FILE\"), or load it with 'ssh-add FILE'; a new key is made with "
      "'ssh-keygen -t ed25519' and has to be made known to whoever runs the board.",
      ssh->host, ssh->port,
      ssh->login.tried[0] == '\0' ? "nothing, no key was found" : ssh->login.tried);
}

static int lost(struct p2p_ssh_session *ssh, struct p2p_err *err) {
  char said[200];
  p2p_ssh_last_words(ssh, said, sizeof said);
  if (strstr(said, "Too many authentication failures") != NULL) {
    note(&ssh->login, "too many keys for this board: name the right one, with IdentitiesOnly=yes");
    return give_up(ssh, err);
  }
  return p2p_err_set(err, P2P_ERR_NETWORK,
                     "'%s' (port %u) ended the connection during the login: %s.", ssh->host,
                     ssh->port, said);
}

int p2p_ssh_login_step(struct p2p_ssh_session *ssh, struct p2p_err *err) {
  struct p2p_ssh_login *login = &ssh->login;
  while (login->next < login->count) {
    bool is_agent = login->candidates[login->next] == NULL;
    if (!is_agent && login->key == NULL && !import_key(login)) {
      next_candidate(login);
      continue;
    }
    int rc = is_agent ? ssh_userauth_agent(ssh->session, NULL)
                      : ssh_userauth_publickey(ssh->session, NULL, login->key);
    if (rc == SSH_AUTH_AGAIN) return P2P_SSH_WAIT;
    if (rc == SSH_AUTH_SUCCESS) return P2P_SSH_DONE;
    if (!ssh_is_connected(ssh->session)) return lost(ssh, err);
    if (rc == SSH_AUTH_PARTIAL)
      note(login, "accepted, but the board asks for more than a key");
    else
      note(login, is_agent ? "none is running, or none of its keys is accepted" : "not accepted");
    next_candidate(login);
  }
  return give_up(ssh, err);
}
