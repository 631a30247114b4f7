/* The receiver. One batch of bytes is filled from the connection while the other is hashed and
 * written. When the disk is slower than the network, the connection is paused. */
#include "transfer/receiver.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/digest.h"
#include "net/job.h"
#include "net/tcp.h"
#include "transfer/receipt.h"
#include "wormhole/record.h"

#define BATCH_BYTES (256 * 1024)                              /* are written at once */
#define BATCH_ROOM (BATCH_BYTES + 2 * P2P_RECORD_PAYLOAD_MAX) /* one read may exceed them */
#define LINGER_MS 5000

struct batch {
  size_t length;
  uint8_t bytes[BATCH_ROOM];
};

struct p2p_receiver {
  struct p2p_loop *loop;
  struct p2p_tcp *tcp;
  struct p2p_output_file *output;
  struct p2p_receiver_callbacks callbacks;
  void *arg;
  uint64_t size_bytes, opened_bytes, written_bytes; /* of the file */
  uint64_t arrived_bytes;                           /* on the connection */
  struct p2p_record_opener opener;
  struct p2p_record_sealer sealer; /* for the receipt */
  unsigned filling;                /* the batch of the io thread; the other belongs to the job */
  struct p2p_job *job;             /* NULL if none runs */
  bool is_paused, has_ended, has_file;
  struct p2p_digest *digest;
  uint8_t hash[P2P_SHA256_LEN];
  struct p2p_err job_err; /* code P2P_OK if it succeeded */
  struct batch batches[2];
};

static void destroy(void *arg_of_job) {
  struct p2p_receiver *receiver = arg_of_job;
  struct p2p_receiver_callbacks callbacks = receiver->callbacks;
  void *arg = receiver->arg;

  p2p_record_opener_clear(&receiver->opener);
  p2p_record_sealer_clear(&receiver->sealer);
  p2p_digest_free(receiver->digest);
  p2p_wipe(receiver, sizeof *receiver);
  free(receiver);
  callbacks.on_gone(arg);
}

/* Callers return at once: the owner may free the receiver. */
static void end(struct p2p_receiver *receiver, const struct p2p_err *err) {
  if (receiver->has_ended) return;
  receiver->has_ended = true;
  receiver->callbacks.on_end(receiver->arg, err);
}

/* ---- on a thread of the pool ---- */

static bool is_last(const struct p2p_receiver *receiver, const struct batch *batch) {
  return receiver->written_bytes + batch->length == receiver->size_bytes;
}

static int write_batch(struct p2p_receiver *receiver, struct p2p_err *err) {
  struct batch *batch = &receiver->batches[receiver->filling ^ 1];
  int code = p2p_digest_add(receiver->digest, batch->bytes, batch->length);

  if (code == P2P_OK && is_last(receiver, batch))
    code = p2p_digest_end(receiver->digest, receiver->hash);
  if (code != P2P_OK) return p2p_err_set(err, code, "cannot compute the SHA-256");
  code = p2p_output_file_write(receiver->output, batch->bytes, batch->length, err);
  if (code == P2P_OK && is_last(receiver, batch))
    code = p2p_output_file_commit(receiver->output, err);
  return code;
}

static void on_work(void *arg) {
  struct p2p_receiver *receiver = arg;
  struct p2p_err err;

  if (write_batch(receiver, &err) != P2P_OK) receiver->job_err = err;
}

/* ---- on the io thread ---- */

static void send_receipt(struct p2p_receiver *receiver) {
  uint8_t record[P2P_RECORD_OVERHEAD + P2P_RECEIPT_MAX];
  char *text = (char *)record + P2P_RECORD_OVERHEAD;

  p2p_receipt_format(receiver->hash, text);
  size_t length = strlen(text);
  p2p_record_seal(&receiver->sealer, record, length);
  /* We have the file even if the receipt cannot be sent. */
  (void)p2p_tcp_write(receiver->tcp, record, P2P_RECORD_OVERHEAD + length);
}

static void on_written(void *arg, void *data);

/* Starts to write the batch if it is full or the last one, and no job runs. */
static void write_if_due(struct p2p_receiver *receiver) {
  struct batch *batch = &receiver->batches[receiver->filling];
  bool is_full = batch->length >= BATCH_BYTES;
  bool is_due = is_full || (!receiver->has_file && receiver->opened_bytes == receiver->size_bytes);
  struct p2p_err err;

  if (receiver->job != NULL) {
    if (is_full && !receiver->is_paused) p2p_tcp_pause(receiver->tcp);
    receiver->is_paused = receiver->is_paused || is_full;
    return;
  }
  if (!is_due) return;
  receiver->filling ^= 1;
  receiver->batches[receiver->filling].length = 0;
  const struct p2p_job_config config = {
      .work = on_work, .done = on_written, .release = destroy, .data = receiver, .arg = receiver};
  int code = p2p_job_start(receiver->loop, &config, &receiver->job);
  if (code == P2P_OK) return;
  p2p_job_explain(code, &err);
  end(receiver, &err);
}

static void on_written(void *arg, void *data) {
  struct p2p_receiver *receiver = arg;

  (void)data;
  receiver->job = NULL;
  if (receiver->has_ended) return;
  if (receiver->job_err.code != P2P_OK) {
    end(receiver, &receiver->job_err);
    return;
  }
  receiver->written_bytes += receiver->batches[receiver->filling ^ 1].length;
  if (receiver->written_bytes == receiver->size_bytes) {
    receiver->has_file = true;
    send_receipt(receiver);
    end(receiver, NULL);
    return;
  }
  if (receiver->is_paused) p2p_tcp_resume(receiver->tcp);
  receiver->is_paused = false;
  write_if_due(receiver);
}

static int receive_payload(struct p2p_receiver *receiver, const uint8_t *payload, size_t length,
                           struct p2p_err *err) {
  struct batch *batch = &receiver->batches[receiver->filling];

  if (length > receiver->size_bytes - receiver->opened_bytes)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "the other side sent more bytes than it announced");
  if (length > 0) memcpy(batch->bytes + batch->length, payload, length);
  batch->length += length;
  receiver->opened_bytes += length;
  return P2P_OK;
}

static void receive_records(struct p2p_receiver *receiver, const uint8_t *bytes, size_t length) {
  const uint8_t *payload;
  size_t payload_length;
  struct p2p_err err;
  int code;

  receiver->arrived_bytes += length;
  while ((code = p2p_record_open(&receiver->opener, &bytes, &length, &payload, &payload_length,
                                 &err)) == 1) {
    code = receive_payload(receiver, payload, payload_length, &err);
    if (code != P2P_OK) break;
  }
  if (code < 0) {
    end(receiver, &err);
    return;
  }
  write_if_due(receiver);
}

static void on_data(void *arg, const uint8_t *bytes, size_t length) {
  struct p2p_receiver *receiver = arg;

  if (receiver->has_ended || receiver->opened_bytes == receiver->size_bytes)
    return; /* ignore data after the file: a job may still write the last batch */
  receiver->callbacks.on_progress(receiver->arg, receiver->opened_bytes);
  receive_records(receiver, bytes, length);
}

/* A file that has arrived completely is still written. */
static void on_close(void *arg, const struct p2p_err *reason) {
  struct p2p_receiver *receiver = arg;
  struct p2p_err err = *reason;

  if (receiver->opened_bytes == receiver->size_bytes) return; /* on_written reports the end */
  if (reason->code == P2P_ERR_CLOSED)
    p2p_err_set(&err, P2P_ERR_LOST, "the other side closed the connection after %llu of %llu bytes",
                (unsigned long long)receiver->opened_bytes,
                (unsigned long long)receiver->size_bytes);
  end(receiver, &err);
}

/* ---- new and free ---- */

int p2p_receiver_new(const struct p2p_receiver_config *config,
                     const struct p2p_receiver_callbacks *callbacks, void *arg,
                     struct p2p_receiver **out, struct p2p_err *err) {
  static const struct p2p_tcp_callbacks EVENTS = {NULL, on_data, NULL, on_close};
  struct p2p_receiver *receiver = calloc(1, sizeof *receiver);
  struct p2p_digest *digest = p2p_digest_new();

  if (receiver == NULL || digest == NULL) {
    p2p_digest_free(digest);
    free(receiver);
    p2p_tcp_free(config->tcp);
    return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  }
  receiver->loop = config->loop;
  receiver->tcp = config->tcp;
  receiver->output = config->output;
  receiver->size_bytes = config->size_bytes;
  receiver->callbacks = *callbacks;
  receiver->arg = arg;
  receiver->digest = digest;
  p2p_record_init(&receiver->sealer, &receiver->opener, config->key, false);
  /* If the connection has ended already, the next read reports it. */
  (void)p2p_tcp_attach(receiver->tcp, &EVENTS, receiver);
  *out = receiver;
  receive_records(receiver, config->rest, config->rest_length);
  return P2P_OK;
}

uint64_t p2p_receiver_arrived(const struct p2p_receiver *receiver) {
  return receiver->arrived_bytes;
}

void p2p_receiver_free(struct p2p_receiver *receiver) {
  if (receiver == NULL) return;
  p2p_tcp_finish(receiver->tcp, LINGER_MS);
  receiver->tcp = NULL;
  if (receiver->job != NULL)
    p2p_job_cancel(receiver->job);
  else
    destroy(receiver);
}
