/* Parses the command of an SSH exec request: a verb, at most one topic, and flags in any order, as
 * Go's flag package reads them (`-a x`, `-a=x`, `--a x`, `-r`, `-b=false`). */
#include "server/board_command.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/sanitize.h"
#include "protocol/member_name.h"

static const struct {
  const char *word;
  enum p2p_board_verb verb;
} verbs[] = {
    {"help", P2P_BOARD_HELP},         {"ls", P2P_BOARD_LS},       {"user", P2P_BOARD_USER},
    {"services", P2P_BOARD_SERVICES}, {"users", P2P_BOARD_USERS}, {"pipe", P2P_BOARD_PIPE},
    {"pub", P2P_BOARD_PUB},           {"sub", P2P_BOARD_SUB},     {"attest", P2P_BOARD_ATTEST},
    {"attested", P2P_BOARD_ATTESTED},
};

const char *p2p_board_command_help(void) {
  return "Message board of future.p2p\r\n"
         "\r\n"
         "Commands:\r\n"
         "  pipe TOPIC   read and write a topic: messages go to all other members\r\n"
         "  pub TOPIC    only write\r\n"
         "  sub TOPIC    only read\r\n"
         "  ls           list the topics in your own namespace\r\n"
         "  user         print your user name\r\n"
         "  services     print the addresses of this server's mailbox and relay\r\n"
         "  users NAMES  print which of these users, separated by commas, have no account\r\n"
         "  attest KEY   say that you have this device key, while you are connected\r\n"
         "  attested KEY print which connected users have attested this device key\r\n"
         "  help         print this text\r\n"
         "\r\n"
         "Flags of pipe, pub and sub:\r\n"
         "  -a USERS     users and key fingerprints, separated by commas, who may join "
         "your topic\r\n"
         "  -p           public topic: everybody may join\r\n"
         "  -d METHOD    multicast (default): to all members; round_robin: to each in turn\r\n"
         "  -r           pipe: send your own messages back to you\r\n"
         "  -b=false     pub: do not wait for a reader\r\n"
         "  -e           pub: send nothing, only wait for a reader\r\n"
         "  -t TIME      pub: how long to wait for a reader, such as 10s or 5m\r\n"
         "  -k           sub: stay when the last writer leaves\r\n";
}

static int parse_bool(const char *value, bool *out) {
  if (value == NULL || strcmp(value, "true") == 0 || strcmp(value, "1") == 0)
    *out = true;
  else if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
    *out = false;
  else
    return P2P_ERR_INVALID;
  return P2P_OK;
}

/* "10s", "500ms", "2m", "1h"; "0": without limit. */
static int parse_duration(const char *value, uint32_t *out_ms) {
  static const struct {
    const char *unit;
    uint64_t ms;
  } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
  uint64_t number = 0;
  const char *at = value;
  for (; *at >= '0' && *at <= '9'; at++) {
    number = number * 10 + (uint64_t)(*at - '0');
    if (number > P2P_BOARD_READER_WAIT_MAX_MS) return P2P_ERR_INVALID;
  }
  if (at == value) return P2P_ERR_INVALID;
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
    if (strcmp(at, units[i].unit) != 0) continue;
    if (number * units[i].ms > P2P_BOARD_READER_WAIT_MAX_MS) return P2P_ERR_INVALID;
    *out_ms = (uint32_t)(number * units[i].ms);
    return P2P_OK;
  }
  if (number != 0 || *at != '\0') return P2P_ERR_INVALID;
  *out_ms = 0;
  return P2P_OK;
}

static int parse_access(struct p2p_board_command *command, const char *value) {
  if (!p2p_is_visible_ascii(value, strlen(value))) return P2P_ERR_INVALID;
  char *copy = strdup(value);
  if (copy == NULL) return P2P_ERR_MEMORY;
  free(command->access);
  command->access = copy;
  return P2P_OK;
}

static int parse_dispatch(struct p2p_board_command *command, const char *value) {
  command->round_robin = strcmp(value, "round_robin") == 0;
  return command->round_robin || strcmp(value, "multicast") == 0 ? P2P_OK : P2P_ERR_INVALID;
}

/* `value` is the text after '=', or NULL; then flags that need a value take the next word. */
static int parse_flag(struct p2p_board_command *command, const char *name, const char *value,
                      char **rest) {
  bool is_clean; /* -c suppresses status lines: this board prints none */
  if (name[0] == '\0' || name[1] != '\0') return P2P_ERR_INVALID;
  if (strchr("adt", name[0]) != NULL && value == NULL &&
      (value = strtok_r(NULL, " \t", rest)) == NULL)
    return P2P_ERR_INVALID;
  switch (name[0]) {
  case 'a': return parse_access(command, value);
  case 'b': return parse_bool(value, &command->wait_for_reader);
  case 'c': return parse_bool(value, &is_clean);
  case 'd': return parse_dispatch(command, value);
  case 'e': return parse_bool(value, &command->is_empty);
  case 'k': return parse_bool(value, &command->keep_alive);
  case 'p': return parse_bool(value, &command->is_public);
  case 'r': return parse_bool(value, &command->replay);
  case 't': return parse_duration(value, &command->timeout_ms);
  default: return P2P_ERR_INVALID;
  }
}

static int parse_flag_word(struct p2p_board_command *command, char *word, char **rest,
                           struct p2p_err *err) {
  char *name = word + (word[1] == '-' ? 2 : 1), *equals = strchr(name, '=');
  if (equals != NULL) *equals = '\0';
  int code = parse_flag(command, name, equals == NULL ? NULL : equals + 1, rest);
  if (code == P2P_ERR_INVALID)
    p2p_err_set(err, code, "flag '-%.16s' is unknown or has an invalid value", name);
  else if (code != P2P_OK)
    p2p_err_set(err, code, "out of memory");
  return code;
}

static int parse_topic(struct p2p_board_command *command, const char *word, struct p2p_err *err) {
  size_t length = strlen(word);
  if (command->topic[0] != '\0') return p2p_err_set(err, P2P_ERR_INVALID, "more than one topic");
  if (length > P2P_BOARD_TOPIC_MAX || !p2p_is_visible_ascii(word, length) || word[0] == '/')
    return p2p_err_set(
        err, P2P_ERR_INVALID,
        "a topic has at most %d printable ASCII characters and does not start with '/'",
        P2P_BOARD_TOPIC_MAX);
  memcpy(command->topic, word, length + 1);
  return P2P_OK;
}

static int parse_names(struct p2p_board_command *command, char *word, const char *more,
                       struct p2p_err *err) {
  size_t n = 0;
  bool is_valid = word != NULL && more == NULL;
  for (const char *at = word; is_valid && at != NULL; n++) {
    size_t length = strcspn(at, ",");
    is_valid = p2p_user_name_is_valid(at, length);
    at = at[length] == ',' ? at + length + 1 : NULL;
  }
  if (!is_valid || n > P2P_BOARD_NAMES_MAX)
    return p2p_err_set(err, P2P_ERR_INVALID,
                       "'users' takes at most %d names of users, separated by commas",
                       P2P_BOARD_NAMES_MAX);
  command->names = strdup(word);
  return command->names != NULL ? P2P_OK : p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
}

static int parse_key(struct p2p_board_command *command, const char *word, const char *more,
                     struct p2p_err *err) {
  if (word != NULL && more == NULL &&
      p2p_base64url_decode_exactly(word, strlen(word), command->key, sizeof command->key))
    return P2P_OK;
  return p2p_err_set(err, P2P_ERR_INVALID, "'%s' takes a device key: 43 characters of base64url",
                     command->verb == P2P_BOARD_ATTEST ? "attest" : "attested");
}

static int parse_words(struct p2p_board_command *command, char *text, struct p2p_err *err) {
  char *rest, *word = strtok_r(text, " \t", &rest);
  for (size_t i = 0; word != NULL && i < sizeof verbs / sizeof verbs[0]; i++)
    if (strcmp(word, verbs[i].word) == 0) command->verb = verbs[i].verb;
  if (command->verb < P2P_BOARD_USERS) return P2P_OK;
  if (command->verb < P2P_BOARD_PIPE) {
    word = strtok_r(NULL, " \t", &rest);
    const char *more = word == NULL ? NULL : strtok_r(NULL, " \t", &rest);
    return command->verb == P2P_BOARD_USERS ? parse_names(command, word, more, err)
                                            : parse_key(command, word, more, err);
  }
  command->wait_for_reader = command->verb == P2P_BOARD_PUB;
  while ((word = strtok_r(NULL, " \t", &rest)) != NULL) {
    int code = word[0] == '-' ? parse_flag_word(command, word, &rest, err)
                              : parse_topic(command, word, err);
    if (code != P2P_OK) return code;
  }
  if (command->topic[0] == '\0') return p2p_err_set(err, P2P_ERR_INVALID, "no topic");
  if (command->verb != P2P_BOARD_PUB) command->wait_for_reader = false;
  return P2P_OK;
}

int p2p_board_command_parse(const char *text, struct p2p_board_command *out, struct p2p_err *err) {
  struct p2p_board_command command = {.verb = P2P_BOARD_HELP};
  if (strlen(text) > P2P_BOARD_COMMAND_MAX)
    return p2p_err_set(err, P2P_ERR_INVALID, "the command is longer than %d bytes",
                       P2P_BOARD_COMMAND_MAX);
  char *copy = strdup(text);
  if (copy == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  int code = parse_words(&command, copy, err);
  free(copy);
  if (code == P2P_OK)
    *out = command;
  else
    p2p_board_command_clear(&command);
  return code;
}

void p2p_board_command_clear(struct p2p_board_command *command) {
  free(command->access);
  free(command->names);
  command->access = command->names = NULL;
}
