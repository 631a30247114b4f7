/* A line is "given=USER MACHINE CLUSTER FUTURES FAILED MS IN OUT SINCE LATEST", or "received=...".
 * An empty name is "-", with which no name begins. */
#include "ledger/ledger_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "keys/text.h"

#define KIND "contributions"
#define LINE_MAX_BYTES 640

static const char *const sides[] = {"given", "received"};

static const char *word(const char *name) { return name[0] != '\0' ? name : "-"; }

int p2p_ledger_text_write(const struct p2p_ledger *ledger, struct p2p_buf *out) {
  int code = p2p_key_text_put_kind(out, KIND);
  for (size_t i = 0; i < ledger->n && code == P2P_OK; i++) {
    char line[LINE_MAX_BYTES];
    const struct p2p_ledger_key *key = &ledger->entries[i].key;
    const struct p2p_ledger_counts *counts = &ledger->entries[i].counts;
    snprintf(line, sizeof line,
             "%s %s %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
             " %" PRIu64,
             word(key->user), word(key->machine), word(key->cluster), counts->futures,
             counts->failed, counts->ms, counts->bytes_in, counts->bytes_out,
             ledger->entries[i].since_s, ledger->entries[i].latest_s);
    code = p2p_key_text_put(out, sides[key->side], line);
  }
  return code;
}

/* Takes the next word, and the blank after it, unless it is the last one. */
static struct p2p_span take_word(struct p2p_span *line) {
  const char *bytes = line->bytes;
  const char *blank = line->length > 0 ? memchr(bytes, ' ', line->length) : NULL;
  size_t length = blank != NULL ? (size_t)(blank - bytes) : line->length;
  struct p2p_span taken = P2P_SPAN(bytes, length);
  *line = blank != NULL ? P2P_SPAN(blank + 1, line->length - length - 1) : P2P_NO_SPAN;
  return taken;
}

static bool take_name(struct p2p_span *line, char *out, size_t size) {
  struct p2p_span taken = take_word(line);
  if (taken.length == 0 || !p2p_key_text_copy(taken, out, size)) return false;
  if (strcmp(out, "-") == 0) out[0] = '\0';
  return true;
}

static bool take_number(struct p2p_span *line, uint64_t *out) {
  return p2p_key_text_number(take_word(line), P2P_LEDGER_COUNT_MAX, out);
}

static bool read_entry(struct p2p_span line, struct p2p_ledger_entry *out) {
  struct p2p_ledger_counts *counts = &out->counts;
  return take_name(&line, out->key.user, sizeof out->key.user) &&
         take_name(&line, out->key.machine, sizeof out->key.machine) &&
         take_name(&line, out->key.cluster, sizeof out->key.cluster) &&
         p2p_ledger_key_is_valid(&out->key) && take_number(&line, &counts->futures) &&
         take_number(&line, &counts->failed) && take_number(&line, &counts->ms) &&
         take_number(&line, &counts->bytes_in) && take_number(&line, &counts->bytes_out) &&
         take_number(&line, &out->since_s) && take_number(&line, &out->latest_s) &&
         line.bytes == NULL && out->since_s <= out->latest_s;
}

/* False for a line that the writer would not write there. */
static bool next_entry(struct p2p_key_text *text, struct p2p_ledger_entry *out) {
  struct p2p_span line;
  *out = (struct p2p_ledger_entry){0};
  if (!p2p_key_text_next(text, sides[P2P_LEDGER_GIVEN], &line)) {
    out->key.side = P2P_LEDGER_RECEIVED;
    if (!p2p_key_text_next(text, sides[P2P_LEDGER_RECEIVED], &line)) return false;
  }
  return read_entry(line, out);
}

int p2p_ledger_text_read(const struct p2p_buf *text, struct p2p_ledger *out) {
  struct p2p_key_text rest;
  int code = p2p_key_text_begin(&rest, text, KIND);
  while (code == P2P_OK && !p2p_key_text_is_at_end(&rest)) {
    struct p2p_ledger_entry entry;
    bool is_next =
        next_entry(&rest, &entry) && out->n < P2P_LEDGER_MAX &&
        (out->n == 0 || p2p_ledger_key_compare(&out->entries[out->n - 1].key, &entry.key) < 0);
    code = is_next ? p2p_ledger_add(out, &entry) : P2P_ERR_PARSE;
  }
  if (code != P2P_OK) p2p_ledger_clear(out);
  return code;
}
