/* Hosting a cluster, and asking the board who we are, for R. */
#include <stdlib.h>

#include "board/cluster_host.h"
#include "board/whoami.h"
#include "r/ffi_log.h"

#define TAG_HOST "host"
#define TAG_ACCOUNT "account"

static void host_free(void *host) { p2p_cluster_host_free(host); }

SEXP ffi_host_new(SEXP config, SEXP log) {
  struct p2p_member_config c = {
      .loop = p2p_ffi_loop(),
      .board = p2p_ffi_board_config(config),
      .role = P2P_ROLE_HOST,
  };
  c.users = p2p_ffi_texts(config, "users", &c.n_users);
  struct p2p_log_queue *queue = p2p_ffi_handle_get(log, P2P_TAG_LOG);
  SEXP handle = PROTECT(p2p_ffi_handle(TAG_HOST, host_free));
  R_SetExternalPtrProtected(handle, log);
  struct p2p_cluster_host *host;
  struct p2p_err err = {0};
  if (p2p_cluster_host_new(&c, queue, &host, &err) != P2P_OK) p2p_ffi_raise(&err);
  p2p_ffi_handle_set(handle, host);
  UNPROTECT(1);
  return handle;
}

SEXP ffi_host_close(SEXP handle) {
  p2p_ffi_handle_close(handle);
  return R_NilValue;
}

/* One question to the board, told on an events queue: INFO with the user's name, or FATAL. */
struct question {
  struct p2p_loop *loop;
  struct p2p_whoami *account;
  struct p2p_log_queue *log;
  struct p2p_address address;
  struct p2p_err err;
  int code;
};

/* on the io thread */
static void answered(void *arg, const char *user, const struct p2p_err *err) {
  struct question *question = arg;
  if (user != NULL)
    p2p_log_write(question->log, P2P_LOG_INFO, "%s", user);
  else
    p2p_log_error(question->log, P2P_LOG_FATAL, err);
}

static void ask(void *arg) {
  struct question *question = arg;
  const struct p2p_whoami_query query = {.loop = question->loop, .address = &question->address};
  question->code =
      p2p_whoami_request(&query, answered, question, &question->account, &question->err);
}

static void forget(void *arg) {
  struct question *question = arg;
  p2p_whoami_free(question->account);
}

/* on R's main thread */
static void question_free(void *value) {
  struct question *question = value;
  if (question->account != NULL) p2p_loop_call(question->loop, forget, question);
  free(question);
}

SEXP ffi_account_ask(SEXP config, SEXP log) {
  struct p2p_loop *loop = p2p_ffi_loop();
  struct p2p_log_queue *queue = p2p_ffi_handle_get(log, P2P_TAG_LOG);
  SEXP handle = PROTECT(p2p_ffi_handle(TAG_ACCOUNT, question_free));
  R_SetExternalPtrProtected(handle, log);
  struct question *question = calloc(1, sizeof *question);
  if (question == NULL) Rf_error("Out of memory.");
  p2p_ffi_handle_set(handle, question);
  question->loop = loop;
  question->log = queue;
  const struct p2p_board_config board = p2p_ffi_board_config(config);
  question->code = p2p_address_parse(board.host, board.ssh_args, board.n_ssh_args,
                                     &question->address, &question->err);
  if (question->code == P2P_OK) {
    int code = p2p_loop_call(loop, ask, question);
    if (code != P2P_OK)
      question->code = p2p_err_set(&question->err, code, "the io thread has ended");
  }
  if (question->code != P2P_OK) {
    struct p2p_err err = question->err;
    p2p_ffi_raise(&err);
  }
  UNPROTECT(1);
  return handle;
}

SEXP ffi_account_close(SEXP handle) {
  p2p_ffi_handle_close(handle);
  return R_NilValue;
}
