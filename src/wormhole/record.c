/* Framing and counters of transit records. */
#include "wormhole/record.h"

#include <string.h>

#include "base/endian.h"

#define PREFIX_LEN 4

_Static_assert(P2P_KEY_LEN == P2P_BOX_KEY_LEN, "record keys are box keys");

/* Big-endian, as all implementations do it; the specification says little-endian. */
static void nonce_of(uint64_t counter, uint8_t out[P2P_BOX_NONCE_LEN]) {
  memset(out, 0, P2P_BOX_NONCE_LEN);
  p2p_set_u64(out + P2P_BOX_NONCE_LEN - 8, counter);
}

void p2p_record_sealer_init(struct p2p_record_sealer *sealer, const struct p2p_record_key *key) {
  *sealer = (struct p2p_record_sealer){.key = *key};
}

void p2p_record_seal(struct p2p_record_sealer *sealer, uint8_t *record, size_t length) {
  uint8_t nonce[P2P_BOX_NONCE_LEN];

  nonce_of(sealer->counter++, nonce);
  p2p_set_u32(record, (uint32_t)(P2P_BOX_OVERHEAD + length));
  p2p_box_seal_nonce(sealer->key.bytes, nonce, record + P2P_RECORD_OVERHEAD, length,
                     record + PREFIX_LEN);
}

void p2p_record_sealer_clear(struct p2p_record_sealer *sealer) { p2p_wipe(sealer, sizeof *sealer); }

void p2p_record_opener_init(struct p2p_record_opener *opener, const struct p2p_record_key *key) {
  *opener = (struct p2p_record_opener){.key = *key};
  p2p_buf_init(&opener->buf, P2P_RECORD_OVERHEAD + P2P_RECORD_PAYLOAD_MAX);
}

/* Moves bytes into the buffer until it holds `needed`. Returns 1 when it does, 0 when the bytes run
 * out. */
static int fill(struct p2p_buf *buf, size_t needed, const uint8_t **bytes, size_t *length) {
  size_t missing = needed - p2p_buf_len(buf);
  size_t part = missing < *length ? missing : *length;
  int code = p2p_buf_put(buf, *bytes, part);

  if (code != P2P_OK) return code;
  *bytes += part;
  *length -= part;
  return part == missing;
}

static int open_buffered(struct p2p_record_opener *opener, const uint8_t **payload,
                         size_t *payload_length, struct p2p_err *err) {
  uint8_t *box = opener->buf.bytes + opener->buf.start + PREFIX_LEN;
  size_t length = p2p_buf_len(&opener->buf) - PREFIX_LEN;
  uint8_t nonce[P2P_BOX_NONCE_LEN];

  nonce_of(opener->counter, nonce);
  if (memcmp(box, nonce, sizeof nonce) != 0)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "the peer sent a record out of order");
  if (p2p_box_open(opener->key.bytes, box, length, box + P2P_BOX_OVERHEAD) != P2P_OK)
    return p2p_err_set(err, P2P_ERR_CRYPTO,
                       "a record from the peer cannot be decrypted: it was altered in transit");
  opener->counter++;
  opener->is_returned = true;
  *payload = box + P2P_BOX_OVERHEAD;
  *payload_length = length - P2P_BOX_OVERHEAD;
  return 1;
}

int p2p_record_open(struct p2p_record_opener *opener, const uint8_t **bytes, size_t *length,
                    const uint8_t **payload, size_t *payload_length, struct p2p_err *err) {
  struct p2p_buf *buf = &opener->buf;

  if (opener->is_returned) p2p_buf_consume(buf, p2p_buf_len(buf));
  opener->is_returned = false;

  int code = 1;
  if (p2p_buf_len(buf) < PREFIX_LEN) code = fill(buf, PREFIX_LEN, bytes, length);
  if (code == 1) {
    uint32_t box_length = p2p_get_u32(p2p_buf_data(buf));
    if (box_length < P2P_BOX_OVERHEAD)
      return p2p_err_set(err, P2P_ERR_PROTOCOL, "the peer sent a record that is too short");
    if (box_length > P2P_BOX_OVERHEAD + P2P_RECORD_PAYLOAD_MAX)
      return p2p_err_set(err, P2P_ERR_TOO_LARGE,
                         "the peer announced a record of %lu bytes; the limit is %d",
                         (unsigned long)box_length, P2P_BOX_OVERHEAD + P2P_RECORD_PAYLOAD_MAX);
    code = fill(buf, PREFIX_LEN + box_length, bytes, length);
  }
  if (code < 0) return p2p_err_set(err, code, "out of memory");
  return code == 1 ? open_buffered(opener, payload, payload_length, err) : 0;
}

bool p2p_record_opener_is_within(const struct p2p_record_opener *opener) {
  return !opener->is_returned && p2p_buf_len(&opener->buf) > 0;
}

void p2p_record_init(struct p2p_record_sealer *sealer, struct p2p_record_opener *opener,
                     const struct p2p_transit_key *key, bool is_sender) {
  struct p2p_record_key send, receive;

  p2p_key_record(key, is_sender, &send);
  p2p_key_record(key, !is_sender, &receive);
  p2p_record_sealer_init(sealer, &send);
  p2p_record_opener_init(opener, &receive);
  p2p_wipe(&send, sizeof send);
  p2p_wipe(&receive, sizeof receive);
}

void p2p_record_opener_clear(struct p2p_record_opener *opener) {
  p2p_buf_clear(&opener->buf);
  p2p_wipe(opener, sizeof *opener);
}
