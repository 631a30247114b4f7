/* The board's address and ssh_args. No file is opened here. Arguments that are not understood are
 * left to the program `ssh`, all of them: to ignore one could weaken a check. */
#include "board/address.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/sanitize.h"
#include "board/ssh_file.h"
#include "protocol/public_services.h"

#define SSH_PORT 22

/* One argument of a command line, and not an option. */
static bool is_word(const char *text, size_t length) {
  return length > 0 && text[0] != '-' && p2p_is_visible_ascii(text, length);
}

static int copy(char *out, size_t size, const char *text, size_t length) {
  if (length >= size) return P2P_ERR_TOO_LARGE;
  memcpy(out, text, length);
  out[length] = '\0';
  return P2P_OK;
}

static int set_bad_host(const char *host, struct p2p_err *err) {
  return p2p_err_because(err, "host_form",
                         p2p_err_set(err, P2P_ERR_INVALID, "'%.200s' is not a valid host", host));
}

static int parse_host(const char *host, struct p2p_address *out, struct p2p_err *err) {
  const char *name = host, *at = strrchr(host, '@');
  if (at != NULL) {
    if (!is_word(host, (size_t)(at - host)) ||
        copy(out->login, sizeof out->login, host, (size_t)(at - host)) != P2P_OK) {
      return set_bad_host(host, err);
    }
    name = at + 1;
  }

  struct p2p_hostport place;
  if (p2p_hostport_parse(name, strlen(name), &place) != P2P_OK ||
      !is_word(place.host, strlen(place.host)))
    return set_bad_host(host, err);
  memcpy(out->host, place.host, sizeof out->host);
  out->port = place.port;
  return P2P_OK;
}

/* An option that may be given twice keeps its first value, as in OpenSSH; `host` comes first. */
static int set_port(struct p2p_address *out, const char *value, struct p2p_err *err) {
  uint16_t port;
  if (p2p_port_parse(value, strlen(value), &port) != P2P_OK) {
    return p2p_err_set(err, P2P_ERR_INVALID,
                       "'%.80s' in the SSH arguments is not a port between 1 and 65535", value);
  }
  if (out->port == 0) out->port = port;
  return P2P_OK;
}

static int set_login(struct p2p_address *out, const char *value, struct p2p_err *err) {
  if (!is_word(value, strlen(value)) || strlen(value) >= sizeof out->login) {
    return p2p_err_set(err, P2P_ERR_INVALID, "'%.80s' in the SSH arguments is not a login name",
                       value);
  }
  if (out->login[0] != '\0') return P2P_OK;
  return copy(out->login, sizeof out->login, value, strlen(value));
}

static int add_identity(struct p2p_address *out, const char *value, struct p2p_err *err) {
  if (value[0] == '\0' || strlen(value) >= sizeof out->identities[0]) {
    return p2p_err_set(err, P2P_ERR_INVALID,
                       "'%.80s' in the SSH arguments is not the name of an identity file", value);
  }
  if (out->n_identities == P2P_IDENTITIES_MAX) {
    return p2p_err_set(err, P2P_ERR_INVALID, "more than %d identity files in the SSH arguments",
                       P2P_IDENTITIES_MAX);
  }
  return copy(out->identities[out->n_identities++], sizeof out->identities[0], value,
              strlen(value));
}

static int set_identities_only(struct p2p_address *out, const char *value, struct p2p_err *err) {
  bool yes = strcasecmp(value, "yes") == 0;
  if (!yes && strcasecmp(value, "no") != 0) {
    return p2p_err_set(err, P2P_ERR_INVALID,
                       "IdentitiesOnly in the SSH arguments must be 'yes' or 'no', not '%.80s'",
                       value);
  }
  out->identities_only = yes;
  if (!yes) out->by_program = true; /* it overrides ssh_config */
  return P2P_OK;
}

static int set_known_hosts(struct p2p_address *out, const char *value, struct p2p_err *err) {
  if (value[0] == '\0' || strlen(value) >= sizeof out->known_hosts) {
    return p2p_err_set(err, P2P_ERR_INVALID,
                       "'%.80s' in the SSH arguments is not the name of a known_hosts file", value);
  }
  if (out->known_hosts[0] != '\0') return P2P_OK;
  if (!p2p_ssh_file_is_plain(value)) out->by_program = true;
  return copy(out->known_hosts, sizeof out->known_hosts, value, strlen(value));
}

/* Nobody is asked, so that "ask" is the same as "yes". */
static int set_strict(struct p2p_address *out, const char *value, struct p2p_err *err) {
  (void)out;
  if (strcasecmp(value, "yes") == 0 || strcasecmp(value, "ask") == 0) return P2P_OK;
  return p2p_err_because(
      err, "strict_host_key",
      p2p_err_set(err, P2P_ERR_INVALID,
                  "StrictHostKeyChecking in the SSH arguments must be 'yes' or 'ask', not '%.80s'",
                  value));
}

/* "Key=value" or "Key value", as in OpenSSH. */
static int set_option(struct p2p_address *out, const char *option, struct p2p_err *err) {
  static const struct {
    const char *name;
    int (*set)(struct p2p_address *out, const char *value, struct p2p_err *err);
  } options[] = {
      {"Port", set_port},
      {"User", set_login},
      {"IdentityFile", add_identity},
      {"IdentitiesOnly", set_identities_only},
      {"StrictHostKeyChecking", set_strict},
      {"UserKnownHostsFile", set_known_hosts},
  };
  size_t length = strcspn(option, "= ");
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
    if (strlen(options[i].name) != length || strncasecmp(options[i].name, option, length) != 0)
      continue;
    const char *value = option + length;
    value += strspn(value, " ");
    if (*value == '=') value++;
    value += strspn(value, " ");
    return options[i].set(out, value, err);
  }
  out->by_program = true;
  return P2P_OK;
}

static int set_config(struct p2p_address *out, const char *value, struct p2p_err *err) {
  if (value[0] != '\0' && copy(out->config, sizeof out->config, value, strlen(value)) == P2P_OK)
    return P2P_OK;
  return p2p_err_set(err, P2P_ERR_INVALID, "'%.80s' in the SSH arguments is not the name of a file",
                     value);
}

static int set_argument(struct p2p_address *out, char letter, const char *value,
                        struct p2p_err *err) {
  switch (letter) {
  case 'i': return add_identity(out, value, err);
  case 'p': return set_port(out, value, err);
  case 'l': return set_login(out, value, err);
  case 'o': return set_option(out, value, err);
  case 'F': return set_config(out, value, err);
  default: out->by_program = true; return P2P_OK;
  }
}

static int keep_args(const char *const *args, size_t n_args, struct p2p_address *out,
                     struct p2p_err *err) {
  size_t used = 0;
  if (n_args > P2P_SSH_ARGS_MAX)
    return p2p_err_set(err, P2P_ERR_INVALID, "more than %d SSH arguments", P2P_SSH_ARGS_MAX);
  for (size_t i = 0; i < n_args; i++) {
    size_t length = strlen(args[i]) + 1;
    if (length > sizeof out->args - used)
      return p2p_err_set(err, P2P_ERR_INVALID, "the SSH arguments are longer than %d bytes",
                         P2P_SSH_ARGS_BYTES_MAX);
    memcpy(out->args + used, args[i], length);
    used += length;
  }
  out->n_args = n_args;
  return P2P_OK;
}

static int parse_args(const char *const *args, size_t n_args, struct p2p_address *out,
                      struct p2p_err *err) {
  for (size_t i = 0; i < n_args; i++) {
    const char *arg = args[i];
    bool is_flag =
        arg[0] == '-' && arg[1] != '\0' && arg[2] == '\0' && strchr("46C", arg[1]) != NULL;
    if (is_flag) {
      out->by_program = true;
      continue;
    }
    if (arg[0] != '-' || arg[1] == '\0' || strchr("iploJFBbcm", arg[1]) == NULL) {
      return p2p_err_because(
          err, "ssh_argument",
          p2p_err_set(err, P2P_ERR_INVALID, "'%.120s' is not supported in the SSH arguments", arg));
    }
    const char *value = arg + 2;
    if (*value == '\0') {
      if (++i == n_args) {
        return p2p_err_set(err, P2P_ERR_INVALID,
                           "a value is missing after '%s' in the SSH arguments", arg);
      }
      value = args[i];
    }
    int code = set_argument(out, arg[1], value, err);
    if (code != P2P_OK) return code;
  }
  return keep_args(args, n_args, out, err);
}

int p2p_address_parse(const char *host, const char *const *ssh_args, size_t n_ssh_args,
                      struct p2p_address *out, struct p2p_err *err) {
  struct p2p_address address = {0};
  int code = parse_host(host == NULL ? P2P_PUBLIC_BOARD : host, &address, err);
  if (code == P2P_OK) code = parse_args(ssh_args, n_ssh_args, &address, err);
  if (code == P2P_OK) *out = address;
  return code;
}

void p2p_address_board(const struct p2p_address *address, char out[P2P_HOSTPORT_TEXT_MAX]) {
  uint16_t port = address->port == 0 ? SSH_PORT : address->port;
  p2p_hostport_format(address->host, port, out, P2P_HOSTPORT_TEXT_MAX);
}

bool p2p_address_may_vouch(const struct p2p_address *address) {
  return strcasecmp(address->host, P2P_PUBLIC_BOARD) != 0;
}

void p2p_address_account_host(const struct p2p_address *address, char *out, size_t size) {
  bool is_public = strcasecmp(address->host, P2P_PUBLIC_BOARD) == 0;
  snprintf(out, size, "%s", is_public ? P2P_PUBLIC_BOARD_ACCOUNTS : address->host);
}
