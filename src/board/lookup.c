/* A question to the board, as a service. */
#include "board/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "board/query.h"
#include "board/services.h"
#include "board/whoami.h"
#include "protocol/public_services.h"

struct lookup {
  struct p2p_loop *loop;
  enum p2p_lookup_what what;
  struct p2p_address address;
  struct p2p_whoami *whoami;
  struct p2p_query *query;
  struct p2p_log_queue *log; /* a reference */
};

/* ---- on the io thread ---- */

static void on_user(void *arg, const char *user, const struct p2p_err *err) {
  struct lookup *lookup = arg;
  if (user != NULL)
    p2p_log_write(lookup->log, P2P_LOG_INFO, "%s", user);
  else
    p2p_log_error(lookup->log, P2P_LOG_FATAL, err);
}

static void report_services(struct lookup *lookup, const char *text, size_t length,
                            const char *host) {
  struct p2p_services services;
  p2p_services_parse(text, length, host, &services);
  p2p_log_write(lookup->log, P2P_LOG_INFO, "%s %s", services.mailbox, services.relay);
}

static void on_services(void *arg, const char *text, size_t length, const struct p2p_err *err) {
  struct lookup *lookup = arg;
  char host_key[P2P_HOST_KEY_TEXT_MAX];
  if (err == NULL && lookup->what == P2P_LOOKUP_HOST_KEY) {
    p2p_services_host_key(text, length, host_key);
    p2p_log_write(lookup->log, P2P_LOG_INFO, "%s", host_key);
    return;
  }
  if (err == NULL && lookup->what == P2P_LOOKUP_CLIENT_ADDRESS) {
    char client[P2P_CLIENT_ADDRESS_TEXT_MAX];
    p2p_services_client_address(text, length, client);
    p2p_log_write(lookup->log, P2P_LOG_INFO, "%s", client);
    return;
  }
  if (err == NULL) {
    report_services(lookup, text, length, p2p_query_host(lookup->query));
    return;
  }
  struct p2p_err reason = *err;
  p2p_err_prefix(&reason, "cannot ask '%s' for its mailbox server", lookup->address.host);
  p2p_log_error(lookup->log, P2P_LOG_FATAL, &reason);
}

static int start(void *state, const void *unused, struct p2p_err *err) {
  struct lookup *lookup = state;
  const struct p2p_whoami_query whoami = {.loop = lookup->loop, .address = &lookup->address};
  const struct p2p_query_config services = {.loop = lookup->loop,
                                            .address = &lookup->address,
                                            .command = "services",
                                            .what = "its mailbox server and relay"};
  (void)unused;
  if (lookup->what == P2P_LOOKUP_USER)
    return p2p_whoami_request(&whoami, on_user, lookup, &lookup->whoami, err);
  if (lookup->what != P2P_LOOKUP_SERVICES || strcmp(lookup->address.host, P2P_PUBLIC_BOARD) != 0)
    return p2p_query_start(&services, on_services, lookup, &lookup->query, err);
  report_services(lookup, "", 0, lookup->address.host);
  return P2P_OK;
}

static void stop(void *state) {
  struct lookup *lookup = state;
  p2p_whoami_free(lookup->whoami);
  p2p_query_free(lookup->query);
}

/* ---- on any other thread ---- */

static void destroy(void *state) {
  struct lookup *lookup = state;
  p2p_log_queue_unref(lookup->log);
  free(lookup);
}

int p2p_lookup_start(struct p2p_loop *loop, const struct p2p_board_config *board,
                     enum p2p_lookup_what what, struct p2p_log_queue *log, struct p2p_service **out,
                     struct p2p_err *err) {
  static const struct p2p_service_type type = {start, stop, destroy};
  struct lookup *lookup = calloc(1, sizeof *lookup);
  if (lookup == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  lookup->loop = loop;
  lookup->what = what;
  lookup->log = p2p_log_queue_ref(log);
  int code =
      p2p_address_parse(board->host, board->ssh_args, board->n_ssh_args, &lookup->address, err);
  if (code == P2P_OK) return p2p_service_start(loop, &type, lookup, NULL, out, err);
  destroy(lookup);
  return code;
}
