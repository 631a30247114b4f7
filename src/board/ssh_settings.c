/* How to log in on a board. libssh reads ssh_config; what it passes over, or reads otherwise than
 * OpenSSH, is found by ssh_config.c. */
#include "board/ssh_settings.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board/ssh_config.h"
#include "board/ssh_file.h"

void p2p_ssh_settings_init(struct p2p_ssh_settings *settings) {
  *settings = (struct p2p_ssh_settings){.login.agent.fd = -1};
}

static int set_memory(struct p2p_err *err) {
  return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
}

/* From the first HostName on, libssh compares the patterns after Host with that, and not with the
 * name as it was typed. */
static int apply_config(ssh_session session, const char *config, const char *host) {
  static const struct {
    const char *keyword;
    enum ssh_options_e option;
  } known[] = {{"Port", SSH_OPTIONS_PORT_STR}, {"User", SSH_OPTIONS_USER}};
  char value[1024];
  int bad = 0;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (p2p_ssh_config_find(config, host, known[i].keyword, 0, value, sizeof value))
      bad |= ssh_options_set(session, known[i].option, value);
  return bad == 0 ? P2P_OK : P2P_ERR_INVALID;
}

/* ssh_args win over ssh_config. */
static int apply_address(ssh_session session, const struct p2p_address *address) {
  int quiet = SSH_LOG_NOLOG, bad = 0;
  bool again = false;
  unsigned int port = address->port;
  if (port != 0) bad |= ssh_options_set(session, SSH_OPTIONS_PORT, &port);
  if (address->login[0] != '\0') bad |= ssh_options_set(session, SSH_OPTIONS_USER, address->login);
  bad |= ssh_options_set(session, SSH_OPTIONS_LOG_VERBOSITY, &quiet);
  bad |= ssh_options_set(session, SSH_OPTIONS_PROCESS_CONFIG, &again);
  return bad == 0 ? P2P_OK : P2P_ERR_INVALID;
}

static bool has_proxy(ssh_session session) {
  char *proxy = NULL;
  bool has = ssh_options_get(session, SSH_OPTIONS_PROXYCOMMAND, &proxy) == SSH_OK && proxy != NULL;
  ssh_string_free_char(proxy);
  return has;
}

/* What libssh understands of ssh_config. `given`: -F. */
static bool parse_config(ssh_session session, const char *given) {
  if (strcmp(given, "none") == 0) return true;
  return ssh_options_parse_config(session, given[0] == '\0' ? NULL : given) == SSH_OK;
}

static bool get_host(ssh_session session, char *out, size_t size) {
  char *host = NULL;
  if (ssh_options_get(session, SSH_OPTIONS_HOST, &host) != SSH_OK) return false;
  snprintf(out, size, "%s", host);
  ssh_string_free_char(host);
  return true;
}

/* What libssh needs of the account of this process. A user id without an entry in passwd, as in a
 * container, has no name: boards identify a user by the key alone, so that any name will do. */
static int apply_account(ssh_session session) {
  char folder[600];
  struct passwd entry, *found = NULL;
  char strings[16384];
  p2p_ssh_file_expand("~/.ssh", folder, sizeof folder);
  int bad = ssh_options_set(session, SSH_OPTIONS_SSH_DIR, folder);
  if (getpwuid_r(getuid(), &entry, strings, sizeof strings, &found) != 0 || found == NULL)
    bad |= ssh_options_set(session, SSH_OPTIONS_USER, "user");
  return bad == 0 ? P2P_OK : P2P_ERR_INVALID;
}

static int configure_session(const struct p2p_ssh_texts *texts, struct p2p_ssh_settings *out,
                             struct p2p_err *err) {
  const struct p2p_address *address = texts->address;
  const char *name = address->host, *given = address->config;
  unsigned int port = 0;
  if (ssh_options_set(out->session, SSH_OPTIONS_HOST, name) != SSH_OK)
    return p2p_err_set(err, P2P_ERR_INVALID, "'%.200s' is not a host name", name);
  int code = apply_account(out->session);
  if (code == P2P_OK && !parse_config(out->session, given))
    return p2p_err_set(err, P2P_ERR_INVALID, "'%.200s' cannot be read for the host '%.200s': %s",
                       given[0] == '\0' ? "~/.ssh/config" : given, name,
                       ssh_get_error(out->session));
  if (code != P2P_OK || apply_config(out->session, texts->config, name) != P2P_OK ||
      apply_address(out->session, address) != P2P_OK)
    return p2p_err_set(err, P2P_ERR_INVALID, "the SSH settings for '%.200s' cannot be used", name);
  if (!get_host(out->session, out->host, sizeof out->host)) return set_memory(err);
  ssh_options_get_port(out->session, &port);
  out->port = port == 0 || port > UINT16_MAX ? 22 : (uint16_t)port;
  return P2P_OK;
}

/* libssh does not read known_hosts: it passes over @revoked, and over lines that it cannot read. A
 * host with several keys shows one that is known, unless HostKeyAlgorithms decides that. */
static int configure_host_keys(const struct p2p_ssh_texts *texts, struct p2p_ssh_settings *out,
                               struct p2p_err *err) {
  char word[64], algorithms[P2P_HOST_KEY_ALGORITHMS_MAX];
  const char *host = texts->address->host;
  int code = p2p_ssh_known_hosts_read(texts, out->host, out->port, &out->known, err);
  if (code != P2P_OK) return code;
  p2p_ssh_known_hosts_file(texts, out->known_hosts);
  int bad = ssh_options_set(out->session, SSH_OPTIONS_KNOWNHOSTS, "/dev/null") |
            ssh_options_set(out->session, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
  p2p_known_hosts_algorithms(out->known, algorithms);
  if (!p2p_ssh_config_find(texts->config, host, "HostKeyAlgorithms", 0, word, sizeof word) &&
      !p2p_ssh_config_find(texts->system, host, "HostKeyAlgorithms", 0, word, sizeof word))
    bad |= ssh_options_set(out->session, SSH_OPTIONS_HOSTKEYS, algorithms);
  return bad == 0 ? P2P_OK : set_memory(err);
}

/* The host name for messages and services, where the program `ssh` connects. */
static void look_up_host(const struct p2p_address *address, char *out, size_t size) {
  ssh_session session = ssh_new();
  bool is_known = session != NULL &&
                  ssh_options_set(session, SSH_OPTIONS_HOST, address->host) == SSH_OK &&
                  apply_account(session) == P2P_OK && parse_config(session, address->config) &&
                  get_host(session, out, size);
  if (!is_known) snprintf(out, size, "%s", address->host);
  ssh_free(session);
}

static void find_agent(const struct p2p_ssh_texts *texts, struct p2p_ssh_agent *out) {
  char path[1024];
  const char *host = texts->address->host;
  bool is_set = p2p_ssh_config_find(texts->config, host, "IdentityAgent", 0, path, sizeof path) ||
                p2p_ssh_config_find(texts->system, host, "IdentityAgent", 0, path, sizeof path);
  p2p_ssh_agent_init(out, is_set ? path : NULL);
}

static int use_texts(const struct p2p_ssh_texts *texts, struct p2p_ssh_settings *out,
                     struct p2p_err *err) {
  const struct p2p_address *address = texts->address;
  out->needs_program = address->by_program ||
                       p2p_ssh_config_needs_program(texts->config, address->host) ||
                       p2p_ssh_known_hosts_are_odd(texts);
  if (out->needs_program) {
    look_up_host(address, out->host, sizeof out->host);
    return P2P_OK;
  }
  out->session = ssh_new();
  if (out->session == NULL) return set_memory(err);
  find_agent(texts, &out->login.agent);
  int code = configure_session(texts, out, err);
  if (code == P2P_OK) code = configure_host_keys(texts, out, err);
  if (code == P2P_OK)
    code = p2p_ssh_login_prepare(&out->login, address, texts->config, out->session, err);
  out->needs_program =
      code == P2P_OK && (has_proxy(out->session) || p2p_known_hosts_needs_certificate(out->known) ||
                         p2p_ssh_login_needs_program(&out->login));
  return code;
}

int p2p_ssh_settings_read(const struct p2p_address *address, struct p2p_ssh_settings *out,
                          struct p2p_err *err) {
  const char *given = address->config;
  char *config, *system = NULL;
  p2p_ssh_settings_init(out);
  int code = p2p_ssh_config_read(given, &config, err);
  if (code != P2P_OK) return code;
  if (config == NULL && given[0] != '\0' && strcmp(given, "none") != 0)
    return p2p_err_set(err, P2P_ERR_INVALID,
                       "the file after -F in the SSH arguments cannot be read: '%.200s'", given);
  if (given[0] == '\0') system = p2p_ssh_config_read_system(); /* -F replaces it */
  const struct p2p_ssh_texts texts = {address, config == NULL ? "" : config,
                                      system == NULL ? "" : system};
  code = use_texts(&texts, out, err);
  free(config);
  free(system);
  return code;
}

void p2p_ssh_settings_clear(struct p2p_ssh_settings *settings) {
  p2p_ssh_login_clear(&settings->login);
  p2p_known_hosts_free(settings->known);
  ssh_free(settings->session);
  p2p_ssh_settings_init(settings);
}
