/* The place of our next line, and the places of the last lines of others. */
#include "board/line_sealer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "crypto/random.h"
#include "protocol/sealed_line.h"

struct p2p_line_sealer {
  struct p2p_credentials credentials;
  struct p2p_line_place last; /* of ours */
  struct p2p_line_order order;
};

struct p2p_line_sealer *p2p_line_sealer_new(const struct p2p_credentials *credentials) {
  struct p2p_line_sealer *sealer = calloc(1, sizeof *sealer);
  if (sealer == NULL) return NULL;
  sealer->credentials = *credentials;
  p2p_random_bytes(sealer->last.boot, sizeof sealer->last.boot);
  return sealer;
}

void p2p_line_sealer_free(struct p2p_line_sealer *sealer) {
  if (sealer == NULL) return;
  p2p_wipe(sealer, sizeof *sealer);
  free(sealer);
}

void p2p_line_sealer_set(struct p2p_line_sealer *sealer,
                         const struct p2p_credentials *credentials) {
  sealer->credentials = *credentials;
}

void p2p_line_sealer_expel(struct p2p_line_sealer *sealer, const struct p2p_sign_public *devices,
                           size_t n) {
  memcpy(sealer->credentials.expelled, devices, n * sizeof *devices);
  sealer->credentials.n_expelled = n;
}

const struct p2p_credentials *p2p_line_sealer_credentials(const struct p2p_line_sealer *sealer) {
  return &sealer->credentials;
}

int p2p_line_sealer_seal(struct p2p_line_sealer *sealer, const struct p2p_line *line,
                         struct p2p_line *out) {
  sealer->last.number++;
  return p2p_sealed_line_write(out, line, &sealer->credentials.key, &sealer->last, time(NULL));
}

int p2p_line_sealer_open(struct p2p_line_sealer *sealer, const struct p2p_line *line,
                         struct p2p_line *out) {
  struct p2p_line_place place;
  int code = p2p_sealed_line_read(line, &sealer->credentials.key, out, &place);
  if (code == P2P_OK && !p2p_line_order_advance(&sealer->order, &place)) return P2P_ERR_CANCELED;
  return code;
}
