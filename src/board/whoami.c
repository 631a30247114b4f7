/* The user name of our SSH key on the board. pico.sh accepts any key, and all keys without an
 * account are the user `public`: that is found out before anything is written. */
#include "board/whoami.h"

#include <stdlib.h>
#include <string.h>

#include "board/query.h"
#include "protocol/public_services.h"

struct p2p_whoami {
  struct p2p_query *query;
  char host[P2P_HOST_MAX + 1]; /* knows the accounts */
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

int p2p_whoami_check(const char *before, const char *now, const char *host, struct p2p_err *err) {
  if (before[0] == '\0' || strcmp(before, now) == 0) return P2P_OK;
  return p2p_err_because(err, "renamed",
                         p2p_err_set(err, P2P_ERR_ACCESS,
                                     "'%s' says that your user name is '%s', and has said '%s' "
                                     "before",
                                     host, now, before));
}

static void on_output(void *arg, const char *text, size_t length, const struct p2p_err *err) {
  struct p2p_whoami *whoami = arg;
  char user[P2P_USER_MAX];
  struct p2p_err reason;
  if (err == NULL && p2p_whoami_parse(text, length, whoami->host, user, &reason) != P2P_OK)
    err = &reason;
  whoami->fn(whoami->arg, err == NULL ? user : NULL, err);
}

int p2p_whoami_request(const struct p2p_whoami_query *query,
                       void (*fn)(void *arg, const char *user, const struct p2p_err *err),
                       void *arg, struct p2p_whoami **out, struct p2p_err *err) {
  struct p2p_whoami *whoami = calloc(1, sizeof *whoami);
  if (whoami == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  whoami->fn = fn;
  whoami->arg = arg;
  struct p2p_address address = *query->address;
  p2p_address_account_host(query->address, address.host, sizeof address.host);
  memcpy(whoami->host, address.host, sizeof whoami->host);
  const struct p2p_query_config config = {.loop = query->loop,
                                          .address = &address,
                                          .command = "user",
                                          .what = "which account your SSH key has",
                                          .timeout_ms = query->timeout_ms};
  int code = p2p_query_start(&config, on_output, whoami, &whoami->query, err);
  if (code != P2P_OK) {
    free(whoami);
    return code;
  }
  *out = whoami;
  return P2P_OK;
}

void p2p_whoami_free(struct p2p_whoami *whoami) {
  if (whoami == NULL) return;
  p2p_query_free(whoami->query);
  free(whoami);
}
