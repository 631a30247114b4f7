/* pico_username() for R: requests the user's name from the board. */
#include <stdlib.h>

#include "board/whoami.h"
#include "r/ffi.h"
#include "r/ffi_config.h"
#include "r/ffi_error.h"
#include "r/ffi_handle.h"
#include "r/ffi_log.h"
#include "r/ffi_loop.h"

#define TAG_WHOAMI "whoami request"

/* The reply is written to the log: INFO with the user's name, or FATAL. */
struct request {
  struct p2p_loop *loop;
  struct p2p_whoami *whoami;
  struct p2p_log_queue *log;
  struct p2p_address address;
  struct p2p_err err;
  int code; /* of the start */
};

/* on the io thread */
static void on_reply(void *arg, const char *user, const struct p2p_err *err) {
  struct request *request = arg;
  if (user != NULL)
    p2p_log_write(request->log, P2P_LOG_INFO, "%s", user);
  else
    p2p_log_error(request->log, P2P_LOG_FATAL, err);
}

static void start(void *arg) {
  struct request *request = arg;
  const struct p2p_whoami_query query = {.loop = request->loop, .address = &request->address};
  request->code = p2p_whoami_request(&query, on_reply, request, &request->whoami, &request->err);
}

static void stop(void *arg) {
  struct request *request = arg;
  p2p_whoami_free(request->whoami);
}

/* on R's main thread */
static void request_free(void *value) {
  struct request *request = value;
  /* What the io thread may still use is not freed. */
  if (request->whoami != NULL && p2p_loop_call(request->loop, stop, request) != P2P_OK) return;
  free(request);
}

SEXP ffi_whoami_request(SEXP config, SEXP log) {
  struct p2p_loop *loop = p2p_ffi_loop();
  SEXP handle = PROTECT(p2p_ffi_handle_with_log(TAG_WHOAMI, request_free, log));
  struct request *request = calloc(1, sizeof *request);
  if (request == NULL) p2p_ffi_raise_memory();
  p2p_ffi_handle_set(handle, request);
  request->loop = loop;
  request->log = p2p_ffi_handle_get(log, P2P_TAG_LOG);
  const struct p2p_board_config board = p2p_ffi_board_config(config);
  request->code = p2p_address_parse(board.host, board.ssh_args, board.n_ssh_args, &request->address,
                                    &request->err);
  if (request->code == P2P_OK) {
    int code = p2p_loop_call(loop, start, request);
    if (code != P2P_OK)
      request->code = p2p_err_set(&request->err, code, "the network thread has stopped");
  }
  if (request->code != P2P_OK) {
    struct p2p_err err = request->err;
    p2p_ffi_handle_close(handle);
    p2p_ffi_raise(&err);
  }
  UNPROTECT(1);
  return handle;
}
