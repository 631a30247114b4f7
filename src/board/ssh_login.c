/* Authentication with our keys: files of private keys, and the agent. */
#include "board/ssh_login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "board/ssh_config.h"
#include "board/ssh_file.h"
#include "board/ssh_socket.h"

/* ---- the keys to try ---- */

/* `path` NULL: the agent. */
static int add_candidate(struct p2p_ssh_login *login, const char *path) {
  char expanded[1600];
  if (login->count == P2P_SSH_CANDIDATES_MAX) return P2P_ERR_TOO_LARGE;
  if (path == NULL) {
    login->candidates[login->count++] = NULL;
    return P2P_OK;
  }
  p2p_ssh_file_expand(path, expanded, sizeof expanded);
  char *copy = strdup(expanded);
  if (copy == NULL) return P2P_ERR_MEMORY;
  login->candidates[login->count++] = copy;
  return P2P_OK;
}

/* The first key that libssh tries by itself; %d is ~/.ssh before version 0.12, and then ~. */
static bool is_default(const char *file) {
  return strncmp(file, "%d/id_", 6) == 0 || strcmp(file, "%d/.ssh/id_ed25519") == 0;
}

/* IdentityFile of the system's file. libssh returns one of them only, or its default. */
static int add_from_system(struct p2p_ssh_login *login, ssh_session session) {
  char *file = NULL;
  int code = P2P_OK;
  if (ssh_options_get(session, SSH_OPTIONS_IDENTITY, &file) != SSH_OK || file == NULL)
    return P2P_OK;
  if (!is_default(file)) code = add_candidate(login, file);
  ssh_string_free_char(file);
  return code;
}

static int add_from_config(struct p2p_ssh_login *login, const char *config, const char *host,
                           ssh_session session) {
  char file[1024];
  unsigned n = 0;
  int code = P2P_OK;
  for (; n < P2P_IDENTITIES_MAX && code == P2P_OK; n++) {
    if (!p2p_ssh_config_find(config, host, "IdentityFile", n, file, sizeof file)) break;
    if (strcasecmp(file, "none") != 0) code = add_candidate(login, file);
  }
  return n > 0 || code != P2P_OK ? code : add_from_system(login, session);
}

static int add_candidates(struct p2p_ssh_login *login, const struct p2p_address *address,
                          const char *config, ssh_session session) {
  static const char *const defaults[] = {"~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"};
  char only[8] = "";
  (void)p2p_ssh_config_find(config, address->host, "IdentitiesOnly", 0, only, sizeof only);
  bool identities_only = address->identities_only || strcasecmp(only, "yes") == 0;
  int code = P2P_OK;
  for (size_t i = 0; i < address->n_identities && code == P2P_OK; i++)
    code = add_candidate(login, address->identities[i]);
  if (code == P2P_OK) code = add_from_config(login, config, address->host, session);
  login->n_explicit = login->count;
  if (code == P2P_OK && !identities_only) code = add_candidate(login, NULL);
  bool has_defaults = !identities_only || login->n_explicit == 0;
  for (size_t i = 0; has_defaults && i < sizeof defaults / sizeof defaults[0] && code == P2P_OK;
       i++)
    code = add_candidate(login, defaults[i]);
  return code;
}

int p2p_ssh_login_prepare(struct p2p_ssh_login *login, const struct p2p_address *address,
                          const char *config, ssh_session session, struct p2p_err *err) {
  int code = add_candidates(login, address, config, session);
  if (code == P2P_ERR_TOO_LARGE)
    return p2p_err_set(err, code, "more than %d SSH keys to try for '%s'", P2P_SSH_CANDIDATES_MAX,
                       address->host);
  return code == P2P_OK ? P2P_OK : p2p_err_set(err, code, "out of memory");
}

void p2p_ssh_login_clear(struct p2p_ssh_login *login) {
  for (size_t i = 0; i < login->count; i++) free(login->candidates[i]);
  if (login->key != NULL) ssh_key_free(login->key);
  p2p_ssh_agent_close(&login->agent);
  *login = (struct p2p_ssh_login){.agent.fd = -1};
}

/* ---- key files ---- */

/* libssh calls it for an encrypted key: noted for the error, and nobody is prompted. */
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

bool p2p_ssh_login_needs_program(const struct p2p_ssh_login *login) {
  char public_key[1600];
  bool has_half = false;
  for (size_t i = 0; i < login->n_explicit; i++) {
    const char *file = login->candidates[i];
    bool is_encrypted;
    ssh_key key = NULL;
    if (!p2p_ssh_file_is_plain(file)) return true;
    snprintf(public_key, sizeof public_key, "%s.pub", file);
    if (p2p_ssh_file_exposed_mode(file) == 0 &&
        ssh_pki_import_privkey_file(file, NULL, no_passphrase, &is_encrypted, &key) == SSH_OK)
      ssh_key_free(key);
    else if (!p2p_ssh_file_is_folder(file))
      has_half = has_half || access(file, F_OK) == 0 || access(public_key, F_OK) == 0;
  }
  return has_half && login->agent.path[0] != '\0';
}

static void note(struct p2p_ssh_login *login, const char *result) {
  const char *candidate = login->candidates[login->next];
  size_t used = strlen(login->tried);
  snprintf(login->tried + used, sizeof login->tried - used, "%s%s (%s)", used == 0 ? "" : ", ",
           candidate == NULL ? "ssh-agent" : candidate, result);
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
  login->has_file = true;
  if (p2p_ssh_file_is_folder(file)) {
    note(login, "a folder, and not a key");
    return false;
  }
  unsigned mode = p2p_ssh_file_exposed_mode(file);
  if (mode != 0) {
    char text[64];
    snprintf(text, sizeof text, "not used: its mode 0%03o lets others access it", mode);
    note(login, text);
    login->has_exposed_key = true;
    return false;
  }
  if (ssh_pki_import_privkey_file(file, NULL, no_passphrase, &is_encrypted, &login->key) == SSH_OK)
    return true;
  login->key = NULL;
  note(login,
       is_encrypted ? "has a passphrase and is not in ssh-agent" : "not a readable private key");
  return false;
}

/* ---- authentication ---- */

static int set_rejected(const struct p2p_ssh_login *login, const char *place, struct p2p_err *err) {
  if (login->tried[0] == '\0')
    return p2p_err_because(err, "no_ssh_key",
                           p2p_err_set(err, P2P_ERR_AUTH, "no SSH key was found for %s", place));
  if (login->has_exposed_key)
    return p2p_err_because(err, "key_exposed",
                           p2p_err_set(err, P2P_ERR_AUTH,
                                       "no SSH key could be used for %s; tried: %s", place,
                                       login->tried));
  if (!login->has_offered)
    return p2p_err_because(err, login->has_file ? "keys_rejected" : "no_ssh_key",
                           p2p_err_set(err, P2P_ERR_AUTH, "no SSH key could be offered to %s: %s",
                                       place, login->tried));
  return p2p_err_because(err, "keys_rejected",
                         p2p_err_set(err, P2P_ERR_AUTH,
                                     "%s rejected all of your SSH keys; tried: %s", place,
                                     login->tried));
}

static int set_disconnected(struct p2p_ssh_login *login, ssh_session session, const char *place,
                            struct p2p_err *err) {
  char text[200];
  p2p_ssh_socket_error(session, text, sizeof text);
  if (strstr(text, "Too many authentication failures") != NULL) {
    note(login, "too many keys for this board");
    (void)set_rejected(login, place, err);
    return p2p_err_because(err, "too_many_keys", P2P_ERR_AUTH);
  }
  return p2p_err_set(err, P2P_ERR_NETWORK, "%s closed the connection during the login: %s", place,
                     text);
}

bool p2p_ssh_login_waits_for_agent(const struct p2p_ssh_login *login) {
  return login->next < login->count && login->candidates[login->next] == NULL &&
         login->agent.fd >= 0;
}

/* P2P_SSH_LOGIN_WAIT when the present candidate has a key to try, else P2P_SSH_LOGIN_NEXT. */
static int prepare_candidate(struct p2p_ssh_login *login, ssh_session session) {
  bool is_agent = login->candidates[login->next] == NULL;
  if (is_agent && login->agent.fd < 0) {
    if (p2p_ssh_agent_connect(&login->agent, session)) return P2P_SSH_LOGIN_NEXT;
    note(login, "not running");
  } else if (is_agent || login->key != NULL || import_key(login)) {
    return P2P_SSH_LOGIN_WAIT;
  }
  next_candidate(login);
  return P2P_SSH_LOGIN_NEXT;
}

/* libssh chooses the algorithm of a signature before it requests the service for itself. It signs
 * with SHA-2 and an RSA key only if the board has said that it verifies that. A board may say so
 * (EXT_INFO, RFC 8308) as late as after our last message of the key exchange, but always before it
 * accepts the service. Earlier, libssh would choose SHA-1, and reject the key itself. */
static int request_service(struct p2p_ssh_login *login, ssh_session session, const char *place,
                           struct p2p_err *err) {
  int rc = ssh_service_request(session, "ssh-userauth");
  if (rc == SSH_AGAIN) return P2P_SSH_LOGIN_WAIT;
  if (rc != SSH_OK) return set_disconnected(login, session, place, err);
  login->has_service = true;
  return P2P_SSH_LOGIN_NEXT;
}

int p2p_ssh_login_step(struct p2p_ssh_login *login, ssh_session session, const char *place,
                       struct p2p_err *err) {
  if (!login->has_service) return request_service(login, session, place, err);
  if (login->next == login->count) return set_rejected(login, place, err);
  if (prepare_candidate(login, session) == P2P_SSH_LOGIN_NEXT) return P2P_SSH_LOGIN_NEXT;
  bool is_agent = login->candidates[login->next] == NULL;
  login->has_offered = true;
  int rc = is_agent ? ssh_userauth_agent(session, NULL)
                    : ssh_userauth_publickey(session, NULL, login->key);
  if (rc == SSH_AUTH_AGAIN) return P2P_SSH_LOGIN_WAIT;
  if (rc == SSH_AUTH_SUCCESS) return P2P_SSH_LOGIN_DONE;
  if (!ssh_is_connected(session)) return set_disconnected(login, session, place, err);
  if (rc == SSH_AUTH_PARTIAL)
    note(login, "accepted, but the board requires more than a key");
  else
    note(login, is_agent ? "none of its keys was accepted" : "not accepted");
  next_candidate(login);
  return P2P_SSH_LOGIN_NEXT;
}
