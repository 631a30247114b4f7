/* Versions, and the oldest ones that a worker may have: R of the same major version and at
 * least 4.0, since serialization and the language promise no more, and a future with the functions
 * that tasks call. */
#include "protocol/versions.h"

#include <stdint.h>
#include <string.h>

#define R_AT_LEAST "4.0"
#define FUTURE_AT_LEAST "1.69.0"
#define NUMBERS_MAX 8

struct version {
  uint32_t numbers[NUMBERS_MAX];
  int length;
};

static bool parse(const char *text, struct version *out) {
  *out = (struct version){0};
  if (strlen(text) >= P2P_VERSION_MAX) return false;
  for (;;) {
    int digits = 0;
    uint32_t number = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
      if (++digits > 9) return false;
      number = number * 10 + (uint32_t)(*text - '0');
    }
    if (digits == 0 || out->length == NUMBERS_MAX) return false;
    out->numbers[out->length++] = number;
    if (*text == '\0') return out->length >= 2;
    if (*text != '.' && *text != '-') return false;
    text++;
  }
}

/* Compares as R does: number by number, 1.69 before 1.69.0. */
static int compare(const struct version *a, const struct version *b) {
  for (int i = 0; i < a->length && i < b->length; i++) {
    if (a->numbers[i] != b->numbers[i]) return a->numbers[i] < b->numbers[i] ? -1 : 1;
  }
  return (a->length > b->length) - (a->length < b->length);
}

static bool is_at_least(const char *text, const char *least) {
  struct version version, bound;
  return parse(text, &version) && parse(least, &bound) && compare(&version, &bound) >= 0;
}

bool p2p_version_is_valid(const char *text) {
  struct version version;
  return parse(text, &version);
}

int p2p_versions_check(const char *worker, const char *r_version, const char *future_version,
                       const char *own_r_version, struct p2p_err *err) {
  struct version theirs, own;
  if (!is_at_least(r_version, R_AT_LEAST)) {
    return p2p_err_set(err, P2P_ERR_VERSION, "worker '%s' has R %s, but R >= %s is needed", worker,
                       r_version, R_AT_LEAST);
  }
  if (!parse(r_version, &theirs) || !parse(own_r_version, &own) ||
      theirs.numbers[0] != own.numbers[0]) {
    return p2p_err_set(err, P2P_ERR_VERSION,
                       "worker '%s' has R %s, but the major version of R %s is needed", worker,
                       r_version, own_r_version);
  }
  if (!is_at_least(future_version, FUTURE_AT_LEAST)) {
    return p2p_err_set(err, P2P_ERR_VERSION,
                       "worker '%s' has future %s, but future >= %s is needed", worker,
                       future_version, FUTURE_AT_LEAST);
  }
  return P2P_OK;
}
