/* The keys of one host in known_hosts files. */
#include "board/known_hosts.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/sanitize.h"
#include "crypto/hash.h"
#include "protocol/public_key.h"

#define NAME_MAX_BYTES 300
#define SALT_BYTES P2P_SHA1_LEN

/* The types of keys, and the algorithms that use them, in the order of preference. */
static const struct {
  const char *type, *algorithms;
} types[] = {{"ssh-ed25519", "ssh-ed25519"},
             {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"},
             {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"},
             {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"},
             {"ssh-rsa", "rsa-sha2-512,rsa-sha2-256"},
             {"ssh-dss", NULL},
             {"sk-ssh-ed25519@openssh.com", NULL},
             {"sk-ecdsa-sha2-nistp256@openssh.com", NULL}};
#define N_TYPES (sizeof types / sizeof types[0])

enum mark { MARK_NONE, MARK_REVOKED, MARK_AUTHORITY };

struct known_key {
  struct known_key *next;
  enum mark mark;
  bool has_port; /* the line matches the name with the port, or the port is 22 */
  size_t type;   /* index of types */
  const char *file;
  unsigned line;
  size_t length;
  uint8_t blob[];
};

struct file_name {
  struct file_name *next;
  char text[];
};

struct p2p_known_hosts {
  char name[NAME_MAX_BYTES]; /* "host", or "[host]:port" unless the port is 22; lower case */
  char bare[NAME_MAX_BYTES]; /* "host" */
  struct known_key *keys, **last;
  struct file_name *files;
  char problem[200];
  bool problem_is_ours; /* the problem is in a line of the host */
};

/* ---- words of a line ---- */

struct words {
  const char *at, *end;
};

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static void skip_blanks(struct words *words) {
  while (words->at < words->end && is_blank(*words->at)) words->at++;
}

/* The next word; its length is 0 at the end of the line. */
static size_t next_word(struct words *words, const char **word) {
  skip_blanks(words);
  *word = words->at;
  while (words->at < words->end && !is_blank(*words->at)) words->at++;
  return (size_t)(words->at - *word);
}

static bool is_text(const char *word, size_t length, const char *text) {
  return length == strlen(text) && memcmp(word, text, length) == 0;
}

/* ---- names of hosts ---- */

/* '*' stands for any characters, '?' for one. */
static bool matches_pattern(const char *pattern, size_t length, const char *name) {
  const char *end = pattern + length, *star = NULL, *resume = NULL;
  while (*name != '\0') {
    if (pattern < end && *pattern == '*') {
      star = ++pattern;
      resume = name;
    } else if (pattern < end &&
               (*pattern == '?' || tolower((unsigned char)*pattern) == (unsigned char)*name)) {
      pattern++;
      name++;
    } else if (star != NULL) {
      pattern = star;
      name = ++resume;
    } else {
      return false;
    }
  }
  while (pattern < end && *pattern == '*') pattern++;
  return pattern == end;
}

/* A matching pattern that starts with '!' overrules all others. */
static bool matches_list(const char *list, size_t length, const char *name) {
  const char *end = list + length;
  bool matches = false;
  while (list < end) {
    const char *comma = memchr(list, ',', (size_t)(end - list));
    size_t part = (size_t)((comma == NULL ? end : comma) - list);
    bool is_negated = part > 0 && list[0] == '!';
    if (part > 0 && matches_pattern(list + is_negated, part - is_negated, name)) {
      if (is_negated) return false;
      matches = true;
    }
    list += part + (comma != NULL);
  }
  return matches;
}

/* "|1|salt|hash" in base64; the hash is HMAC-SHA1 of the name. False: it has another form. */
static bool parse_hashed(const char *word, size_t length, uint8_t salt[static SALT_BYTES],
                         uint8_t hash[static P2P_SHA1_LEN]) {
  size_t salt_length, hash_length;
  if (length < 3 || memcmp(word, "|1|", 3) != 0) return false;
  const char *text = word + 3, *end = word + length;
  const char *bar = memchr(text, '|', (size_t)(end - text));
  return bar != NULL &&
         p2p_base64_decode(text, (size_t)(bar - text), salt, SALT_BYTES, &salt_length) == P2P_OK &&
         salt_length == SALT_BYTES &&
         p2p_base64_decode(bar + 1, (size_t)(end - bar - 1), hash, P2P_SHA1_LEN, &hash_length) ==
             P2P_OK &&
         hash_length == P2P_SHA1_LEN;
}

static bool matches_hash(const uint8_t *salt, const uint8_t *hash, const char *name) {
  uint8_t ours[P2P_SHA1_LEN];
  return p2p_hmac_sha1(P2P_SPAN(salt, SALT_BYTES), P2P_SPAN((const uint8_t *)name, strlen(name)),
                       ours) == P2P_OK &&
         memcmp(ours, hash, sizeof ours) == 0;
}

enum match { MATCH_NONE, MATCH_BARE, MATCH_NAME, MATCH_MALFORMED };

static enum match match_host(const struct p2p_known_hosts *known, const char *word, size_t length) {
  uint8_t salt[SALT_BYTES], hash[P2P_SHA1_LEN];
  if (length > 0 && word[0] == '|') {
    if (!parse_hashed(word, length, salt, hash)) return MATCH_MALFORMED;
    if (matches_hash(salt, hash, known->name)) return MATCH_NAME;
    return matches_hash(salt, hash, known->bare) ? MATCH_BARE : MATCH_NONE;
  }
  if (matches_list(word, length, known->name)) return MATCH_NAME;
  return matches_list(word, length, known->bare) ? MATCH_BARE : MATCH_NONE;
}

/* ---- keys ---- */

static int add_key(struct p2p_known_hosts *known, const struct known_key *form, const char *base64,
                   size_t base64_length) {
  const char *type = types[form->type].type;
  struct known_key *key = malloc(sizeof *key + base64_length);
  if (key == NULL) return P2P_ERR_MEMORY;
  *key = *form;
  if (p2p_base64_decode(base64, base64_length, key->blob, base64_length, &key->length) != P2P_OK ||
      !p2p_public_key_is_whole(key->blob, key->length, P2P_SPAN(type, strlen(type)))) {
    free(key);
    return P2P_ERR_PARSE;
  }
  *known->last = key;
  known->last = &key->next;
  return P2P_OK;
}

/* ---- lines ---- */

static void set_problem(struct p2p_known_hosts *known, const char *file, unsigned line,
                        const char *what, bool is_ours) {
  char place[120];
  if (known->problem[0] != '\0' && (known->problem_is_ours || !is_ours)) return;
  p2p_sanitize(file, strlen(file), place, sizeof place);
  snprintf(known->problem, sizeof known->problem, "line %u of '%s' %s", line, place, what);
  known->problem_is_ours = is_ours;
}

/* False: the line begins with another marker. */
static bool read_mark(struct words *words, enum mark *mark) {
  const char *word;
  *mark = MARK_NONE;
  skip_blanks(words);
  if (words->at == words->end || *words->at != '@') return true;
  size_t length = next_word(words, &word);
  if (is_text(word, length, "@revoked"))
    *mark = MARK_REVOKED;
  else if (is_text(word, length, "@cert-authority"))
    *mark = MARK_AUTHORITY;
  skip_blanks(words);
  return *mark != MARK_NONE && words->at < words->end && *words->at != '@';
}

/* `file` must stay as long as `known`. */
static int read_line(struct p2p_known_hosts *known, const char *file, unsigned line,
                     struct words words) {
  struct known_key form = {.file = file, .line = line};
  const char *word;
  skip_blanks(&words);
  if (words.at == words.end || *words.at == '#') return P2P_OK;
  if (!read_mark(&words, &form.mark)) {
    set_problem(known, file, line, "has an unknown marker", false);
    return P2P_OK;
  }
  size_t length = next_word(&words, &word);
  enum match match = match_host(known, word, length);
  if (match == MATCH_MALFORMED)
    set_problem(known, file, line, "has a malformed hashed name", false);
  if (match == MATCH_NONE || match == MATCH_MALFORMED) return P2P_OK;
  form.has_port = match == MATCH_NAME;
  length = next_word(&words, &word);
  while (form.type < N_TYPES && !is_text(word, length, types[form.type].type)) form.type++;
  length = next_word(&words, &word);
  int code = form.type < N_TYPES ? add_key(known, &form, word, length) : P2P_ERR_PARSE;
  if (code != P2P_ERR_PARSE) return code;
  set_problem(known, file, line, "has no valid key", true);
  return P2P_OK;
}

int p2p_known_hosts_add(struct p2p_known_hosts *known, const char *file, const char *text,
                        size_t length) {
  const char *end = text + length;
  struct file_name *name = malloc(sizeof *name + strlen(file) + 1);
  if (name == NULL) return P2P_ERR_MEMORY;
  memcpy(name->text, file, strlen(file) + 1);
  name->next = known->files;
  known->files = name;
  int code = P2P_OK;
  for (unsigned line = 1; text < end && code == P2P_OK; line++) {
    const char *newline = memchr(text, '\n', (size_t)(end - text));
    const char *line_end = newline == NULL ? end : newline;
    const char *nul = memchr(text, '\0', (size_t)(line_end - text));
    struct words words = {text, nul == NULL ? line_end : nul};
    if (words.end > words.at && words.end[-1] == '\r') words.end--;
    code = read_line(known, name->text, line, words);
    text = line_end + (newline != NULL);
  }
  return code;
}

void p2p_known_hosts_set_problem(struct p2p_known_hosts *known, const char *file, const char *why) {
  char place[120];
  if (known->problem_is_ours) return;
  p2p_sanitize(file, strlen(file), place, sizeof place);
  snprintf(known->problem, sizeof known->problem, "'%s' cannot be read: %s", place, why);
  known->problem_is_ours = true;
}

/* ---- what is known ---- */

static bool is_equal(const struct known_key *key, const uint8_t *blob, size_t length) {
  return key->length == length && memcmp(key->blob, blob, length) == 0;
}

static void describe_place(const struct known_key *key, char *out, size_t size) {
  char file[160];
  p2p_sanitize(key->file, strlen(key->file), file, sizeof file);
  snprintf(out, size, "line %u of '%s'", key->line, file);
}

enum p2p_host_key_state p2p_known_hosts_check(const struct p2p_known_hosts *known,
                                              const uint8_t *blob, size_t length, char *place,
                                              size_t size) {
  const struct known_key *same = NULL, *bare = NULL, *other = NULL, *revoked = NULL;
  for (const struct known_key *key = known->keys; key != NULL; key = key->next) {
    bool equal = is_equal(key, blob, length);
    if (key->mark == MARK_REVOKED && equal && revoked == NULL) revoked = key;
    if (key->mark != MARK_NONE) continue;
    if (equal && key->has_port) same = key;
    if (equal && !key->has_port) bare = key;
    if (!equal && key->has_port && other == NULL) other = key;
  }
  enum p2p_host_key_state state = revoked != NULL ? P2P_HOST_KEY_REVOKED
                                  : same != NULL  ? P2P_HOST_KEY_KNOWN
                                  : other != NULL ? P2P_HOST_KEY_CHANGED
                                  : bare != NULL  ? P2P_HOST_KEY_KNOWN
                                                  : P2P_HOST_KEY_UNKNOWN;
  place[0] = '\0';
  if (state == P2P_HOST_KEY_REVOKED) describe_place(revoked, place, size);
  if (state == P2P_HOST_KEY_CHANGED) describe_place(other, place, size);
  return state;
}

bool p2p_known_hosts_needs_certificate(const struct p2p_known_hosts *known) {
  bool has_authority = false;
  for (const struct known_key *key = known->keys; key != NULL; key = key->next) {
    if (key->mark == MARK_NONE) return false;
    if (key->mark == MARK_AUTHORITY) has_authority = true;
  }
  return has_authority;
}

static bool has_type(const struct p2p_known_hosts *known, size_t type) {
  for (const struct known_key *key = known->keys; key != NULL; key = key->next)
    if (key->mark == MARK_NONE && key->type == type) return true;
  return false;
}

void p2p_known_hosts_algorithms(const struct p2p_known_hosts *known,
                                char out[static P2P_HOST_KEY_ALGORITHMS_MAX]) {
  size_t used = 0;
  for (int is_known = 1; is_known >= 0; is_known--)
    for (size_t i = 0; i < N_TYPES; i++)
      if (types[i].algorithms != NULL && has_type(known, i) == (is_known == 1))
        used += (size_t)snprintf(out + used, P2P_HOST_KEY_ALGORITHMS_MAX - used, "%s%s",
                                 used == 0 ? "" : ",", types[i].algorithms);
}

const char *p2p_known_hosts_problem(const struct p2p_known_hosts *known) { return known->problem; }

/* ---- its life ---- */

static void lower(char *text) {
  for (; *text != '\0'; text++) *text = (char)tolower((unsigned char)*text);
}

struct p2p_known_hosts *p2p_known_hosts_new(const char *host, uint16_t port) {
  struct p2p_known_hosts *known = calloc(1, sizeof *known);
  if (known == NULL) return NULL;
  known->last = &known->keys;
  snprintf(known->bare, sizeof known->bare, "%s", host);
  if (port == 22)
    snprintf(known->name, sizeof known->name, "%s", host);
  else
    snprintf(known->name, sizeof known->name, "[%s]:%u", host, (unsigned)port);
  lower(known->name);
  lower(known->bare);
  return known;
}

void p2p_known_hosts_free(struct p2p_known_hosts *known) {
  if (known == NULL) return;
  for (struct known_key *key = known->keys, *next; key != NULL; key = next) {
    next = key->next;
    free(key);
  }
  for (struct file_name *file = known->files, *next; file != NULL; file = next) {
    next = file->next;
    free(file);
  }
  free(known);
}
