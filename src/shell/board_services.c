/* Asks a message board for its mailbox server and its relay. */
#include "shell/board_services.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/strings.h"
#include "board/lookup.h"
#include "shell/interrupt.h"
#include "shell/words.h"

/* Waits for a line. False: a signal has arrived. */
static bool next_line(struct p2p_log_queue *log, struct p2p_log_line *line) {
  while (!p2p_interrupt_is_pending()) {
    struct pollfd ready[] = {{.fd = p2p_log_queue_fd(log), .events = POLLIN},
                             {.fd = p2p_interrupt_fd(), .events = POLLIN}};
    if (p2p_log_queue_next(log, 0, line)) return true;
    (void)poll(ready, sizeof ready / sizeof ready[0], -1);
  }
  return false;
}

/* An answer is "MAILBOX RELAY". */
static int read_answer(struct p2p_log_queue *log, struct p2p_services *out, struct p2p_err *err) {
  struct p2p_log_line line;
  do
    if (!next_line(log, &line)) return p2p_err_set(err, P2P_ERR_CANCELED, "interrupted");
  while (line.level != P2P_LOG_INFO && line.level != P2P_LOG_FATAL);
  if (line.level == P2P_LOG_FATAL)
    return p2p_err_because(err, line.reason, p2p_err_set(err, line.code, "%s", line.text));
  size_t mailbox = strcspn(line.text, " ");
  snprintf(out->mailbox, sizeof out->mailbox, "%.*s", (int)mailbox, line.text);
  snprintf(out->relay, sizeof out->relay, "%.599s", line.text + mailbox + 1);
  return P2P_OK;
}

static int ask(struct p2p_loop *loop, const struct p2p_board_config *board,
               struct p2p_services *out, struct p2p_err *err) {
  struct p2p_service *service = NULL;
  struct p2p_log_queue *log = p2p_log_queue_new(100);
  if (log == NULL)
    return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot create a log queue: %s", strerror(errno));
  int code = p2p_lookup_start(loop, board, P2P_LOOKUP_SERVICES, log, &service, err);
  if (code == P2P_OK) code = read_answer(log, out, err);
  p2p_service_stop(service);
  p2p_log_queue_unref(log);
  return code;
}

int p2p_board_services_find(struct p2p_loop *loop, const char *host, const char *ssh_args,
                            struct p2p_services *out, struct p2p_err *err) {
  struct p2p_board_config board = {.host = host};
  if (ssh_args != NULL && !p2p_words_are_closed(ssh_args))
    return p2p_err_set(err, P2P_ERR_INVALID,
                       "the SSH arguments have a quote that is not closed: %s", ssh_args);
  char **words = p2p_words_split(ssh_args != NULL ? ssh_args : "");
  if (words == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  board.ssh_args = (const char *const *)words;
  while (words[board.n_ssh_args] != NULL) board.n_ssh_args++;
  int code = ask(loop, &board, out, err);
  p2p_strings_free(words);
  return code;
}
