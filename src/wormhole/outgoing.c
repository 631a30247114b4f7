/* The sender's stream: two batches of records, one being sealed while the other is written. */
#include "wormhole/outgoing.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/buf.h"
#include "crypto/digest.h"
#include "net/job.h"
#include "wormhole/offer.h"
#include "wormhole/record.h"

#define PAYLOAD_BYTES 65536 /* of a record; every program takes these */
#define BATCH_RECORDS 4
#define BATCH_PAYLOAD_BYTES (BATCH_RECORDS * PAYLOAD_BYTES)
#define QUEUE_HIGH (512 * 1024)
#define LINGER_MS 1000

struct batch {
  bool is_full;         /* sealed, to be written */
  size_t payload_bytes; /* in all its records */
  size_t length;        /* of the sealed records */
  uint8_t bytes[BATCH_RECORDS * (P2P_RECORD_OVERHEAD + PAYLOAD_BYTES)];
};

struct p2p_outgoing {
  struct p2p_loop *loop;
  struct p2p_tcp *tcp;
  struct p2p_source *source;
  struct p2p_outgoing_events events;
  void *arg;
  struct p2p_record_opener opener; /* for the receipt */
  uint64_t written_bytes;          /* of the source, given to the connection */
  uint64_t begun_bytes;            /* given to jobs */
  uint64_t given_bytes;            /* sealed, to the connection */
  unsigned next_write, next_fill;  /* batches, in turn */
  bool has_ended, freed;
  bool is_running;                 /* a job; meanwhile the next batch to fill and these are its own: */
  struct p2p_record_sealer sealer;
  struct p2p_digest *digest;
  uint8_t hash[P2P_SHA256_LEN];
  struct p2p_err job_err;          /* code 0: none */
  struct batch batches[2];
};

static void destroy(struct p2p_outgoing *outgoing) {
  struct p2p_outgoing_events events = outgoing->events;
  void *arg = outgoing->arg;

  p2p_record_opener_clear(&outgoing->opener);
  p2p_record_sealer_clear(&outgoing->sealer);
  p2p_digest_free(outgoing->digest);
  p2p_wipe(outgoing, sizeof *outgoing);
  free(outgoing);
  events.on_gone(arg);
}

static void end(struct p2p_outgoing *outgoing, const struct p2p_err *err) {
  if (outgoing->has_ended || outgoing->freed)
    return;
  outgoing->has_ended = true;
  outgoing->events.on_end(outgoing->arg, err);
}

/* ---- on a thread of the pool ---- */

/* Reads right to where it is sealed in place. */
static int fill(struct p2p_outgoing *outgoing, struct p2p_err *err) {
  struct batch *batch = &outgoing->batches[outgoing->next_fill];
  size_t left = batch->payload_bytes;
  int code = P2P_OK;

  batch->length = 0;
  while (left > 0 && code == P2P_OK) {
    size_t part = left < PAYLOAD_BYTES ? left : PAYLOAD_BYTES;
    uint8_t *record = batch->bytes + batch->length, *payload = record + P2P_RECORD_OVERHEAD;
    code = p2p_source_read(outgoing->source, payload, part, err);
    if (code == P2P_OK && (code = p2p_digest_add(outgoing->digest, payload, part)) != P2P_OK)
      p2p_err_set(err, code, "The bytes cannot be hashed");
    p2p_record_seal(&outgoing->sealer, record, part);
    batch->length += P2P_RECORD_OVERHEAD + part;
    left -= part;
  }
  return code;
}

static void on_work(void *arg) {
  struct p2p_outgoing *outgoing = arg;
  struct p2p_err err;

  if (fill(outgoing, &err) != P2P_OK)
    outgoing->job_err = err;
}

/* ---- on the io thread ---- */

static void pump(struct p2p_outgoing *outgoing);

static void on_filled(void *arg) {
  struct p2p_outgoing *outgoing = arg;

  outgoing->is_running = false;
  if (outgoing->freed) {
    destroy(outgoing);
    return;
  }
  if (outgoing->job_err.code != P2P_OK) {
    end(outgoing, &outgoing->job_err);
    return;
  }
  outgoing->batches[outgoing->next_fill].is_full = true;
  outgoing->next_fill ^= 1;
  pump(outgoing);
}

/* The next batch, if there is one to fill and none is being filled. */
static int start_job(struct p2p_outgoing *outgoing) {
  struct batch *batch = &outgoing->batches[outgoing->next_fill];
  uint64_t left = outgoing->source->size_bytes - outgoing->begun_bytes;

  if (outgoing->is_running || batch->is_full || left == 0)
    return P2P_OK;
  batch->payload_bytes = left < BATCH_PAYLOAD_BYTES ? (size_t)left : BATCH_PAYLOAD_BYTES;
  outgoing->begun_bytes += batch->payload_bytes;
  outgoing->is_running = true;
  int code = p2p_job_run(outgoing->loop, on_work, on_filled, outgoing);
  if (code != P2P_OK)
    outgoing->is_running = false;
  return code;
}

/* The job first, so that it runs while the connection is written to. A write that fails is told as on_close. An event is the
 * last thing that happens here. */
static void pump(struct p2p_outgoing *outgoing) {
  struct p2p_err err;
  int code = start_job(outgoing);

  while (code == P2P_OK && outgoing->batches[outgoing->next_write].is_full && p2p_tcp_queued(outgoing->tcp) < QUEUE_HIGH) {
    struct batch *batch = &outgoing->batches[outgoing->next_write];
    (void)p2p_tcp_write(outgoing->tcp, batch->bytes, batch->length);
    batch->is_full = false;
    outgoing->written_bytes += batch->payload_bytes;
    outgoing->given_bytes += batch->length;
    outgoing->next_write ^= 1;
    code = start_job(outgoing);
  }
  if (code == P2P_OK) {
    outgoing->events.on_progress(outgoing->arg, outgoing->written_bytes);
    return;
  }
  p2p_err_set(&err, code, "Out of memory");
  end(outgoing, &err);
}

static void on_drain(void *arg) {
  struct p2p_outgoing *outgoing = arg;

  if (!outgoing->has_ended)
    pump(outgoing);
}

static int check_receipt(struct p2p_outgoing *outgoing, const uint8_t *text, size_t length, struct p2p_err *err) {
  if (outgoing->written_bytes < outgoing->source->size_bytes)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "The other side confirmed the file before it had all of it");
  int code = p2p_digest_end(outgoing->digest, outgoing->hash);
  if (code != P2P_OK)
    return p2p_err_set(err, code, "The bytes cannot be hashed");
  return p2p_offer_check_receipt(text, length, outgoing->hash, err);
}

static void on_data(void *arg, const uint8_t *bytes, size_t length) {
  struct p2p_outgoing *outgoing = arg;
  const uint8_t *payload;
  size_t payload_length;
  struct p2p_err err;

  if (outgoing->has_ended)
    return;
  int code = p2p_record_open(&outgoing->opener, &bytes, &length, &payload, &payload_length, &err);
  if (code == 0)
    return;
  if (code == 1)
    code = check_receipt(outgoing, payload, payload_length, &err);
  end(outgoing, code == P2P_OK ? NULL : &err);
}

static void on_close(void *arg, const struct p2p_err *why) {
  struct p2p_outgoing *outgoing = arg;
  struct p2p_err err = *why;

  if (why->code == P2P_ERR_CLOSED)
    p2p_err_set(&err, P2P_ERR_LOST, "The other side closed the connection before it confirmed that it has everything");
  end(outgoing, &err);
}

/* wormhole-william waits for a record of an empty file, too; the others do not mind. */
static void send_nothing(struct p2p_outgoing *outgoing) {
  uint8_t record[P2P_RECORD_OVERHEAD];

  p2p_record_seal(&outgoing->sealer, record, 0);
  (void)p2p_tcp_write(outgoing->tcp, record, sizeof record); /* a failure is told as on_close */
}

/* ---- life ---- */

static void set_keys(struct p2p_outgoing *outgoing, const struct p2p_transit_key *key) {
  struct p2p_record_key send, receive;

  p2p_key_record(key, true, &send);
  p2p_key_record(key, false, &receive);
  p2p_record_sealer_init(&outgoing->sealer, &send);
  p2p_record_opener_init(&outgoing->opener, &receive);
  p2p_wipe(&send, sizeof send);
  p2p_wipe(&receive, sizeof receive);
}

int p2p_outgoing_new(struct p2p_loop *loop, struct p2p_tcp *tcp, const struct p2p_transit_key *key, struct p2p_source *source,
                     const uint8_t *rest, size_t rest_length, const struct p2p_outgoing_events *events, void *arg,
                     struct p2p_outgoing **out, struct p2p_err *err) {
  static const struct p2p_tcp_events EVENTS = { NULL, on_data, on_drain, on_close };
  struct p2p_outgoing *outgoing = calloc(1, sizeof *outgoing);
  struct p2p_digest *digest = p2p_digest_new();

  if (outgoing == NULL || digest == NULL) {
    p2p_digest_free(digest);
    free(outgoing);
    p2p_tcp_free(tcp);
    return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  }
  outgoing->loop = loop;
  outgoing->tcp = tcp;
  outgoing->source = source;
  outgoing->events = *events;
  outgoing->arg = arg;
  outgoing->digest = digest;
  set_keys(outgoing, key);
  (void)p2p_tcp_attach(tcp, &EVENTS, outgoing); /* if it ended meanwhile, the next write or read says so */
  *out = outgoing;
  if (source->size_bytes == 0)
    send_nothing(outgoing);
  if (rest_length > 0)
    on_data(outgoing, rest, rest_length);
  else
    pump(outgoing);
  return P2P_OK;
}

uint64_t p2p_outgoing_passed(const struct p2p_outgoing *outgoing, bool *is_all) {
  size_t queued = p2p_tcp_queued(outgoing->tcp);

  *is_all = outgoing->written_bytes == outgoing->source->size_bytes && queued == 0;
  return outgoing->given_bytes > queued ? outgoing->given_bytes - queued : 0;
}

void p2p_outgoing_free(struct p2p_outgoing *outgoing) {
  if (outgoing == NULL)
    return;
  outgoing->freed = true;
  p2p_tcp_finish(outgoing->tcp, LINGER_MS);
  outgoing->tcp = NULL;
  if (!outgoing->is_running)
    destroy(outgoing);
}
