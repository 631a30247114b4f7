/* The user name of our SSH key on the board. pico.sh accepts any key, and all keys without an
 * account are the user `public`: that is found out before anything is written. */
#include "board/whoami.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board/command_output.h"
#include "net/timer.h"
#include "protocol/public_services.h"

#define TIMEOUT_MS 30000

struct p2p_whoami {
  struct p2p_ssh *ssh;
  struct p2p_command_output *output;
  struct p2p_timer *timer;
  struct p2p_address address;
  uint32_t timeout_ms;
  bool has_ended; /* fn was called */
  void (*fn)(void *arg, const char *user, const struct p2p_err *err);
  void *arg;
};

int p2p_whoami_parse(const char *text, size_t length, const char *host,
                     char user[static P2P_USER_MAX], struct p2p_err *err) {
  char name[P2P_USER_MAX] = "";
  size_t line = 0;
  while (line < length && text[line] != '\n' && text[line] != '\r') line++;
  if (line < sizeof name && line > 0) memcpy(name, text, line);
  /* Boards report a missing account each in their own words, or not at all. */
  if (!p2p_user_is_valid(name) || strcmp(name, "public") == 0) {
    bool is_pico = strcmp(host, P2P_PUBLIC_BOARD_ACCOUNTS) == 0;
    return p2p_err_because(
        err, is_pico ? "no_pico_account" : "no_account",
        p2p_err_set(err, P2P_ERR_AUTH, "your SSH key has no account on '%s'", host));
  }
  memcpy(user, name, sizeof name);
  return P2P_OK;
}

static void finish(struct p2p_whoami *whoami, const char *user, const struct p2p_err *err) {
  if (whoami->has_ended) return;
  whoami->has_ended = true;
  p2p_timer_stop(whoami->timer);
  whoami->fn(whoami->arg, user, err);
}

static void on_output(void *arg, const char *text, size_t length) {
  struct p2p_whoami *whoami = arg;
  char user[P2P_USER_MAX];
  struct p2p_err err;
  if (p2p_whoami_parse(text, text == NULL ? 0 : length, whoami->address.host, user, &err) ==
      P2P_OK) {
    finish(whoami, user, NULL);
  } else {
    finish(whoami, NULL, &err);
  }
}

static void on_ready(void *arg) {
  struct p2p_whoami *whoami = arg;
  struct p2p_err err;
  if (p2p_command_output_request(whoami->ssh, "user", on_output, whoami, &whoami->output, &err) !=
      P2P_OK) {
    finish(whoami, NULL, &err);
  }
}

static void on_close(void *arg, const struct p2p_err *err) { finish(arg, NULL, err); }

static void on_timeout(void *arg) {
  struct p2p_whoami *whoami = arg;
  struct p2p_err err;
  p2p_err_because(&err, p2p_ssh_uses_program(whoami->ssh) ? "ssh_silent" : "board_silent",
                  p2p_err_set(&err, P2P_ERR_TIMEOUT,
                              "'%s' did not report within %.1f s which account your SSH key has",
                              whoami->address.host, whoami->timeout_ms / 1000.0));
  finish(whoami, NULL, &err);
}

int p2p_whoami_request(const struct p2p_whoami_query *query,
                       void (*fn)(void *arg, const char *user, const struct p2p_err *err),
                       void *arg, struct p2p_whoami **out, struct p2p_err *err) {
  static const struct p2p_ssh_callbacks callbacks = {on_ready, on_close};
  struct p2p_whoami *whoami = calloc(1, sizeof *whoami);
  if (whoami == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  whoami->fn = fn;
  whoami->arg = arg;
  whoami->timeout_ms = query->timeout_ms == 0 ? TIMEOUT_MS : query->timeout_ms;
  whoami->address = *query->address;
  p2p_address_account_host(query->address, whoami->address.host, sizeof whoami->address.host);
  whoami->timer = p2p_timer_new(query->loop, on_timeout, whoami);
  int code = whoami->timer != NULL ? P2P_OK : p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  if (code == P2P_OK) {
    const struct p2p_ssh_request request = {query->loop, &whoami->address, whoami->timeout_ms};
    code = p2p_ssh_connect(&request, &callbacks, whoami, &whoami->ssh, err);
  }
  if (code != P2P_OK) {
    p2p_whoami_free(whoami);
    return code;
  }
  p2p_timer_start(whoami->timer, whoami->timeout_ms, 0);
  *out = whoami;
  return P2P_OK;
}

void p2p_whoami_free(struct p2p_whoami *whoami) {
  if (whoami == NULL) return;
  p2p_command_output_free(whoami->output);
  p2p_ssh_free(whoami->ssh);
  p2p_timer_free(whoami->timer);
  free(whoami);
}
