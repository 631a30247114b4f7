/* With these limits, a link that is being opened keeps its place for at least half a second,
 * however many accepts there are. */
#include "worker/admission.h"

#include <string.h>

#include "crypto/hash.h"

#define COST_MS (1000 / P2P_ADMISSION_PER_S)
#define CREDIT_MAX_MS (P2P_ADMISSION_BURST * COST_MS)

void p2p_admission_init(struct p2p_admission *admission, uint64_t now_ms) {
  *admission = (struct p2p_admission){.credit_ms = CREDIT_MAX_MS, .credited_ms = now_ms};
}

static uint64_t hash(const char *code) {
  uint8_t digest[P2P_SHA256_LEN];
  uint64_t start;
  p2p_sha256(code, strlen(code), digest);
  memcpy(&start, digest, sizeof start);
  return start;
}

static bool is_known(const struct p2p_admission *admission, uint64_t code) {
  for (size_t i = 0; i < admission->n_codes && i < P2P_ADMISSION_CODES; i++)
    if (admission->codes[i] == code) return true;
  return false;
}

const char *p2p_admission_check(struct p2p_admission *admission, const char *code,
                                uint64_t now_ms) {
  uint64_t hashed = hash(code);
  if (is_known(admission, hashed)) return "its code was used before";
  admission->credit_ms += now_ms - admission->credited_ms;
  admission->credited_ms = now_ms;
  if (admission->credit_ms > CREDIT_MAX_MS) admission->credit_ms = CREDIT_MAX_MS;
  if (admission->credit_ms < COST_MS) return "too many links were started within a second";
  admission->credit_ms -= COST_MS;
  admission->codes[admission->n_codes++ % P2P_ADMISSION_CODES] = hashed;
  return NULL;
}

struct count {
  size_t taken, opening, of_client;
};

static struct count count_places(const struct p2p_admission_place *places, size_t length) {
  struct count count = {0};
  for (size_t i = 0; i < length; i++) {
    count.taken += places[i].is_taken;
    count.opening += places[i].is_taken && !places[i].is_open;
    count.of_client += places[i].is_taken && places[i].is_open && places[i].is_of_client;
  }
  return count;
}

static bool may_go(const struct p2p_admission_place *place, bool is_opening, bool of_client,
                   uint64_t now_ms) {
  if (!place->is_taken || place->is_open == is_opening) return false;
  if (is_opening) return !place->is_confirmed;
  return !place->is_used && now_ms - place->since_ms >= P2P_ADMISSION_UNUSED_MS &&
         (!of_client || place->is_of_client);
}

/* The user with the most links loses one. */
static int find_crowded(const struct p2p_admission_place *places, size_t length) {
  int found = P2P_ADMISSION_FULL;
  for (size_t i = 0; i < length; i++)
    if (places[i].is_taken && places[i].is_open && !places[i].has_slot &&
        places[i].crowd > P2P_ADMISSION_PER_USER_MAX &&
        (found < 0 || places[i].crowd > places[found].crowd))
      found = (int)i;
  return found;
}

int p2p_admission_choose(const struct p2p_admission_place *places, size_t length, uint64_t now_ms) {
  struct count count = count_places(places, length);
  bool of_client = count.of_client >= P2P_ADMISSION_PER_CLIENT_MAX;
  bool is_opening = !of_client && count.opening >= P2P_ADMISSION_OPENING_MAX;
  if (!of_client && !is_opening && count.taken < length) return P2P_ADMISSION_ROOM;
  int found = P2P_ADMISSION_FULL;
  for (size_t i = 0; i < length; i++)
    if (may_go(&places[i], is_opening, of_client, now_ms) &&
        (found < 0 || places[i].since_ms < places[found].since_ms))
      found = (int)i;
  if (found < 0 && count.taken == length) return find_crowded(places, length);
  return found;
}
