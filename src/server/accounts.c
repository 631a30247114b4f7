/* The accounts of a self-hosted board: parses lines of `name type base64 [comment]` and finds the
 * user of a key. A key is taken only if its base64 decodes and its blob says the same type as the
 * line does, so that a key which was cut when it was copied is found when the server starts and not
 * when its owner wonders why he is user `public`. */
#include "server/accounts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "protocol/frame.h"

#define TEXT_MAX (4 * 1024 * 1024)
#define LINE_MAX_LEN 16384
#define NAME_MAX_LEN 63
#define KEYS_MAX 10000

struct account_key {
  char *line; /* owned: the three words, each ended by a NUL */
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

static bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

static bool name_is_valid(struct word name) {
  if (name.length == 0 || name.length > NAME_MAX_LEN || name.start[0] == '-' ||
      name.start[0] == '.')
    return false;
  for (size_t i = 0; i < name.length; i++)
    if (!is_name_char(name.start[i])) return false;
  /* `public` is everybody without an account. */
  return !(name.length == 6 && memcmp(name.start, "public", 6) == 0);
}

/* The blob of a public key is its type and its numbers, all as SSH strings: one that was cut does
 * not end with one. */
static bool key_is_valid(struct word type, struct word base64) {
  uint8_t blob[LINE_MAX_LEN];
  size_t length, at = 0, n_strings = 0;
  if (p2p_base64_decode(base64.start, base64.length, blob, sizeof blob, &length) != P2P_OK)
    return false;
  for (; length - at >= 4 && p2p_get_u32(blob + at) <= length - at - 4; n_strings++)
    at += 4 + p2p_get_u32(blob + at);
  return at == length && n_strings >= 2 && type.length > 0 && p2p_get_u32(blob) == type.length &&
         memcmp(blob + 4, type.start, type.length) == 0;
}

static char *copy_word(char *to, struct word word) {
  memcpy(to, word.start, word.length);
  to[word.length] = '\0';
  return to + word.length + 1;
}

static int add_key(struct p2p_accounts *users, struct word name, struct word type,
                   struct word base64) {
  struct account_key *keys = realloc(users->keys, (users->n_keys + 1) * sizeof *keys);
  if (keys == NULL) return P2P_ERR_MEMORY;
  users->keys = keys;
  char *line = malloc(name.length + type.length + base64.length + 3);
  if (line == NULL) return P2P_ERR_MEMORY;
  struct account_key *key = &users->keys[users->n_keys++];
  key->line = line;
  key->user = line;
  key->type = copy_word(line, name);
  key->base64 = copy_word(line + name.length + 1, type);
  copy_word(line + name.length + type.length + 2, base64);
  return P2P_OK;
}

static int parse_line(struct p2p_accounts *users, const char *start, const char *end, size_t number,
                      struct p2p_err *err) {
  const char *at = start;
  struct word name = next_word(&at, end), type = next_word(&at, end), base64 = next_word(&at, end);
  if (name.length == 0 || name.start[0] == '#') return P2P_OK;
  if (end - start > LINE_MAX_LEN)
    return p2p_err_set(err, P2P_ERR_PARSE,
                       "Line %zu of the users is too long: at most %d characters.", number,
                       LINE_MAX_LEN);
  if (!name_is_valid(name))
    return p2p_err_set(err, P2P_ERR_PARSE,
                       "Line %zu of the users does not begin with a user name: letters, digits, "
                       "'.', '_' and '-', at most %d, "
                       "not beginning with '.' or '-', and not 'public'.",
                       number, NAME_MAX_LEN);
  if (!key_is_valid(type, base64))
    return p2p_err_set(err, P2P_ERR_PARSE,
                       "Line %zu of the users, for '%.*s', is not of the form 'name ssh-ed25519 "
                       "AAAA...': give the line of the "
                       "public key file, such as ~/.ssh/id_ed25519.pub, whole.",
                       number, (int)name.length, name.start);
  if (users->n_keys >= KEYS_MAX)
    return p2p_err_set(err, P2P_ERR_PARSE,
                       "Line %zu of the users is one too many: at most %d keys.", number, KEYS_MAX);
  if (add_key(users, name, type, base64) != P2P_OK)
    return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  const struct account_key *added = &users->keys[users->n_keys - 1];
  const char *owner = p2p_accounts_find(users, added->type, added->base64);
  if (strcmp(owner, added->user) == 0) return P2P_OK;
  return p2p_err_set(
      err, P2P_ERR_PARSE,
      "Line %zu of the users gives '%s' a key that is '%s's already: one user a key.", number,
      added->user, owner);
}

int p2p_accounts_parse(const char *text, size_t length, struct p2p_accounts **out,
                       struct p2p_err *err) {
  if (length > TEXT_MAX)
    return p2p_err_set(err, P2P_ERR_PARSE, "The text of users is too long: at most %d bytes.",
                       TEXT_MAX);
  struct p2p_accounts *users = calloc(1, sizeof *users);
  if (users == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  const char *at = text, *end = text + length;
  for (size_t number = 1; at < end; number++) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    const char *line_end = newline == NULL ? end : newline;
    int code = parse_line(users, at, line_end, number, err);
    if (code != P2P_OK) {
      p2p_accounts_free(users);
      return code;
    }
    at = newline == NULL ? end : newline + 1;
  }
  *out = users;
  return P2P_OK;
}

int p2p_accounts_read(const char *path, struct p2p_accounts **out, struct p2p_err *err) {
  FILE *file = fopen(path, "re");
  if (file == NULL)
    return p2p_err_set(err, P2P_ERR_SYSTEM, "The file '%s' with the users cannot be opened: %s.",
                       path, strerror(errno));
  char *text = malloc(TEXT_MAX + 1); /* one more, so that what is too long shows */
  size_t length = text == NULL ? 0 : fread(text, 1, TEXT_MAX + 1, file);
  int code = P2P_OK;
  if (text == NULL)
    code = p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  else if (ferror(file))
    code = p2p_err_set(err, P2P_ERR_SYSTEM, "The file '%s' with the users cannot be read.", path);
  fclose(file);
  if (code == P2P_OK) code = p2p_accounts_parse(text, length, out, err);
  free(text);
  return code;
}

void p2p_accounts_free(struct p2p_accounts *users) {
  if (users == NULL) return;
  for (size_t i = 0; i < users->n_keys; i++) free(users->keys[i].line);
  free(users->keys);
  free(users);
}

const char *p2p_accounts_find(const struct p2p_accounts *users, const char *type,
                              const char *base64) {
  for (size_t i = 0; i < users->n_keys; i++)
    if (strcmp(users->keys[i].base64, base64) == 0 && strcmp(users->keys[i].type, type) == 0)
      return users->keys[i].user;
  return NULL;
}

size_t p2p_accounts_count(const struct p2p_accounts *users) {
  size_t count = 0;
  for (size_t i = 0; i < users->n_keys; i++) {
    size_t first = 0;
    while (strcmp(users->keys[first].user, users->keys[i].user) != 0) first++;
    if (first == i) count++;
  }
  return count;
}
