/* Framing and counters of transit records. */
#include "wormhole/record.h"

#include <string.h>

#include "base/endian.h"

#define PREFIX_LEN 4
#define CIPHER_MARK UINT32_C(0x80000000) /* in the length: a record of a cipher */

_Static_assert(P2P_KEY_LEN == P2P_BOX_KEY_LEN, "record keys are box keys");

/* Big-endian, as all implementations do it; the specification says little-endian. */
static void nonce_of(uint64_t counter, uint8_t out[P2P_BOX_NONCE_LEN]) {
  memset(out, 0, P2P_BOX_NONCE_LEN);
  p2p_set_u64(out + P2P_BOX_NONCE_LEN - 8, counter);
}

void p2p_record_sealer_init(struct p2p_record_sealer *sealer, const struct p2p_record_key *key) {
  *sealer = (struct p2p_record_sealer){.key = *key};
}

static uint8_t *seal_by_cipher(struct p2p_record_sealer *sealer, uint8_t *room, size_t length) {
  uint8_t *record = room + P2P_RECORD_OVERHEAD - P2P_RECORD_CIPHER_OVERHEAD;

  p2p_set_u32(record, CIPHER_MARK | (uint32_t)(P2P_CIPHER_TAG_LEN + length));
  int code = p2p_record_cipher_seal(sealer->cipher, sealer->counter++, record, length);
  return code == P2P_OK ? record : NULL;
}

uint8_t *p2p_record_seal(struct p2p_record_sealer *sealer, uint8_t *room, size_t length) {
  uint8_t nonce[P2P_BOX_NONCE_LEN];

  if (sealer->cipher != NULL) return seal_by_cipher(sealer, room, length);
  nonce_of(sealer->counter++, nonce);
  p2p_set_u32(room, (uint32_t)(P2P_BOX_OVERHEAD + length));
  p2p_box_seal_nonce(sealer->key.bytes, nonce, room + P2P_RECORD_OVERHEAD, length,
                     room + PREFIX_LEN);
  return room;
}

void p2p_record_sealer_clear(struct p2p_record_sealer *sealer) {
  p2p_record_cipher_free(sealer->cipher);
  p2p_wipe(sealer, sizeof *sealer);
}

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

/* What the first four bytes of a record announce. */
struct prefix {
  bool is_box;
  size_t length;   /* of what follows them */
  size_t overhead; /* as much of it is not payload */
};

static int read_prefix(const struct p2p_record_opener *opener, struct prefix *out,
                       struct p2p_err *err) {
  uint32_t word = p2p_get_u32(p2p_buf_data(&opener->buf));

  out->is_box = opener->cipher == NULL || (word & CIPHER_MARK) == 0;
  out->length = out->is_box ? word : word & ~CIPHER_MARK;
  out->overhead = out->is_box ? P2P_BOX_OVERHEAD : P2P_CIPHER_TAG_LEN;
  if (out->is_box && opener->has_switched)
    return p2p_err_set(err, P2P_ERR_PROTOCOL,
                       "the peer sent a record of the form that it had left");
  if (out->length < out->overhead)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "the peer sent a record that is too short");
  if (out->length > out->overhead + P2P_RECORD_PAYLOAD_MAX)
    return p2p_err_set(
        err, P2P_ERR_TOO_LARGE, "the peer announced a record of %lu bytes; the limit is %lu",
        (unsigned long)out->length, (unsigned long)(out->overhead + P2P_RECORD_PAYLOAD_MAX));
  return P2P_OK;
}

static int open_box(struct p2p_record_opener *opener, uint8_t *box, size_t length,
                    struct p2p_err *err) {
  uint8_t nonce[P2P_BOX_NONCE_LEN];

  nonce_of(opener->counter, nonce);
  if (memcmp(box, nonce, sizeof nonce) != 0)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "the peer sent a record out of order");
  if (p2p_box_open(opener->key.bytes, box, length, box + P2P_BOX_OVERHEAD) != P2P_OK)
    return p2p_err_set(err, P2P_ERR_CRYPTO,
                       "a record from the peer cannot be decrypted: it was altered in transit");
  return P2P_OK;
}

/* A record that is not the next one cannot be told from one that was altered. */
static int open_by_cipher(struct p2p_record_opener *opener, uint8_t *record, size_t text_length,
                          struct p2p_err *err) {
  if (p2p_record_cipher_open(opener->cipher, opener->counter, record, text_length) != P2P_OK)
    return p2p_err_set(
        err, P2P_ERR_CRYPTO,
        "a record from the peer cannot be decrypted: something was altered in transit");
  opener->has_switched = true;
  return P2P_OK;
}

static int open_buffered(struct p2p_record_opener *opener, const struct prefix *prefix,
                         const uint8_t **payload, size_t *payload_length, struct p2p_err *err) {
  uint8_t *record = opener->buf.bytes + opener->buf.start;
  int code = prefix->is_box
                 ? open_box(opener, record + PREFIX_LEN, prefix->length, err)
                 : open_by_cipher(opener, record, prefix->length - prefix->overhead, err);

  if (code != P2P_OK) return code;
  opener->counter++;
  opener->is_returned = true;
  *payload = record + PREFIX_LEN + prefix->overhead;
  *payload_length = prefix->length - prefix->overhead;
  return 1;
}

int p2p_record_open(struct p2p_record_opener *opener, const uint8_t **bytes, size_t *length,
                    const uint8_t **payload, size_t *payload_length, struct p2p_err *err) {
  struct p2p_buf *buf = &opener->buf;
  struct prefix prefix;

  if (opener->is_returned) p2p_buf_consume(buf, p2p_buf_len(buf));
  opener->is_returned = false;

  int code = 1;
  if (p2p_buf_len(buf) < PREFIX_LEN) code = fill(buf, PREFIX_LEN, bytes, length);
  if (code == 1) {
    int bad = read_prefix(opener, &prefix, err);
    if (bad != P2P_OK) return bad;
    code = fill(buf, PREFIX_LEN + prefix.length, bytes, length);
  }
  if (code < 0) return p2p_err_set(err, code, "out of memory");
  return code == 1 ? open_buffered(opener, &prefix, payload, payload_length, err) : 0;
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

int p2p_record_switch(struct p2p_record_sealer *sealer, struct p2p_record_opener *opener,
                      enum p2p_cipher_kind kind, const struct p2p_transit_key *key,
                      bool is_sender) {
  struct p2p_record_cipher *send = NULL, *receive = NULL;

  int code = p2p_record_cipher_new(kind, key, is_sender, true, &send);
  if (code == P2P_OK) code = p2p_record_cipher_new(kind, key, !is_sender, false, &receive);
  if (code != P2P_OK) {
    p2p_record_cipher_free(send);
    return code;
  }
  sealer->cipher = send;
  opener->cipher = receive;
  return P2P_OK;
}

void p2p_record_opener_clear(struct p2p_record_opener *opener) {
  p2p_buf_clear(&opener->buf);
  p2p_record_cipher_free(opener->cipher);
  p2p_wipe(opener, sizeof *opener);
}
