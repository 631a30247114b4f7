/* How to log in on a board. libssh reads ssh_config; what it passes over, or reads otherwise than
 * OpenSSH, is found by ssh_config.c. */
#include "board/ssh_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board/ssh_config.h"

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
  } known[] = {{"Port", SSH_OPTIONS_PORT_STR},
               {"User", SSH_OPTIONS_USER},
               {"UserKnownHostsFile", SSH_OPTIONS_KNOWNHOSTS}};
  char value[1024];
  int bad = 0;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (p2p_ssh_config_find(config, host, known[i].keyword, 0, value, sizeof value))
      bad |= ssh_options_set(session, known[i].option, value);
  return bad == 0 ? P2P_OK : P2P_ERR_INVALID;
}

/* ssh_args win over ssh_config. */
static int apply_address(ssh_session session, const struct p2p_address *address) {
  int strict = 1, quiet = SSH_LOG_NOLOG, bad = 0;
  bool again = false;
  unsigned int port = address->port;
  if (port != 0) bad |= ssh_options_set(session, SSH_OPTIONS_PORT, &port);
  if (address->login[0] != '\0') bad |= ssh_options_set(session, SSH_OPTIONS_USER, address->login);
  if (address->known_hosts[0] != '\0')
    bad |= ssh_options_set(session, SSH_OPTIONS_KNOWNHOSTS, address->known_hosts);
  /* An unknown host key is never accepted silently, whatever ssh_config says. */
  bad |= ssh_options_set(session, SSH_OPTIONS_STRICTHOSTKEYCHECK, &strict);
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

static int configure_session(const struct p2p_address *address, const char *config,
                             struct p2p_ssh_settings *out, struct p2p_err *err) {
  const char *name = address->host, *given = address->config;
  unsigned int port = 0;
  if (ssh_options_set(out->session, SSH_OPTIONS_HOST, name) != SSH_OK)
    return p2p_err_set(err, P2P_ERR_INVALID, "'%.200s' is not a host name", name);
  if (!parse_config(out->session, given))
    return p2p_err_set(err, P2P_ERR_INVALID, "'%.200s' cannot be read for the host '%.200s': %s",
                       given[0] == '\0' ? "~/.ssh/config" : given, name,
                       ssh_get_error(out->session));
  if (apply_config(out->session, config, name) != P2P_OK ||
      apply_address(out->session, address) != P2P_OK)
    return p2p_err_set(err, P2P_ERR_INVALID, "the SSH settings for '%.200s' cannot be used", name);
  if (!get_host(out->session, out->host, sizeof out->host)) return set_memory(err);
  ssh_options_get_port(out->session, &port);
  out->port = port == 0 || port > UINT16_MAX ? 22 : (uint16_t)port;
  return P2P_OK;
}

/* The host name for messages and services, where the program `ssh` connects. */
static void look_up_host(const struct p2p_address *address, char *out, size_t size) {
  ssh_session session = ssh_new();
  bool is_known = session != NULL &&
                  ssh_options_set(session, SSH_OPTIONS_HOST, address->host) == SSH_OK &&
                  parse_config(session, address->config) && get_host(session, out, size);
  if (!is_known) snprintf(out, size, "%s", address->host);
  ssh_free(session);
}

/* The system's file counts unless -F was given. */
static void find_agent(const struct p2p_address *address, const char *config,
                       struct p2p_ssh_agent *out) {
  char path[1024];
  bool is_set = p2p_ssh_config_find(config, address->host, "IdentityAgent", 0, path, sizeof path);
  char *system = is_set || address->config[0] != '\0' ? NULL : p2p_ssh_config_read_system();
  if (system != NULL)
    is_set = p2p_ssh_config_find(system, address->host, "IdentityAgent", 0, path, sizeof path);
  free(system);
  p2p_ssh_agent_init(out, is_set ? path : NULL);
}

static int read_files(const struct p2p_address *address, const char *config,
                      struct p2p_ssh_settings *out, struct p2p_err *err) {
  out->needs_program = p2p_ssh_config_needs_program(config, address->host);
  if (out->needs_program) return P2P_OK;
  out->session = ssh_new();
  if (out->session == NULL) return set_memory(err);
  find_agent(address, config, &out->login.agent);
  int code = configure_session(address, config, out, err);
  if (code == P2P_OK) code = p2p_ssh_login_prepare(&out->login, address, config, out->session, err);
  out->needs_program =
      code == P2P_OK && (has_proxy(out->session) || p2p_ssh_login_needs_program(&out->login));
  return code;
}

int p2p_ssh_settings_read(const struct p2p_address *address, struct p2p_ssh_settings *out,
                          struct p2p_err *err) {
  const char *given = address->config;
  int code = P2P_OK;
  p2p_ssh_settings_init(out);
  out->needs_program = true;
  if (!address->by_program) {
    char *text = p2p_ssh_config_read(given);
    if (text == NULL && given[0] != '\0' && strcmp(given, "none") != 0)
      return p2p_err_set(err, P2P_ERR_INVALID,
                         "the file after -F in ssh_args cannot be read: '%.200s'", given);
    code = read_files(address, text == NULL ? "" : text, out, err);
    free(text);
  }
  if (code == P2P_OK && out->needs_program) look_up_host(address, out->host, sizeof out->host);
  return code;
}

void p2p_ssh_settings_clear(struct p2p_ssh_settings *settings) {
  p2p_ssh_login_clear(&settings->login);
  ssh_free(settings->session);
  p2p_ssh_settings_init(settings);
}
