/* The command line: a command, its operand, and options as --name=value, --name value or --name. */
#include "shell/arguments.h"

#include <stdlib.h>
#include <string.h>

#define TIMEOUT_DEFAULT_MS 600000
#define TIMEOUT_MAX_S 4e6

/* The arguments that are left. */
struct arguments {
  int count;
  char *const *argv;
};

/* The values that were given; NULL if not. */
struct values {
  const char *command, *operand;
  const char *text, *code, *path, *timeout; /* options that need a value */
  const char *host, *ssh_args, *mailbox, *relay;
  const char *verify, *listen, *progress; /* options that may have a value */
};

/* ---- similar names ---- */

/* Whether a and b differ at one place, by at most two characters, or `a` is the beginning of b. */
static bool is_similar(const char *a, size_t length, const char *b) {
  size_t other = strlen(b), shorter = length < other ? length : other, start = 0, end = 0;
  while (start < shorter && a[start] == b[start]) start++;
  while (end < shorter - start && a[length - 1 - end] == b[other - 1 - end]) end++;
  size_t same = start + end;
  if (same < (b[0] == '-' ? 4 : 2)) return false; /* the two dashes of options do not count */
  return start == length || (length - same <= 2 && other - same <= 2);
}

static int set_unknown_option(const char *name, size_t length, const char *similar,
                              struct p2p_err *err) {
  return p2p_err_set(err, P2P_ERR_INVALID, "unknown option %.*s%s%s%s", (int)length, name,
                     similar == NULL ? "" : "; did you mean ", similar == NULL ? "" : similar,
                     similar == NULL ? "" : "?");
}

/* ---- options ---- */

/* Finds where to store the value of an option. *implied: its value if none is given; NULL if it
 * needs one. NULL for an unknown option; *similar is then the name of a similar one, or NULL. */
static const char **find_option(struct values *values, const char *name, size_t length,
                                const char **implied, const char **similar) {
  const struct {
    const char *name, *implied;
    const char **value;
  } options[] = {
      {"--text", NULL, &values->text},           {"--code", NULL, &values->code},
      {"--path", NULL, &values->path},           {"--mailbox", NULL, &values->mailbox},
      {"--host", NULL, &values->host},           {"--ssh-args", NULL, &values->ssh_args},
      {"--relay", NULL, &values->relay},         {"--timeout", NULL, &values->timeout},
      {"--verify", "TRUE", &values->verify},     {"--listen", "TRUE", &values->listen},
      {"--no-listen", "FALSE", &values->listen}, {"--progress", "TRUE", &values->progress}};

  *similar = NULL;
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
    if (*similar == NULL && is_similar(name, length, options[i].name)) *similar = options[i].name;
    if (strlen(options[i].name) != length || strncmp(name, options[i].name, length) != 0) continue;
    *implied = options[i].implied;
    return options[i].value;
  }
  return NULL;
}

static int parse_option(struct values *values, struct arguments *rest, const char *argument,
                        struct p2p_err *err) {
  const char *equals = strchr(argument, '='), *value = NULL, *similar;
  size_t length = equals != NULL ? (size_t)(equals - argument) : strlen(argument);
  const char **place = find_option(values, argument, length, &value, &similar);

  if (place == NULL) return set_unknown_option(argument, length, similar, err);
  if (*place != NULL)
    return p2p_err_set(err, P2P_ERR_INVALID, "option %.*s was given twice", (int)length, argument);
  if (equals != NULL) {
    value = equals + 1;
  } else if (value == NULL && rest->count > 0) {
    value = *rest->argv++;
    rest->count--;
  }
  if (value == NULL)
    return p2p_err_set(err, P2P_ERR_INVALID, "option %s requires a value", argument);
  *place = value;
  return P2P_OK;
}

static int parse_operand(struct values *values, const char *argument, struct p2p_err *err) {
  if (values->command == NULL)
    values->command = argument;
  else if (values->operand == NULL)
    values->operand = argument;
  else
    return p2p_err_set(err, P2P_ERR_INVALID, "unexpected argument '%s'", argument);
  return P2P_OK;
}

static int parse_all(struct values *values, struct arguments rest, struct p2p_err *err) {
  int code = P2P_OK;

  while (rest.count > 0 && code == P2P_OK) {
    const char *argument = *rest.argv++;
    rest.count--;
    code = strncmp(argument, "--", 2) == 0 ? parse_option(values, &rest, argument, err)
                                           : parse_operand(values, argument, err);
  }
  return code;
}

/* ---- values ---- */

/* As R spells them. */
static int parse_bool(const char *option, const char *text, bool *out, struct p2p_err *err) {
  static const char *const YES[] = {"TRUE", "true", "T", "True"}, *const NO[] = {"FALSE", "false",
                                                                                 "F", "False"};

  if (text == NULL) return P2P_OK;
  for (size_t i = 0; i < sizeof YES / sizeof YES[0]; i++) {
    if (strcmp(text, YES[i]) == 0 || strcmp(text, NO[i]) == 0) {
      *out = strcmp(text, YES[i]) == 0;
      return P2P_OK;
    }
  }
  return p2p_err_set(err, P2P_ERR_INVALID, "invalid value '%s' for %s: expected TRUE or FALSE",
                     text, option);
}

static int parse_timeout(const char *text, uint32_t *out, struct p2p_err *err) {
  char *end;

  if (text == NULL) return P2P_OK;
  double seconds = strtod(text, &end);
  if (end == text || *end != '\0' || !(seconds >= 0.001))
    return p2p_err_set(err, P2P_ERR_INVALID,
                       "invalid value '%s' for --timeout: expected a number of seconds", text);
  *out = (uint32_t)(1000 * (seconds < TIMEOUT_MAX_S ? seconds : TIMEOUT_MAX_S));
  return P2P_OK;
}

static int parse_receive(const struct values *values, struct p2p_arguments *out,
                         struct p2p_err *err) {
  if (values->text != NULL)
    return p2p_err_set(err, P2P_ERR_INVALID, "option --text is for send only");
  if (values->operand != NULL && values->code != NULL)
    return p2p_err_set(err, P2P_ERR_INVALID, "the code was given twice");
  out->command = P2P_COMMAND_RECEIVE;
  out->code = values->operand != NULL ? values->operand : values->code;
  return out->code != NULL ? P2P_OK : p2p_err_set(err, P2P_ERR_INVALID, "missing code");
}

static int set_unknown_command(const char *command, struct p2p_err *err) {
  static const char *const commands[] = {"send", "receive", "help"};
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
    if (is_similar(command, strlen(command), commands[i]))
      return p2p_err_set(err, P2P_ERR_INVALID, "unknown command '%s'; did you mean %s?", command,
                         commands[i]);
  return p2p_err_set(err, P2P_ERR_INVALID, "unknown command '%s': expected send or receive",
                     command);
}

static int parse_command(const struct values *values, struct p2p_arguments *out,
                         struct p2p_err *err) {
  const char *command = values->command;

  if (command == NULL)
    return p2p_err_set(err, P2P_ERR_INVALID, "missing command: expected send or receive");
  if (strcmp(command, "receive") == 0) return parse_receive(values, out, err);
  if (strcmp(command, "send") != 0) return set_unknown_command(command, err);
  if ((values->operand == NULL) == (values->text == NULL))
    return p2p_err_set(err, P2P_ERR_INVALID, "expected either a file or --text");
  if (values->path != NULL)
    return p2p_err_set(err, P2P_ERR_INVALID, "option --path is for receive only");
  out->command = P2P_COMMAND_SEND;
  return P2P_OK;
}

/* ---- the command line ---- */

static bool contains(const struct arguments *arguments, const char *text) {
  for (int i = 0; i < arguments->count; i++)
    if (strcmp(arguments->argv[i], text) == 0) return true;
  return false;
}

int p2p_arguments_parse(int count, char *const argv[], struct p2p_arguments *out,
                        struct p2p_err *err) {
  struct arguments all = {count, argv};
  struct values values = {0};

  *out = (struct p2p_arguments){.command = P2P_COMMAND_HELP};
  if (contains(&all, "--help") || (count > 0 && strcmp(argv[0], "help") == 0)) return P2P_OK;
  out->command = P2P_COMMAND_VERSION;
  if (contains(&all, "--version")) return P2P_OK;
  int code = parse_all(&values, all, err);
  *out = (struct p2p_arguments){.file = values.operand,
                                .text = values.text,
                                .code = values.code,
                                .path = values.path,
                                .host = values.host,
                                .ssh_args = values.ssh_args,
                                .mailbox = values.mailbox,
                                .relay = values.relay,
                                .listen = true,
                                .has_progress = values.progress != NULL,
                                .timeout_ms = TIMEOUT_DEFAULT_MS};
  if (code == P2P_OK) code = parse_command(&values, out, err);
  if (code == P2P_OK) code = parse_bool("--listen", values.listen, &out->listen, err);
  if (code == P2P_OK) code = parse_bool("--verify", values.verify, &out->verify, err);
  if (code == P2P_OK) code = parse_bool("--progress", values.progress, &out->progress, err);
  return code == P2P_OK ? parse_timeout(values.timeout, &out->timeout_ms, err) : code;
}
