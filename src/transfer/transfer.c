/* The face of a file transfer to other threads: what they ask is done on the io thread, what they
 * look at is kept under one lock. */
#include "transfer/transfer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/notifier.h"
#include "transfer/session.h"

struct p2p_transfer {
  struct p2p_loop *loop;
  struct p2p_transfer_session *session; /* of the io thread */
  pthread_mutex_t lock;
  struct p2p_notifier notifier;
  struct p2p_transfer_status status;
  bool is_over;
  char *text;
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
  struct p2p_transfer *transfer;
  const struct p2p_transfer_config *config;
  struct p2p_err *err;
  int code;
};

static void start_here(void *arg) {
  static const struct p2p_transfer_session_callbacks EVENTS = {on_status, on_over};
  struct start *start = arg;

  start->code = p2p_transfer_session_new(start->config, &EVENTS, start->transfer,
                                         &start->transfer->session, start->err);
}

static void cancel_here(void *arg) {
  struct p2p_transfer *transfer = arg;
  p2p_transfer_session_cancel(transfer->session);
}

static void free_here(void *arg) {
  struct p2p_transfer *transfer = arg;
  p2p_transfer_session_free(transfer->session);
}

struct confirm {
  struct p2p_transfer *transfer;
  bool is_same;
};

static void confirm_here(void *arg) {
  struct confirm *confirm = arg;
  p2p_transfer_session_confirm(confirm->transfer->session, confirm->is_same);
}

/* ---- on any other thread ---- */

static void destroy(struct p2p_transfer *transfer) {
  p2p_notifier_destroy(&transfer->notifier);
  pthread_mutex_destroy(&transfer->lock);
  free(transfer->text);
  free(transfer);
}

static int create(struct p2p_transfer **out, struct p2p_err *err) {
  struct p2p_transfer *transfer = calloc(1, sizeof *transfer);

  if (transfer == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  if (p2p_notifier_init(&transfer->notifier) != P2P_OK) {
    free(transfer);
    return p2p_err_set(err, P2P_ERR_SYSTEM, "Out of file descriptors");
  }
  pthread_mutex_init(&transfer->lock, NULL);
  *out = transfer;
  return P2P_OK;
}

/* Told now, and not when the other side has come. */
static int check_text(const char *text, struct p2p_err *err) {
  char *message = NULL;

  if (strlen(text) > P2P_OFFER_TEXT_MAX)
    return p2p_err_set(
        err, P2P_ERR_TOO_LARGE,
        "A text of %zu bytes is too long for a message, at most %d are taken: send it as a file",
        strlen(text), P2P_OFFER_TEXT_MAX);
  int code = p2p_offer_format_text(text, strlen(text), &message);
  free(message);
  if (code == P2P_ERR_INVALID)
    return p2p_err_set(err, code,
                       "The text is not in UTF-8, as texts to others must be: send it as a file");
  return code == P2P_OK ? code : p2p_err_set(err, code, "Out of memory");
}

static int check(const struct p2p_transfer_config *config, struct p2p_err *err) {
  if (config->file == NULL && config->bytes == NULL && config->text == NULL &&
      (config->code == NULL || config->path == NULL))
    return p2p_err_set(err, P2P_ERR_INVALID, "To receive, a code and a path are needed");
  return config->text != NULL ? check_text(config->text, err) : P2P_OK;
}

int p2p_transfer_new(const struct p2p_transfer_config *config, struct p2p_transfer **out,
                     struct p2p_err *err) {
  struct p2p_transfer *transfer = NULL;

  int code = check(config, err);
  if (code != P2P_OK) return code;
  code = create(&transfer, err);
  if (code != P2P_OK) return code;
  transfer->loop = config->loop;
  struct start start = {transfer, config, err, P2P_OK};
  code = p2p_loop_call(config->loop, start_here, &start);
  if (code != P2P_OK)
    p2p_err_set(err, code, "The io thread has ended");
  else
    code = start.code;
  if (code == P2P_OK)
    *out = transfer;
  else
    destroy(transfer);
  return code;
}

void p2p_transfer_cancel(struct p2p_transfer *transfer) {
  p2p_loop_call(transfer->loop, cancel_here, transfer);
}

static bool is_over(struct p2p_transfer *transfer) {
  pthread_mutex_lock(&transfer->lock);
  bool over = transfer->is_over;
  pthread_mutex_unlock(&transfer->lock);
  return over;
}

void p2p_transfer_free(struct p2p_transfer *transfer) {
  if (transfer == NULL) return;
  if (p2p_loop_call(transfer->loop, cancel_here, transfer) == P2P_OK) {
    /* What was borrowed may still be read: by a disk, so this does not take long. */
    for (uint64_t seen = 0; !is_over(transfer);)
      seen = p2p_notifier_wait(&transfer->notifier, seen, 1000);
    p2p_loop_call(transfer->loop, free_here, transfer);
  }
  destroy(transfer);
}

void p2p_transfer_status(struct p2p_transfer *transfer, struct p2p_transfer_status *out) {
  pthread_mutex_lock(&transfer->lock);
  *out = transfer->status;
  /* Told only when nothing is left behind. */
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
  struct confirm confirm = {transfer, is_same};
  p2p_loop_call(transfer->loop, confirm_here, &confirm);
}

const char *p2p_transfer_text(struct p2p_transfer *transfer, size_t *length) {
  pthread_mutex_lock(&transfer->lock);
  const char *text = transfer->is_over ? transfer->text : NULL;
  *length = transfer->text_length;
  pthread_mutex_unlock(&transfer->lock);
  return text;
}
