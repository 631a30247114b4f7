/* Who is this SSH key on the board? The board lets any key in and treats those without an account alike, as
 * the user `public`; so that this is asked before anything is written. */
#include "board/account.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board/answer.h"

#define TIMEOUT_MS 30000

struct p2p_account {
  struct p2p_ssh *ssh;
  struct p2p_answer *answer;
  struct p2p_timer *timer;
  struct p2p_address address;
  uint32_t timeout_ms;
  bool is_over; /* fn was called */
  void (*fn)(void *arg, const char *user, const struct p2p_err *err);
  void *arg;
};

int p2p_account_parse(const char *text, size_t length, const char *host, char user[static P2P_USER_MAX],
                      struct p2p_err *err) {
  char name[P2P_USER_MAX] = "";
  size_t line = 0;
  while (line < length && text[line] != '\n' && text[line] != '\r') line++;
  if (line < sizeof name && line > 0) memcpy(name, text, line);
  /* Boards say "no account" in words of their own, or say nothing: only a name is an account. */
  if (!p2p_user_is_valid(name) || strcmp(name, "public") == 0) {
    bool is_pico = strcmp(host, "pico.sh") == 0;
    return p2p_err_set(err, P2P_ERR_AUTH,
                       "Your SSH key has no account on '%s': %s. If another key has one, choose it with "
                       "ssh_args = c(\"-i\", \"FILE\", \"-o\", \"IdentitiesOnly=yes\").",
                       host, is_pico ? "create one with 'ssh pico.sh'"
                                     : "whoever runs the board can create one, by adding your public key to its users");
  }
  memcpy(user, name, sizeof name);
  return P2P_OK;
}

static void tell(struct p2p_account *account, const char *user, const struct p2p_err *err) {
  if (account->is_over) return;
  account->is_over = true;
  p2p_timer_stop(account->timer);
  account->fn(account->arg, user, err);
}

static void on_answer(void *arg, const char *text, size_t length) {
  struct p2p_account *account = arg;
  char user[P2P_USER_MAX];
  struct p2p_err err;
  if (p2p_account_parse(text, text == NULL ? 0 : length, account->address.host, user, &err) == P2P_OK) {
    tell(account, user, NULL);
  } else {
    tell(account, NULL, &err);
  }
}

static void on_ready(void *arg) {
  struct p2p_account *account = arg;
  struct p2p_err err;
  if (p2p_answer_ask(account->ssh, "user", on_answer, account, &account->answer, &err) != P2P_OK) {
    tell(account, NULL, &err);
  }
}

static void on_close(void *arg, const struct p2p_err *err) { tell(arg, NULL, err); }

static void on_timeout(void *arg) {
  struct p2p_account *account = arg;
  struct p2p_err err;
  p2p_err_set(&err, P2P_ERR_TIMEOUT, "'%s' did not say within %.1f s which account your SSH key has.",
              account->address.host, account->timeout_ms / 1000.0);
  tell(account, NULL, &err);
}

int p2p_account_ask_at(struct p2p_loop *loop, const struct p2p_address *address, uint32_t timeout_ms,
                       void (*fn)(void *arg, const char *user, const struct p2p_err *err), void *arg,
                       struct p2p_account **out, struct p2p_err *err) {
  static const struct p2p_ssh_events events = {on_ready, on_close};
  struct p2p_account *account = calloc(1, sizeof *account);
  if (account == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  account->fn = fn;
  account->arg = arg;
  account->timeout_ms = timeout_ms == 0 ? TIMEOUT_MS : timeout_ms;
  account->address = *address;
  p2p_address_account_host(address, account->address.host, sizeof account->address.host);
  account->timer = p2p_timer_new(loop, on_timeout, account);
  int code = account->timer != NULL ? P2P_OK : p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  if (code == P2P_OK) {
    code = p2p_ssh_connect(loop, &account->address, account->timeout_ms, &events, account, &account->ssh, err);
  }
  if (code != P2P_OK) {
    p2p_account_free(account);
    return code;
  }
  p2p_timer_start(account->timer, account->timeout_ms, 0);
  *out = account;
  return P2P_OK;
}

int p2p_account_ask(struct p2p_loop *loop, const char *host, const char *const *ssh_args, size_t n_ssh_args,
                    uint32_t timeout_ms, void (*fn)(void *arg, const char *user, const struct p2p_err *err),
                    void *arg, struct p2p_account **out, struct p2p_err *err) {
  struct p2p_address address;
  int code = p2p_address_parse(host, ssh_args, n_ssh_args, &address, err);
  if (code != P2P_OK) return code;
  return p2p_account_ask_at(loop, &address, timeout_ms, fn, arg, out, err);
}

void p2p_account_free(struct p2p_account *account) {
  if (account == NULL) return;
  p2p_answer_free(account->answer);
  p2p_ssh_free(account->ssh);
  p2p_timer_free(account->timer);
  free(account);
}
