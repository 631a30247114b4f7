/* The command line: words, and flags as --name=value, --name value or --name. */
#include "shell/arguments.h"

#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MAX_S 4e6

struct words {
  int count;
  char *const *at;
};

/* What was said; a NULL was not. */
struct said {
  const char *action, *what;
  const char *text, *code, *path, *mailbox, *relay, *timeout; /* flags with a value */
  const char *verify, *listen, *progress;                     /* flags that may have one */
};

static int usage(struct p2p_err *err, const char *sentence) {
  return p2p_err_set(err, P2P_ERR_INVALID, "%s", sentence);
}

static bool is_flag(const char *word, const char *name, size_t length) {
  return strlen(name) == length && strncmp(word, name, length) == 0;
}

/* The place of a flag's value, and what it is where none is said: NULL for a flag that wants one.
 */
static const char **place_of(struct said *said, const char *name, size_t length,
                             const char **unsaid) {
  const struct {
    const char *name, *unsaid;
    const char **place;
  } flags[] = {{"--text", NULL, &said->text},           {"--code", NULL, &said->code},
               {"--path", NULL, &said->path},           {"--mailbox", NULL, &said->mailbox},
               {"--relay", NULL, &said->relay},         {"--timeout", NULL, &said->timeout},
               {"--verify", "TRUE", &said->verify},     {"--listen", "TRUE", &said->listen},
               {"--no-listen", "FALSE", &said->listen}, {"--progress", "TRUE", &said->progress}};

  for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
    if (is_flag(name, flags[i].name, length)) {
      *unsaid = flags[i].unsaid;
      return flags[i].place;
    }
  }
  return NULL;
}

static int take_flag(struct said *said, struct words *words, const char *word,
                     struct p2p_err *err) {
  const char *equals = strchr(word, '='), *value = NULL;
  size_t length = equals != NULL ? (size_t)(equals - word) : strlen(word);
  const char **place = place_of(said, word, length, &value);

  if (place == NULL)
    return p2p_err_set(err, P2P_ERR_INVALID, "Unknown flag %.*s.", (int)length, word);
  if (*place != NULL)
    return p2p_err_set(err, P2P_ERR_INVALID, "Flag %.*s is given twice.", (int)length, word);
  if (equals != NULL) {
    value = equals + 1;
  } else if (value == NULL && words->count > 0) {
    value = *words->at++;
    words->count--;
  }
  if (value == NULL)
    return p2p_err_set(err, P2P_ERR_INVALID, "Flag %s wants a value: %s=VALUE.", word, word);
  *place = value;
  return P2P_OK;
}

static int take_word(struct said *said, const char *word, struct p2p_err *err) {
  if (said->action == NULL)
    said->action = word;
  else if (said->what == NULL)
    said->what = word;
  else
    return p2p_err_set(err, P2P_ERR_INVALID, "'%s' is one word too many.", word);
  return P2P_OK;
}

/* As R reads them. */
static int to_bool(const char *text, bool unsaid, bool *out, struct p2p_err *err) {
  static const char *const YES[] = {"TRUE", "true", "T", "True"}, *const NO[] = {"FALSE", "false",
                                                                                 "F", "False"};

  *out = unsaid;
  if (text == NULL) return P2P_OK;
  for (size_t i = 0; i < sizeof YES / sizeof YES[0]; i++) {
    if (strcmp(text, YES[i]) == 0 || strcmp(text, NO[i]) == 0) {
      *out = strcmp(text, YES[i]) == 0;
      return P2P_OK;
    }
  }
  return p2p_err_set(err, P2P_ERR_INVALID, "'%s' is neither TRUE nor FALSE.", text);
}

static int to_timeout(const char *text, uint32_t *out, struct p2p_err *err) {
  char *end;

  *out = 600000;
  if (text == NULL) return P2P_OK;
  double seconds = strtod(text, &end);
  if (end == text || *end != '\0' || !(seconds >= 0.001))
    return p2p_err_set(err, P2P_ERR_INVALID, "'%s' is no number of seconds.", text);
  *out = (uint32_t)(1000 * (seconds < TIMEOUT_MAX_S ? seconds : TIMEOUT_MAX_S));
  return P2P_OK;
}

static int to_action(const struct said *said, struct p2p_arguments *out, struct p2p_err *err) {
  if (said->action != NULL && strcmp(said->action, "receive") == 0) {
    out->action = P2P_SHELL_RECEIVE;
    out->code = said->what != NULL ? said->what : said->code;
    return out->code != NULL ? P2P_OK
                             : usage(err, "Say the code that the sender was shown: receive CODE.");
  }
  if (said->action == NULL || strcmp(said->action, "send") != 0)
    return usage(err, "Say 'send' or 'receive'.");
  if ((said->what == NULL) == (said->text == NULL))
    return usage(err, "Say either a file or a text: send FILE, or send --text=TEXT.");
  out->action = P2P_SHELL_SEND;
  return P2P_OK;
}

static int take_all(struct said *said, struct words words, struct p2p_err *err) {
  int code = P2P_OK;

  while (words.count > 0 && code == P2P_OK) {
    const char *word = *words.at++;
    words.count--;
    code = strncmp(word, "--", 2) == 0 ? take_flag(said, &words, word, err)
                                       : take_word(said, word, err);
  }
  return code;
}

static bool is_there(const struct words *words, const char *word) {
  for (int i = 0; i < words->count; i++) {
    if (strcmp(words->at[i], word) == 0) return true;
  }
  return false;
}

int p2p_arguments_parse(int count, char *const words[], struct p2p_arguments *out,
                        struct p2p_err *err) {
  struct words all = {count, words};
  struct said said = {0};

  memset(out, 0, sizeof *out);
  if (is_there(&all, "--help") || (count > 0 && strcmp(words[0], "help") == 0)) return P2P_OK;
  if (is_there(&all, "--version")) {
    out->action = P2P_SHELL_VERSION;
    return P2P_OK;
  }
  int code = take_all(&said, all, err);
  *out = (struct p2p_arguments){.file = said.what,
                                .text = said.text,
                                .code = said.code,
                                .path = said.path,
                                .mailbox = said.mailbox,
                                .relay = said.relay,
                                .has_progress = said.progress != NULL};
  if (code == P2P_OK) code = to_action(&said, out, err);
  if (code == P2P_OK) code = to_bool(said.listen, true, &out->listen, err);
  if (code == P2P_OK) code = to_bool(said.verify, false, &out->verify, err);
  if (code == P2P_OK) code = to_bool(said.progress, false, &out->progress, err);
  return code == P2P_OK ? to_timeout(said.timeout, &out->timeout_ms, err) : code;
}
