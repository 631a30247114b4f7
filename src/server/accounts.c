/* The accounts of a board: parses lines of `name type base64 [comment]` and finds the user of a
 * key. A key must decode, and its blob must have the type that the line names: a key that was cut
 * when it was copied is refused when the file is read. Otherwise its owner would be taken for a
 * user without an account. */
#include "server/accounts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "protocol/member_name.h"
#include "protocol/public_key.h"
#include "server/limits.h"

struct account_key {
  char *words; /* owned: user, type and base64, each with its NUL */
  const char *user, *type, *base64;
};

struct p2p_accounts {
  struct account_key *keys;
  size_t n_keys;
};

struct word {
  const char *start;
  size_t length;
};

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static struct word next_word(const char **at, const char *end) {
  while (*at < end && is_blank(**at)) (*at)++;
  struct word word = {*at, 0};
  while (*at < end && !is_blank(**at)) (*at)++;
  word.length = (size_t)(*at - word.start);
  return word;
}

/* All keys without an account are the user `public`. */
static bool name_is_valid(struct word name) {
  return p2p_user_name_is_valid(name.start, name.length) &&
         !(name.length == 6 && memcmp(name.start, "public", 6) == 0);
}

static bool key_is_valid(struct word type, struct word base64) {
  uint8_t blob[P2P_ACCOUNTS_LINE_MAX];
  size_t length;
  return p2p_base64_decode(base64.start, base64.length, blob, sizeof blob, &length) == P2P_OK &&
         p2p_public_key_is_whole(blob, length, P2P_SPAN(type.start, type.length));
}

/* Clients prove that they have a key, not that they have its certificate. */
static bool is_certificate(struct word type) {
  static const char end[] = "-cert-v01@openssh.com";
  size_t length = sizeof end - 1;
  return type.length > length && memcmp(type.start + type.length - length, end, length) == 0;
}

static char *copy_word(char *to, struct word word) {
  memcpy(to, word.start, word.length);
  to[word.length] = '\0';
  return to + word.length + 1;
}

static int add_key(struct p2p_accounts *accounts, struct word name, struct word type,
                   struct word base64) {
  struct account_key *keys = realloc(accounts->keys, (accounts->n_keys + 1) * sizeof *keys);
  if (keys == NULL) return P2P_ERR_MEMORY;
  accounts->keys = keys;
  char *words = malloc(name.length + type.length + base64.length + 3);
  if (words == NULL) return P2P_ERR_MEMORY;
  struct account_key *key = &accounts->keys[accounts->n_keys++];
  key->words = words;
  key->user = words;
  key->type = copy_word(words, name);
  key->base64 = copy_word(words + name.length + 1, type);
  copy_word(words + name.length + type.length + 2, base64);
  return P2P_OK;
}

/* One word per way in which a line can be wrong. */
static int check_line(const struct p2p_accounts *accounts, struct word name, struct word type,
                      struct word base64, struct p2p_err *err) {
  if (!name_is_valid(name))
    return p2p_err_because(
        err, "user_name", p2p_err_set(err, P2P_ERR_PARSE, "does not start with a valid user name"));
  if (is_certificate(type))
    return p2p_err_because(err, "user_key",
                           p2p_err_set(err, P2P_ERR_PARSE,
                                       "has a certificate instead of the public key of '%.*s'",
                                       (int)name.length, name.start));
  if (!key_is_valid(type, base64))
    return p2p_err_because(err, "user_key",
                           p2p_err_set(err, P2P_ERR_PARSE, "has no valid public key for '%.*s'",
                                       (int)name.length, name.start));
  if (accounts->n_keys >= P2P_ACCOUNTS_KEYS_MAX)
    return p2p_err_set(err, P2P_ERR_PARSE, "has one key more than the limit of %d",
                       P2P_ACCOUNTS_KEYS_MAX);
  return P2P_OK;
}

static int parse_line(struct p2p_accounts *accounts, const char *start, const char *end,
                      struct p2p_err *err) {
  const char *at = start;
  struct word name = next_word(&at, end), type = next_word(&at, end), base64 = next_word(&at, end);
  if (name.length == 0 || name.start[0] == '#') return P2P_OK;
  if (end - start > P2P_ACCOUNTS_LINE_MAX)
    return p2p_err_set(err, P2P_ERR_PARSE, "is longer than %d bytes", P2P_ACCOUNTS_LINE_MAX);
  int code = check_line(accounts, name, type, base64, err);
  if (code != P2P_OK) return code;
  if (add_key(accounts, name, type, base64) != P2P_OK)
    return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  const struct account_key *added = &accounts->keys[accounts->n_keys - 1];
  const char *owner = p2p_accounts_find(accounts, added->type, added->base64);
  if (strcmp(owner, added->user) == 0) return P2P_OK;
  return p2p_err_because(
      err, "user_key_shared",
      p2p_err_set(err, P2P_ERR_PARSE, "gives '%s' a key that belongs to '%s'", added->user, owner));
}

/* The message of parse_line, after the number of the line. */
static int name_line(size_t number, int code, struct p2p_err *err) {
  if (code != P2P_ERR_PARSE || err == NULL) return code;
  const char *reason = err->reason;
  p2p_err_set(err, code, "line %zu of the users %s", number, err->message);
  return p2p_err_because(err, reason, code);
}

int p2p_accounts_parse(const char *text, size_t length, struct p2p_accounts **out,
                       struct p2p_err *err) {
  if (length > P2P_ACCOUNTS_TEXT_MAX)
    return p2p_err_set(err, P2P_ERR_PARSE, "the users are longer than %d bytes",
                       P2P_ACCOUNTS_TEXT_MAX);
  struct p2p_accounts *accounts = calloc(1, sizeof *accounts);
  if (accounts == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  const char *at = text, *end = text + length;
  for (size_t number = 1; at < end; number++) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    const char *line_end = newline == NULL ? end : newline;
    int code = parse_line(accounts, at, line_end, err);
    if (code != P2P_OK) {
      p2p_accounts_free(accounts);
      return name_line(number, code, err);
    }
    at = newline == NULL ? end : newline + 1;
  }
  *out = accounts;
  return P2P_OK;
}

int p2p_accounts_read(const char *path, struct p2p_accounts **out, struct p2p_err *err) {
  FILE *file = fopen(path, "re");
  if (file == NULL)
    return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot open the users file '%s': %s", path,
                       strerror(errno));
  char *text = malloc(P2P_ACCOUNTS_TEXT_MAX + 1); /* one more than allowed */
  size_t length = text == NULL ? 0 : fread(text, 1, P2P_ACCOUNTS_TEXT_MAX + 1, file);
  int code = P2P_OK;
  if (text == NULL)
    code = p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  else if (ferror(file))
    code = p2p_err_set(err, P2P_ERR_SYSTEM, "cannot read the users file '%s'", path);
  fclose(file);
  if (code == P2P_OK) code = p2p_accounts_parse(text, length, out, err);
  free(text);
  return code;
}

void p2p_accounts_free(struct p2p_accounts *accounts) {
  if (accounts == NULL) return;
  for (size_t i = 0; i < accounts->n_keys; i++) free(accounts->keys[i].words);
  free(accounts->keys);
  free(accounts);
}

const char *p2p_accounts_find(const struct p2p_accounts *accounts, const char *type,
                              const char *base64) {
  for (size_t i = 0; i < accounts->n_keys; i++)
    if (strcmp(accounts->keys[i].base64, base64) == 0 && strcmp(accounts->keys[i].type, type) == 0)
      return accounts->keys[i].user;
  return NULL;
}

bool p2p_accounts_has_user(const struct p2p_accounts *accounts, const char *name, size_t length) {
  for (size_t i = 0; i < accounts->n_keys; i++) {
    const char *user = accounts->keys[i].user;
    if (strncmp(user, name, length) == 0 && user[length] == '\0') return true;
  }
  return false;
}

bool p2p_accounts_are_equal(const struct p2p_accounts *a, const struct p2p_accounts *b) {
  if (a->n_keys != b->n_keys) return false;
  for (size_t i = 0; i < a->n_keys; i++)
    if (strcmp(a->keys[i].user, b->keys[i].user) != 0 ||
        strcmp(a->keys[i].type, b->keys[i].type) != 0 ||
        strcmp(a->keys[i].base64, b->keys[i].base64) != 0)
      return false;
  return true;
}

size_t p2p_accounts_count(const struct p2p_accounts *accounts) {
  size_t count = 0;
  for (size_t i = 0; i < accounts->n_keys; i++) {
    size_t first = 0;
    while (strcmp(accounts->keys[first].user, accounts->keys[i].user) != 0) first++;
    if (first == i) count++;
  }
  return count;
}
