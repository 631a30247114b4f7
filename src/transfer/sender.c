/* The sender's stream: two batches of records, one being sealed while the other is written. */
#include "transfer/sender.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/buf.h"
#include "crypto/digest.h"
#include "net/job.h"
#include "transfer/offer.h"
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

struct p2p_sender {
  struct p2p_loop *loop;
  struct p2p_tcp *tcp;
  struct p2p_input_file *input;
  struct p2p_sender_callbacks callbacks;
  void *arg;
  struct p2p_record_opener opener; /* for the receipt */
  uint64_t written_bytes;          /* of the source, given to the connection */
  uint64_t begun_bytes;            /* given to jobs */
  uint64_t given_bytes;            /* sealed, to the connection */
  unsigned next_write, next_fill;  /* batches, in turn */
  bool has_ended, freed;
  bool is_running; /* a job; meanwhile the next batch to fill and these are its own: */
  struct p2p_record_sealer sealer;
  struct p2p_digest *digest;
  uint8_t hash[P2P_SHA256_LEN];
  struct p2p_err job_err; /* code 0: none */
  struct batch batches[2];
};

static void destroy(struct p2p_sender *sender) {
  struct p2p_sender_callbacks callbacks = sender->callbacks;
  void *arg = sender->arg;

  p2p_record_opener_clear(&sender->opener);
  p2p_record_sealer_clear(&sender->sealer);
  p2p_digest_free(sender->digest);
  p2p_wipe(sender, sizeof *sender);
  free(sender);
  callbacks.on_gone(arg);
}

static void end(struct p2p_sender *sender, const struct p2p_err *err) {
  if (sender->has_ended || sender->freed) return;
  sender->has_ended = true;
  sender->callbacks.on_end(sender->arg, err);
}

/* ---- on a thread of the pool ---- */

/* Reads right to where it is sealed in place. */
static int fill(struct p2p_sender *sender, struct p2p_err *err) {
  struct batch *batch = &sender->batches[sender->next_fill];
  size_t left = batch->payload_bytes;
  int code = P2P_OK;

  batch->length = 0;
  while (left > 0 && code == P2P_OK) {
    size_t part = left < PAYLOAD_BYTES ? left : PAYLOAD_BYTES;
    uint8_t *record = batch->bytes + batch->length, *payload = record + P2P_RECORD_OVERHEAD;
    code = p2p_input_file_read(sender->input, payload, part, err);
    if (code == P2P_OK && (code = p2p_digest_add(sender->digest, payload, part)) != P2P_OK)
      p2p_err_set(err, code, "The bytes cannot be hashed");
    p2p_record_seal(&sender->sealer, record, part);
    batch->length += P2P_RECORD_OVERHEAD + part;
    left -= part;
  }
  return code;
}

static void on_work(void *arg) {
  struct p2p_sender *sender = arg;
  struct p2p_err err;

  if (fill(sender, &err) != P2P_OK) sender->job_err = err;
}

/* ---- on the io thread ---- */

static void pump(struct p2p_sender *sender);

static void on_filled(void *arg) {
  struct p2p_sender *sender = arg;

  sender->is_running = false;
  if (sender->freed) {
    destroy(sender);
    return;
  }
  if (sender->job_err.code != P2P_OK) {
    end(sender, &sender->job_err);
    return;
  }
  sender->batches[sender->next_fill].is_full = true;
  sender->next_fill ^= 1;
  pump(sender);
}

/* The next batch, if there is one to fill and none is being filled. */
static int start_job(struct p2p_sender *sender) {
  struct batch *batch = &sender->batches[sender->next_fill];
  uint64_t left = sender->input->size_bytes - sender->begun_bytes;

  if (sender->is_running || batch->is_full || left == 0) return P2P_OK;
  batch->payload_bytes = left < BATCH_PAYLOAD_BYTES ? (size_t)left : BATCH_PAYLOAD_BYTES;
  sender->begun_bytes += batch->payload_bytes;
  sender->is_running = true;
  int code = p2p_job_run(sender->loop, on_work, on_filled, sender);
  if (code != P2P_OK) sender->is_running = false;
  return code;
}

/* The job first, so that it runs while the connection is written to. A write that fails is told as
 * on_close. An event is the last thing that happens here. */
static void pump(struct p2p_sender *sender) {
  struct p2p_err err;
  int code = start_job(sender);

  while (code == P2P_OK && sender->batches[sender->next_write].is_full &&
         p2p_tcp_queued(sender->tcp) < QUEUE_HIGH) {
    struct batch *batch = &sender->batches[sender->next_write];
    (void)p2p_tcp_write(sender->tcp, batch->bytes, batch->length);
    batch->is_full = false;
    sender->written_bytes += batch->payload_bytes;
    sender->given_bytes += batch->length;
    sender->next_write ^= 1;
    code = start_job(sender);
  }
  if (code == P2P_OK) {
    sender->callbacks.on_progress(sender->arg, sender->written_bytes);
    return;
  }
  p2p_err_set(&err, code, "Out of memory");
  end(sender, &err);
}

static void on_drain(void *arg) {
  struct p2p_sender *sender = arg;

  if (!sender->has_ended) pump(sender);
}

static int check_receipt(struct p2p_sender *sender, const uint8_t *text, size_t length,
                         struct p2p_err *err) {
  if (sender->written_bytes < sender->input->size_bytes)
    return p2p_err_set(err, P2P_ERR_PROTOCOL,
                       "The other side confirmed the file before it had all of it");
  int code = p2p_digest_end(sender->digest, sender->hash);
  if (code != P2P_OK) return p2p_err_set(err, code, "The bytes cannot be hashed");
  return p2p_offer_check_receipt(text, length, sender->hash, err);
}

static void on_data(void *arg, const uint8_t *bytes, size_t length) {
  struct p2p_sender *sender = arg;
  const uint8_t *payload;
  size_t payload_length;
  struct p2p_err err;

  if (sender->has_ended) return;
  int code = p2p_record_open(&sender->opener, &bytes, &length, &payload, &payload_length, &err);
  if (code == 0) return;
  if (code == 1) code = check_receipt(sender, payload, payload_length, &err);
  end(sender, code == P2P_OK ? NULL : &err);
}

static void on_close(void *arg, const struct p2p_err *why) {
  struct p2p_sender *sender = arg;
  struct p2p_err err = *why;

  if (why->code == P2P_ERR_CLOSED)
    p2p_err_set(&err, P2P_ERR_LOST,
                "The other side closed the connection before it confirmed that it has everything");
  end(sender, &err);
}

/* wormhole-william waits for a record of an empty file, too; the others do not mind. */
static void send_nothing(struct p2p_sender *sender) {
  uint8_t record[P2P_RECORD_OVERHEAD];

  p2p_record_seal(&sender->sealer, record, 0);
  (void)p2p_tcp_write(sender->tcp, record, sizeof record); /* a failure is told as on_close */
}

/* ---- life ---- */

static void set_keys(struct p2p_sender *sender, const struct p2p_transit_key *key) {
  struct p2p_record_key send, receive;

  p2p_key_record(key, true, &send);
  p2p_key_record(key, false, &receive);
  p2p_record_sealer_init(&sender->sealer, &send);
  p2p_record_opener_init(&sender->opener, &receive);
  p2p_wipe(&send, sizeof send);
  p2p_wipe(&receive, sizeof receive);
}

int p2p_sender_new(struct p2p_loop *loop, struct p2p_tcp *tcp, const struct p2p_transit_key *key,
                   struct p2p_input_file *input, const uint8_t *rest, size_t rest_length,
                   const struct p2p_sender_callbacks *callbacks, void *arg, struct p2p_sender **out,
                   struct p2p_err *err) {
  static const struct p2p_tcp_callbacks EVENTS = {NULL, on_data, on_drain, on_close};
  struct p2p_sender *sender = calloc(1, sizeof *sender);
  struct p2p_digest *digest = p2p_digest_new();

  if (sender == NULL || digest == NULL) {
    p2p_digest_free(digest);
    free(sender);
    p2p_tcp_free(tcp);
    return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  }
  sender->loop = loop;
  sender->tcp = tcp;
  sender->input = input;
  sender->callbacks = *callbacks;
  sender->arg = arg;
  sender->digest = digest;
  set_keys(sender, key);
  (void)p2p_tcp_attach(tcp, &EVENTS,
                       sender); /* if it ended meanwhile, the next write or read says so */
  *out = sender;
  if (input->size_bytes == 0) send_nothing(sender);
  if (rest_length > 0)
    on_data(sender, rest, rest_length);
  else
    pump(sender);
  return P2P_OK;
}

uint64_t p2p_sender_passed(const struct p2p_sender *sender, bool *is_all) {
  size_t queued = p2p_tcp_queued(sender->tcp);

  *is_all = sender->written_bytes == sender->input->size_bytes && queued == 0;
  return sender->given_bytes > queued ? sender->given_bytes - queued : 0;
}

void p2p_sender_free(struct p2p_sender *sender) {
  if (sender == NULL) return;
  sender->freed = true;
  p2p_tcp_finish(sender->tcp, LINGER_MS);
  sender->tcp = NULL;
  if (!sender->is_running) destroy(sender);
}
