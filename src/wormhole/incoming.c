/* The receiver's stream: two batches of bytes, one being filled from the connection while the other is hashed and written. Who
 * sends faster than the disk takes is not read from. */
#include "wormhole/incoming.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/digest.h"
#include "net/job.h"
#include "wormhole/offer.h"
#include "wormhole/record.h"

#define BATCH_BYTES (256 * 1024)                          /* enough for a job */
#define BATCH_ROOM (BATCH_BYTES + 2 * P2P_RECORD_PAYLOAD_MAX) /* with what one read may bring beyond it */
#define LINGER_MS 5000

struct batch {
  size_t length;
  uint8_t bytes[BATCH_ROOM];
};

struct p2p_incoming {
  struct p2p_loop *loop;
  struct p2p_tcp *tcp;
  struct p2p_arrival *arrival;
  struct p2p_incoming_events events;
  void *arg;
  uint64_t size_bytes, opened_bytes, written_bytes;
  uint64_t passed_bytes; /* over the connection */
  struct p2p_record_opener opener;
  struct p2p_record_sealer sealer; /* for the receipt */
  unsigned filling;                /* the batch of the io thread; the other one is the job's */
  bool is_running, is_paused, has_ended, freed, has_file;
  struct p2p_digest *digest;
  uint8_t hash[P2P_SHA256_LEN];
  struct p2p_err job_err;          /* code 0: none */
  struct batch batches[2];
};

static void destroy(struct p2p_incoming *incoming) {
  struct p2p_incoming_events events = incoming->events;
  void *arg = incoming->arg;

  p2p_record_opener_clear(&incoming->opener);
  p2p_record_sealer_clear(&incoming->sealer);
  p2p_digest_free(incoming->digest);
  p2p_wipe(incoming, sizeof *incoming);
  free(incoming);
  events.on_gone(arg);
}

/* The last thing that happens in whoever calls it. */
static void end(struct p2p_incoming *incoming, const struct p2p_err *err) {
  if (incoming->has_ended || incoming->freed)
    return;
  incoming->has_ended = true;
  incoming->events.on_end(incoming->arg, err);
}

/* ---- on a thread of the pool ---- */

static bool is_last(const struct p2p_incoming *incoming, const struct batch *batch) {
  return incoming->written_bytes + batch->length == incoming->size_bytes;
}

static int write_batch(struct p2p_incoming *incoming, struct p2p_err *err) {
  struct batch *batch = &incoming->batches[incoming->filling ^ 1];
  int code = p2p_digest_add(incoming->digest, batch->bytes, batch->length);

  if (code == P2P_OK && is_last(incoming, batch))
    code = p2p_digest_end(incoming->digest, incoming->hash);
  if (code != P2P_OK)
    return p2p_err_set(err, code, "The bytes cannot be hashed");
  code = p2p_arrival_write(incoming->arrival, batch->bytes, batch->length, err);
  if (code == P2P_OK && is_last(incoming, batch))
    code = p2p_arrival_commit(incoming->arrival, err);
  return code;
}

static void on_work(void *arg) {
  struct p2p_incoming *incoming = arg;
  struct p2p_err err;

  if (write_batch(incoming, &err) != P2P_OK)
    incoming->job_err = err;
}

/* ---- on the io thread ---- */

static void send_receipt(struct p2p_incoming *incoming) {
  uint8_t record[P2P_RECORD_OVERHEAD + P2P_OFFER_RECEIPT_MAX];
  char *text = (char *)record + P2P_RECORD_OVERHEAD;

  p2p_offer_format_receipt(incoming->hash, text);
  size_t length = strlen(text);
  p2p_record_seal(&incoming->sealer, record, length);
  (void)p2p_tcp_write(incoming->tcp, record, P2P_RECORD_OVERHEAD + length); /* the file is ours, whatever becomes of the receipt */
}

static void on_written(void *arg);

/* When a batch is full, or it is the last, and nothing is being written. */
static void write_if_due(struct p2p_incoming *incoming) {
  struct batch *batch = &incoming->batches[incoming->filling];
  bool is_full = batch->length >= BATCH_BYTES;
  bool is_due = is_full || (!incoming->has_file && incoming->opened_bytes == incoming->size_bytes);
  struct p2p_err err;

  if (incoming->is_running) {
    if (is_full && !incoming->is_paused)
      p2p_tcp_pause(incoming->tcp);
    incoming->is_paused = incoming->is_paused || is_full;
    return;
  }
  if (!is_due)
    return;
  incoming->filling ^= 1;
  incoming->batches[incoming->filling].length = 0;
  if (p2p_job_run(incoming->loop, on_work, on_written, incoming) == P2P_OK) {
    incoming->is_running = true;
    return;
  }
  p2p_err_set(&err, P2P_ERR_MEMORY, "Out of memory");
  end(incoming, &err);
}

static void on_written(void *arg) {
  struct p2p_incoming *incoming = arg;

  incoming->is_running = false;
  if (incoming->freed) {
    destroy(incoming);
    return;
  }
  if (incoming->has_ended)
    return;
  if (incoming->job_err.code != P2P_OK) {
    end(incoming, &incoming->job_err);
    return;
  }
  incoming->written_bytes += incoming->batches[incoming->filling ^ 1].length;
  if (incoming->written_bytes == incoming->size_bytes) {
    incoming->has_file = true;
    send_receipt(incoming);
    end(incoming, NULL);
    return;
  }
  if (incoming->is_paused)
    p2p_tcp_resume(incoming->tcp);
  incoming->is_paused = false;
  write_if_due(incoming);
}

static int take_payload(struct p2p_incoming *incoming, const uint8_t *payload, size_t length, struct p2p_err *err) {
  struct batch *batch = &incoming->batches[incoming->filling];

  if (length > incoming->size_bytes - incoming->opened_bytes)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "The other side sends more bytes than it announced");
  if (length > 0)
    memcpy(batch->bytes + batch->length, payload, length);
  batch->length += length;
  incoming->opened_bytes += length;
  return P2P_OK;
}

static void take_records(struct p2p_incoming *incoming, const uint8_t *bytes, size_t length) {
  const uint8_t *payload;
  size_t payload_length;
  struct p2p_err err;
  int code;

  incoming->passed_bytes += length;
  while ((code = p2p_record_open(&incoming->opener, &bytes, &length, &payload, &payload_length, &err)) == 1) {
    code = take_payload(incoming, payload, payload_length, &err);
    if (code != P2P_OK)
      break;
  }
  if (code < 0) {
    end(incoming, &err);
    return;
  }
  write_if_due(incoming);
}

static void on_data(void *arg, const uint8_t *bytes, size_t length) {
  struct p2p_incoming *incoming = arg;

  if (incoming->has_ended || incoming->opened_bytes == incoming->size_bytes)
    return; /* what comes after the file is of no concern: the last batch may be on its way to its name */
  incoming->events.on_progress(incoming->arg, incoming->opened_bytes);
  take_records(incoming, bytes, length);
}

/* What came whole before the end is written all the same. */
static void on_close(void *arg, const struct p2p_err *why) {
  struct p2p_incoming *incoming = arg;
  struct p2p_err err = *why;

  if (incoming->opened_bytes == incoming->size_bytes)
    return; /* its end comes with the last job */
  if (why->code == P2P_ERR_CLOSED)
    p2p_err_set(&err, P2P_ERR_LOST, "The other side closed the connection after %llu of %llu bytes",
                (unsigned long long)incoming->opened_bytes, (unsigned long long)incoming->size_bytes);
  end(incoming, &err);
}

/* ---- life ---- */

static void set_keys(struct p2p_incoming *incoming, const struct p2p_transit_key *key) {
  struct p2p_record_key send, receive;

  p2p_key_record(key, false, &send);
  p2p_key_record(key, true, &receive);
  p2p_record_sealer_init(&incoming->sealer, &send);
  p2p_record_opener_init(&incoming->opener, &receive);
  p2p_wipe(&send, sizeof send);
  p2p_wipe(&receive, sizeof receive);
}

int p2p_incoming_new(struct p2p_loop *loop, struct p2p_tcp *tcp, const struct p2p_transit_key *key, struct p2p_arrival *arrival,
                     uint64_t size_bytes, const uint8_t *rest, size_t rest_length, const struct p2p_incoming_events *events,
                     void *arg, struct p2p_incoming **out, struct p2p_err *err) {
  static const struct p2p_tcp_events EVENTS = { NULL, on_data, NULL, on_close };
  struct p2p_incoming *incoming = calloc(1, sizeof *incoming);
  struct p2p_digest *digest = p2p_digest_new();

  if (incoming == NULL || digest == NULL) {
    p2p_digest_free(digest);
    free(incoming);
    p2p_tcp_free(tcp);
    return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  }
  incoming->loop = loop;
  incoming->tcp = tcp;
  incoming->arrival = arrival;
  incoming->size_bytes = size_bytes;
  incoming->events = *events;
  incoming->arg = arg;
  incoming->digest = digest;
  set_keys(incoming, key);
  (void)p2p_tcp_attach(tcp, &EVENTS, incoming); /* if it ended meanwhile, the next read says so */
  *out = incoming;
  take_records(incoming, rest, rest_length);
  return P2P_OK;
}

uint64_t p2p_incoming_passed(const struct p2p_incoming *incoming) { return incoming->passed_bytes; }

void p2p_incoming_free(struct p2p_incoming *incoming) {
  if (incoming == NULL)
    return;
  incoming->freed = true;
  p2p_tcp_finish(incoming->tcp, LINGER_MS);
  incoming->tcp = NULL;
  if (!incoming->is_running)
    destroy(incoming);
}
