/* One command on the board, on a connection of its own. */
#include "board/query.h"

#include <stdbool.h>
#include <stdlib.h>

#include "board/command_output.h"
#include "net/timer.h"

#define TIMEOUT_MS 30000

struct p2p_query {
  struct p2p_ssh *ssh;
  struct p2p_command_output *output;
  struct p2p_timer *timer;
  struct p2p_address address;
  const char *command, *what;
  uint32_t timeout_ms;
  bool has_ended; /* fn was called */
  void (*fn)(void *arg, const char *text, size_t length, const struct p2p_err *err);
  void *arg;
};

static void finish(struct p2p_query *query, const char *text, size_t length,
                   const struct p2p_err *err) {
  if (query->has_ended) return;
  query->has_ended = true;
  p2p_timer_stop(query->timer);
  query->fn(query->arg, text, length, err);
}

static void on_output(void *arg, const char *text, size_t length) {
  finish(arg, text == NULL ? "" : text, text == NULL ? 0 : length, NULL);
}

static void on_ready(void *arg) {
  struct p2p_query *query = arg;
  struct p2p_err err;
  if (p2p_command_output_request(query->ssh, query->command, on_output, query, &query->output,
                                 &err) != P2P_OK)
    finish(query, NULL, 0, &err);
}

static void on_close(void *arg, const struct p2p_err *err) { finish(arg, NULL, 0, err); }

static void on_timeout(void *arg) {
  struct p2p_query *query = arg;
  struct p2p_err err;
  p2p_err_because(&err, p2p_ssh_uses_program(query->ssh) ? "ssh_silent" : "board_silent",
                  p2p_err_set(&err, P2P_ERR_TIMEOUT, "'%s' did not report within %.1f s %s",
                              query->address.host, query->timeout_ms / 1000.0, query->what));
  finish(query, NULL, 0, &err);
}

int p2p_query_start(const struct p2p_query_config *config,
                    void (*fn)(void *arg, const char *text, size_t length,
                               const struct p2p_err *err),
                    void *arg, struct p2p_query **out, struct p2p_err *err) {
  static const struct p2p_ssh_callbacks callbacks = {on_ready, on_close};
  struct p2p_query *query = calloc(1, sizeof *query);
  if (query == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  query->fn = fn;
  query->arg = arg;
  query->command = config->command;
  query->what = config->what;
  query->timeout_ms = config->timeout_ms == 0 ? TIMEOUT_MS : config->timeout_ms;
  query->address = *config->address;
  query->timer = p2p_timer_new(config->loop, on_timeout, query);
  int code = query->timer != NULL ? P2P_OK : p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  if (code == P2P_OK) {
    const struct p2p_ssh_request request = {config->loop, &query->address, query->timeout_ms};
    code = p2p_ssh_connect(&request, &callbacks, query, &query->ssh, err);
  }
  if (code != P2P_OK) {
    p2p_query_free(query);
    return code;
  }
  p2p_timer_start(query->timer, query->timeout_ms, 0);
  *out = query;
  return P2P_OK;
}

const char *p2p_query_host(const struct p2p_query *query) { return p2p_ssh_host(query->ssh); }

void p2p_query_free(struct p2p_query *query) {
  if (query == NULL) return;
  p2p_command_output_free(query->output);
  p2p_ssh_free(query->ssh);
  p2p_timer_free(query->timer);
  free(query);
}
