/* pico_username() for R: requests the user's name from the board. */
#include <stdlib.h>

#include "board/whoami.h"
#include "net/service.h"
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
  struct p2p_log_queue *log; /* a reference */
  struct p2p_address address;
};

/* on the io thread */
static void on_reply(void *arg, const char *user, const struct p2p_err *err) {
  struct request *request = arg;
  if (user != NULL)
    p2p_log_write(request->log, P2P_LOG_INFO, "%s", user);
  else
    p2p_log_error(request->log, P2P_LOG_FATAL, err);
}

static int start(void *state, const void *unused, struct p2p_err *err) {
  struct request *request = state;
  const struct p2p_whoami_query query = {.loop = request->loop, .address = &request->address};
  (void)unused;
  return p2p_whoami_request(&query, on_reply, request, &request->whoami, err);
}

static void stop(void *state) {
  struct request *request = state;
  p2p_whoami_free(request->whoami);
}

/* on any thread */
static void destroy(void *state) {
  struct request *request = state;
  p2p_log_queue_unref(request->log);
  free(request);
}

/* on R's main thread */
static void stop_service(void *service) { p2p_service_stop(service); }

static int start_request(SEXP config, SEXP log, struct p2p_service **out, struct p2p_err *err) {
  static const struct p2p_service_type type = {start, stop, destroy};
  const struct p2p_board_config board = p2p_ffi_board_config(config);
  struct p2p_log_queue *queue = p2p_ffi_handle_get(log, P2P_TAG_LOG);
  struct p2p_loop *loop = p2p_ffi_loop();
  struct request *request = calloc(1, sizeof *request);
  if (request == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  request->loop = loop;
  request->log = p2p_log_queue_ref(queue);
  int code =
      p2p_address_parse(board.host, board.ssh_args, board.n_ssh_args, &request->address, err);
  if (code == P2P_OK) return p2p_service_start(loop, &type, request, NULL, out, err);
  destroy(request);
  return code;
}

SEXP ffi_whoami_request(SEXP config, SEXP log) {
  SEXP handle = PROTECT(p2p_ffi_handle_with_log(TAG_WHOAMI, stop_service, log));
  struct p2p_service *service = NULL;
  struct p2p_err err = {0};
  if (start_request(config, log, &service, &err) != P2P_OK) {
    p2p_ffi_handle_close(handle);
    p2p_ffi_raise(&err);
  }
  p2p_ffi_handle_set(handle, service);
  UNPROTECT(1);
  return handle;
}
