/* The sender. One batch of records is sealed while the other is sent. */
#include "transfer/sender.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/buf.h"
#include "crypto/digest.h"
#include "net/job.h"
#include "net/tcp.h"
#include "transfer/receipt.h"
#include "wormhole/record.h"

#define PAYLOAD_BYTES 65536 /* of a record; all implementations accept this size */
#define BATCH_RECORDS 4
#define BATCH_PAYLOAD_BYTES (BATCH_RECORDS * PAYLOAD_BYTES)
#define QUEUE_HIGH (512 * 1024)
#define LINGER_MS 1000

struct batch {
  bool is_full;         /* sealed, to be sent */
  size_t payload_bytes; /* in all records */
  size_t length;        /* of all records */
  uint8_t bytes[BATCH_RECORDS * (P2P_RECORD_OVERHEAD + PAYLOAD_BYTES)];
};

struct p2p_sender {
  struct p2p_loop *loop;
  struct p2p_tcp *tcp;
  struct p2p_input_file *input;
  struct p2p_sender_callbacks callbacks;
  void *arg;
  struct p2p_record_opener opener; /* for the receipt */
  uint64_t started_bytes;          /* of the file, for which a job was started */
  uint64_t written_bytes;          /* of the file, written to the connection */
  uint64_t record_bytes;           /* of records, written to the connection */
  unsigned next_write, next_fill;  /* batches */
  bool has_ended;
  struct p2p_job *job; /* NULL if none runs; it owns the batch `next_fill` and the following: */
  struct p2p_record_sealer sealer;
  struct p2p_digest *digest;
  uint8_t hash[P2P_SHA256_LEN];
  struct p2p_err job_err; /* code P2P_OK if it succeeded */
  struct batch batches[2];
};

static void destroy(void *arg_of_job) {
  struct p2p_sender *sender = arg_of_job;
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
  if (sender->has_ended) return;
  sender->has_ended = true;
  sender->callbacks.on_end(sender->arg, err);
}

/* ---- on a thread of the pool ---- */

/* Reads to the place where the record is sealed. */
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
      p2p_err_set(err, code, "cannot compute the SHA-256");
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

static void on_filled(void *arg, void *data) {
  struct p2p_sender *sender = arg;

  (void)data;
  sender->job = NULL;
  if (sender->job_err.code != P2P_OK) {
    end(sender, &sender->job_err);
    return;
  }
  sender->batches[sender->next_fill].is_full = true;
  sender->next_fill ^= 1;
  pump(sender);
}

/* Starts to fill the next batch if it is empty, data is left, and no job runs. */
static int start_job(struct p2p_sender *sender) {
  struct batch *batch = &sender->batches[sender->next_fill];
  uint64_t left = sender->input->size_bytes - sender->started_bytes;

  if (sender->job != NULL || batch->is_full || left == 0) return P2P_OK;
  batch->payload_bytes = left < BATCH_PAYLOAD_BYTES ? (size_t)left : BATCH_PAYLOAD_BYTES;
  sender->started_bytes += batch->payload_bytes;
  const struct p2p_job_config config = {
      .work = on_work, .done = on_filled, .release = destroy, .data = sender, .arg = sender};
  return p2p_job_start(sender->loop, &config, &sender->job);
}

/* Starts the job before it writes, so that both run at the same time. A failure to write is
 * reported by on_close. Callers return at once: the owner may free the sender. */
static void pump(struct p2p_sender *sender) {
  struct p2p_err err;
  int code = start_job(sender);

  while (code == P2P_OK && sender->batches[sender->next_write].is_full &&
         p2p_tcp_queued(sender->tcp) < QUEUE_HIGH) {
    struct batch *batch = &sender->batches[sender->next_write];
    (void)p2p_tcp_write(sender->tcp, batch->bytes, batch->length);
    batch->is_full = false;
    sender->written_bytes += batch->payload_bytes;
    sender->record_bytes += batch->length;
    sender->next_write ^= 1;
    code = start_job(sender);
  }
  if (code == P2P_OK) {
    sender->callbacks.on_progress(sender->arg, sender->written_bytes);
    return;
  }
  p2p_job_explain(code, &err);
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
                       "the other side confirmed the file before it was complete");
  int code = p2p_digest_end(sender->digest, sender->hash);
  if (code != P2P_OK) return p2p_err_set(err, code, "cannot compute the SHA-256");
  return p2p_receipt_check(text, length, sender->hash, err);
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

static void on_close(void *arg, const struct p2p_err *reason) {
  struct p2p_sender *sender = arg;
  struct p2p_err err = *reason;

  if (reason->code == P2P_ERR_CLOSED)
    p2p_err_set(&err, P2P_ERR_LOST,
                "the other side closed the connection before it confirmed the file");
  end(sender, &err);
}

/* wormhole-william expects a record even for an empty file. */
static void send_empty_record(struct p2p_sender *sender) {
  uint8_t record[P2P_RECORD_OVERHEAD];

  p2p_record_seal(&sender->sealer, record, 0);
  (void)p2p_tcp_write(sender->tcp, record, sizeof record); /* on_close reports a failure */
}

/* ---- new and free ---- */

int p2p_sender_new(const struct p2p_sender_config *config,
                   const struct p2p_sender_callbacks *callbacks, void *arg, struct p2p_sender **out,
                   struct p2p_err *err) {
  static const struct p2p_tcp_callbacks EVENTS = {NULL, on_data, on_drain, on_close};
  struct p2p_sender *sender = calloc(1, sizeof *sender);
  struct p2p_digest *digest = p2p_digest_new();

  if (sender == NULL || digest == NULL) {
    p2p_digest_free(digest);
    free(sender);
    p2p_tcp_free(config->tcp);
    return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  }
  sender->loop = config->loop;
  sender->tcp = config->tcp;
  sender->input = config->input;
  sender->callbacks = *callbacks;
  sender->arg = arg;
  sender->digest = digest;
  p2p_record_init(&sender->sealer, &sender->opener, config->key, true);
  /* If the connection has ended already, the next read or write reports it. */
  (void)p2p_tcp_attach(sender->tcp, &EVENTS, sender);
  *out = sender;
  if (sender->input->size_bytes == 0) send_empty_record(sender);
  if (config->rest_length > 0)
    on_data(sender, config->rest, config->rest_length);
  else
    pump(sender);
  return P2P_OK;
}

uint64_t p2p_sender_written(const struct p2p_sender *sender, bool *is_all) {
  size_t queued = p2p_tcp_queued(sender->tcp);

  *is_all = sender->written_bytes == sender->input->size_bytes && queued == 0;
  return sender->record_bytes > queued ? sender->record_bytes - queued : 0;
}

void p2p_sender_free(struct p2p_sender *sender) {
  if (sender == NULL) return;
  p2p_tcp_finish(sender->tcp, LINGER_MS);
  sender->tcp = NULL;
  if (sender->job != NULL)
    p2p_job_cancel(sender->job);
  else
    destroy(sender);
}
