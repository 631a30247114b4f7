/* A file transfer for other threads: calls run on the io thread, and what the io thread reports is
 * kept under a lock. */
#include "transfer/transfer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/notifier.h"
#include "net/service.h"
#include "transfer/input_file.h"
#include "transfer/session.h"

struct p2p_transfer {
  struct p2p_service *service;
  struct p2p_transfer_session *session; /* io thread only */
  pthread_mutex_t lock;
  struct p2p_notifier notifier;
  /* Under the lock: */
  struct p2p_transfer_status status;
  bool is_over;
  char *text; /* that was received */
  size_t text_length;
};

/* ---- on the io thread ---- */

static void on_status(void *arg, const struct p2p_transfer_status *status) {
  struct p2p_transfer *transfer = arg;

  pthread_mutex_lock(&transfer->lock);
  transfer->status = *status;
  pthread_mutex_unlock(&transfer->lock);
  p2p_notifier_notify(&transfer->notifier);
}

static void on_over(void *arg, char *text, size_t text_length) {
  struct p2p_transfer *transfer = arg;

  pthread_mutex_lock(&transfer->lock);
  transfer->text = text;
  transfer->text_length = text_length;
  transfer->is_over = true;
  pthread_mutex_unlock(&transfer->lock);
  p2p_notifier_notify(&transfer->notifier);
}

struct start {
  const struct p2p_transfer_config *config;
  const struct p2p_input_file *input;
};

static int start(void *state, const void *arg, struct p2p_err *err) {
  static const struct p2p_transfer_session_callbacks EVENTS = {on_status, on_over};
  struct p2p_transfer *transfer = state;

  const struct start *start = arg;

  return p2p_transfer_session_new(start->config, start->input, &EVENTS, transfer,
                                  &transfer->session, err);
}

static void stop(void *state) {
  struct p2p_transfer *transfer = state;
  p2p_transfer_session_free(transfer->session);
}

static void cancel(void *state, void *unused) {
  struct p2p_transfer *transfer = state;
  (void)unused;
  p2p_transfer_session_cancel(transfer->session);
}

static void confirm(void *state, void *is_same) {
  struct p2p_transfer *transfer = state;
  p2p_transfer_session_confirm(transfer->session, *(const bool *)is_same);
}

/* ---- on any other thread ---- */

static void destroy(void *state) {
  struct p2p_transfer *transfer = state;
  p2p_notifier_destroy(&transfer->notifier);
  pthread_mutex_destroy(&transfer->lock);
  free(transfer->text);
  free(transfer);
}

static int create(struct p2p_transfer **out, struct p2p_err *err) {
  struct p2p_transfer *transfer = calloc(1, sizeof *transfer);

  if (transfer == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  int failure = pthread_mutex_init(&transfer->lock, NULL);
  if (failure != 0) {
    free(transfer);
    return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot create a mutex: %s", strerror(failure));
  }
  int code = p2p_notifier_init(&transfer->notifier, err);
  if (code != P2P_OK) {
    pthread_mutex_destroy(&transfer->lock);
    free(transfer);
    return code;
  }
  *out = transfer;
  return P2P_OK;
}

/* Opens what is to be sent: this thread may wait for the disk. */
static int open_input(const struct p2p_transfer_config *config, struct p2p_input_file *input,
                      struct p2p_err *err) {
  *input = (struct p2p_input_file){.fd = -1};
  if (config->text != NULL) return P2P_OK;
  if (config->file != NULL) return p2p_input_file_open(input, config->file, err);
  if (config->bytes != NULL) p2p_input_file_borrow(input, config->bytes, config->length);
  return P2P_OK;
}

int p2p_transfer_new(const struct p2p_transfer_config *config, struct p2p_transfer **out,
                     struct p2p_err *err) {
  static const struct p2p_service_type type = {start, stop, destroy};
  struct p2p_transfer *transfer = NULL;
  struct p2p_service *service;
  struct p2p_input_file input;
  const struct start start_config = {config, &input};
  int code = p2p_transfer_config_check(config, err);

  if (code == P2P_OK) code = open_input(config, &input, err);
  if (code != P2P_OK) return code;
  code = create(&transfer, err);
  if (code == P2P_OK)
    code = p2p_service_start(config->loop, &type, transfer, &start_config, &service, err);
  if (code != P2P_OK) {
    p2p_input_file_close(&input);
    return code;
  }
  transfer->service = service;
  *out = transfer;
  return P2P_OK;
}

void p2p_transfer_cancel(struct p2p_transfer *transfer) {
  int code = p2p_service_call(transfer->service, cancel, NULL, NULL);
  (void)code; /* when the io thread has ended, nothing moves any more */
}

static bool is_over(struct p2p_transfer *transfer) {
  pthread_mutex_lock(&transfer->lock);
  bool over = transfer->is_over;
  pthread_mutex_unlock(&transfer->lock);
  return over;
}

void p2p_transfer_free(struct p2p_transfer *transfer) {
  if (transfer == NULL) return;
  /* What the io thread may still use is not freed. */
  if (p2p_service_call(transfer->service, cancel, NULL, NULL) != P2P_OK) return;
  /* A job may still use the borrowed bytes, or the disk. */
  for (uint64_t seen = 0; !is_over(transfer);)
    seen = p2p_notifier_wait(&transfer->notifier, seen, 1000);
  p2p_service_stop(transfer->service);
}

void p2p_transfer_status(struct p2p_transfer *transfer, struct p2p_transfer_status *out) {
  pthread_mutex_lock(&transfer->lock);
  *out = transfer->status;
  /* The end is visible only after all files are closed. */
  if (out->state >= P2P_TRANSFER_DONE && !transfer->is_over) out->state = P2P_TRANSFER_MOVING;
  pthread_mutex_unlock(&transfer->lock);
}

uint64_t p2p_transfer_wait(struct p2p_transfer *transfer, uint64_t seen, int timeout_ms) {
  return p2p_notifier_wait(&transfer->notifier, seen, timeout_ms);
}

int p2p_transfer_fd(const struct p2p_transfer *transfer) {
  return p2p_notifier_fd(&transfer->notifier);
}

void p2p_transfer_confirm(struct p2p_transfer *transfer, bool is_same) {
  int code = p2p_service_call(transfer->service, confirm, &is_same, NULL);
  (void)code; /* when the io thread has ended, there is nothing to confirm */
}

const char *p2p_transfer_text(struct p2p_transfer *transfer, size_t *length) {
  pthread_mutex_lock(&transfer->lock);
  const char *text = transfer->is_over ? transfer->text : NULL;
  *length = transfer->text_length;
  pthread_mutex_unlock(&transfer->lock);
  return text;
}
