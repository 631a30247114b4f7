/* The `transit` message, to and from JSON. */
#include "wormhole/hints.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hostport.h"
#include "base/sanitize.h"

#define DIRECT "direct-tcp-v1"
#define RELAY "relay-v1"

/* ---- hosts ---- */

static int set_hint(struct p2p_hint *hint, const char *host, size_t length, long long port) {
  if (strlen(host) != length || !p2p_host_is_valid(host) || port < 1 || port > UINT16_MAX)
    return P2P_ERR_PARSE;
  memset(hint, 0, sizeof *hint);
  memcpy(hint->host, host, length);
  hint->port = (uint16_t)port;
  return P2P_OK;
}

int p2p_hint_parse_relay(const char *text, struct p2p_hint *out, struct p2p_err *err) {
  struct p2p_hostport place;

  if (strncmp(text, "tcp:", 4) == 0 &&
      p2p_hostport_parse(text + 4, strlen(text + 4), &place) == P2P_OK &&
      set_hint(out, place.host, strlen(place.host), place.port) == P2P_OK)
    return P2P_OK;
  return p2p_err_set(err, P2P_ERR_PARSE, "'%.200s' is not a relay address: expected tcp:host:port",
                     text);
}

bool p2p_hint_equal(const struct p2p_hint *a, const struct p2p_hint *b) {
  return a->port == b->port && strcmp(a->host, b->host) == 0;
}

void p2p_hint_name(const struct p2p_hint *hint, char out[P2P_HINT_NAME_MAX]) {
  p2p_hostport_format(hint->host, hint->port, out, P2P_HINT_NAME_MAX);
}

/* ---- from JSON ---- */

static bool has_type(const json_t *object, const char *type) {
  const char *text = json_string_value(json_object_get(object, "type"));
  return text != NULL && strcmp(text, type) == 0;
}

/* Appends a direct-tcp-v1 hint. Ignores other types, and hints beyond the maximum. */
static int add_hint(const json_t *object, struct p2p_hint *hints, size_t *count, size_t max) {
  const json_t *host = json_object_get(object, "hostname"), *port = json_object_get(object, "port");

  if (!json_is_object(object)) return P2P_ERR_PARSE;
  if (!has_type(object, DIRECT) || *count == max) return P2P_OK;
  if (!json_is_string(host) || !json_is_integer(port)) return P2P_ERR_PARSE;
  int code = set_hint(&hints[*count], json_string_value(host), json_string_length(host),
                      json_integer_value(port));
  if (code == P2P_OK) (*count)++;
  return code;
}

static int add_relay(const json_t *object, struct p2p_hints *out) {
  const json_t *list = json_object_get(object, "hints");

  if (!json_is_array(list)) return P2P_ERR_PARSE;
  for (size_t i = 0; i < json_array_size(list); i++) {
    int code = add_hint(json_array_get(list, i), out->relay, &out->n_relay, P2P_HINTS_RELAY_MAX);
    if (code != P2P_OK) return code;
  }
  return P2P_OK;
}

static int parse_transit(const json_t *transit, struct p2p_hints *out) {
  const json_t *abilities = json_object_get(transit, "abilities-v1"),
               *hints = json_object_get(transit, "hints-v1");

  if (!json_is_array(abilities) || !json_is_array(hints)) return P2P_ERR_PARSE;
  for (size_t i = 0; i < json_array_size(abilities); i++) {
    const json_t *ability = json_array_get(abilities, i);
    out->can_direct = out->can_direct || has_type(ability, DIRECT);
    out->can_relay = out->can_relay || has_type(ability, RELAY);
  }
  for (size_t i = 0; i < json_array_size(hints); i++) {
    const json_t *hint = json_array_get(hints, i);
    int code = has_type(hint, RELAY)
                   ? add_relay(hint, out)
                   : add_hint(hint, out->direct, &out->n_direct, P2P_HINTS_DIRECT_MAX);
    if (code != P2P_OK) return code;
  }
  return P2P_OK;
}

int p2p_hints_parse(const char *text, size_t length, struct p2p_hints *out, struct p2p_err *err) {
  struct p2p_hints hints;
  char words[P2P_QUOTE_MAX];

  memset(&hints, 0, sizeof hints);
  json_t *root =
      length <= P2P_HINTS_TEXT_MAX ? json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL) : NULL;
  const json_t *error = json_object_get(root, "error");
  int code = parse_transit(json_object_get(root, "transit"), &hints);
  if (json_is_string(error)) {
    p2p_sanitize(json_string_value(error), json_string_length(error), words, sizeof words);
    code = p2p_err_set(err, P2P_ERR_CANCELED, "the peer gave up: %s", words);
  } else if (code != P2P_OK) {
    p2p_err_set(err, code, "the peer sent a malformed transit message");
  } else {
    *out = hints;
  }
  json_decref(root);
  return code;
}

/* ---- to JSON ---- */

static json_t *hint_json(const struct p2p_hint *hint, double priority) {
  return json_pack("{s:s, s:s, s:i, s:f}", "type", DIRECT, "hostname", hint->host, "port",
                   (int)hint->port, "priority", priority);
}

/* Appends `value` (NULL: out of memory) and takes its reference. */
static void append(json_t *list, json_t *value, bool *is_complete) {
  if (json_array_append_new(list, value) != 0) *is_complete = false;
}

static json_t *abilities_json(const struct p2p_hints *hints, bool *is_complete) {
  json_t *list = json_array();

  if (hints->can_direct) append(list, json_pack("{s:s}", "type", DIRECT), is_complete);
  if (hints->can_relay) append(list, json_pack("{s:s}", "type", RELAY), is_complete);
  return list;
}

static json_t *hints_json(const struct p2p_hints *hints, bool *is_complete) {
  json_t *list = json_array();

  for (size_t i = 0; i < hints->n_direct; i++)
    append(list, hint_json(&hints->direct[i], 0.0), is_complete);
  if (hints->n_relay == 0) return list;
  json_t *relays = json_array();
  for (size_t i = 0; i < hints->n_relay; i++)
    append(relays, hint_json(&hints->relay[i], 2.0), is_complete);
  append(list, json_pack("{s:s, s:o}", "type", RELAY, "hints", relays), is_complete);
  return list;
}

int p2p_hints_format(const struct p2p_hints *hints, char **text) {
  bool is_complete = true;
  json_t *abilities = abilities_json(hints, &is_complete), *list = hints_json(hints, &is_complete);
  json_t *root =
      json_pack("{s:{s:o, s:o}}", "transit", "abilities-v1", abilities, "hints-v1", list);
  char *dumped = is_complete && root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;

  json_decref(root);
  if (dumped == NULL) return P2P_ERR_MEMORY;
  *text = dumped;
  return P2P_OK;
}
