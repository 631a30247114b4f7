/* One channel of a connection to a board. */
#include "server/board_channel.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_MAX 32768 /* bytes: what one SSH packet carries */

/* --- called by libssh --- */

static int on_data(ssh_session ssh, ssh_channel ssh_channel, void *data, uint32_t length,
                   int is_stderr, void *arg) {
  struct p2p_board_channel *channel = arg;
  (void)ssh;
  (void)ssh_channel;
  p2p_board_transport_charge(channel->transport, length);
  if (channel->session != NULL && !is_stderr)
    p2p_board_session_input(channel->session, data, length);
  return (int)length;
}

static void on_eof(ssh_session ssh, ssh_channel ssh_channel, void *arg) {
  struct p2p_board_channel *channel = arg;
  (void)ssh;
  (void)ssh_channel;
  if (channel->session != NULL) p2p_board_session_end_input(channel->session);
}

static void on_close(ssh_session ssh, ssh_channel ssh_channel, void *arg) {
  struct p2p_board_channel *channel = arg;
  (void)ssh;
  (void)ssh_channel;
  channel->is_closed = true;
  channel->on_change(channel->arg);
}

static int on_exec(ssh_session ssh, ssh_channel ssh_channel, const char *command, void *arg) {
  struct p2p_board_channel *channel = arg;
  (void)ssh;
  (void)ssh_channel;
  if (channel->session != NULL || channel->is_closed) return 1;
  channel->session = p2p_board_session_new(channel->board, channel->user, command,
                                           channel->on_change, channel->arg);
  return channel->session == NULL;
}

static int on_shell(ssh_session ssh, ssh_channel ssh_channel, void *arg) {
  return on_exec(ssh, ssh_channel, "help", arg);
}

/* --- its life --- */

struct p2p_board_channel *p2p_board_channel_new(struct p2p_board_transport *transport,
                                                struct p2p_board_server *board,
                                                const struct p2p_board_user *user,
                                                void (*on_change)(void *arg), void *arg) {
  struct p2p_board_channel *channel = calloc(1, sizeof *channel);
  if (channel == NULL) return NULL;
  channel->transport = transport;
  channel->board = board;
  channel->user = user;
  channel->on_change = on_change;
  channel->arg = arg;
  channel->callbacks =
      (struct ssh_channel_callbacks_struct){.userdata = channel,
                                            .channel_data_function = on_data,
                                            .channel_eof_function = on_eof,
                                            .channel_close_function = on_close,
                                            .channel_exec_request_function = on_exec,
                                            .channel_shell_request_function = on_shell};
  ssh_callbacks_init(&channel->callbacks);
  channel->ssh = ssh_channel_new(transport->ssh);
  if (channel->ssh != NULL &&
      ssh_set_channel_callbacks(channel->ssh, &channel->callbacks) == SSH_OK)
    return channel;
  p2p_board_channel_free(channel);
  return NULL;
}

void p2p_board_channel_free(struct p2p_board_channel *channel) {
  if (channel->ssh != NULL) {
    ssh_remove_channel_callbacks(channel->ssh, &channel->callbacks);
    ssh_channel_free(channel->ssh);
  }
  p2p_board_session_free(channel->session);
  free(channel);
}

/* --- writing --- */

static bool can_write(const struct p2p_board_channel *channel) {
  return !channel->is_closed && p2p_board_transport_can_write(channel->transport);
}

/* Writes as far as the kernel and the client's window take it, so that nothing piles up within
 * libssh. The chunk is copied first, since writing may read, and reading may append to `from`. */
static void write_from(struct p2p_board_channel *channel, struct p2p_buf *from, bool is_stderr) {
  struct p2p_board_transport *transport = channel->transport;
  uint8_t chunk[CHUNK_MAX];
  while (p2p_buf_len(from) > 0 && can_write(channel)) {
    if (p2p_board_transport_has_unsent(transport)) p2p_board_transport_poll(transport);
    if (!can_write(channel) || p2p_board_transport_has_unsent(transport)) return;
    size_t length = p2p_buf_len(from), window = ssh_channel_window_size(channel->ssh);
    if (length > CHUNK_MAX) length = CHUNK_MAX;
    if (length > window) length = window;
    if (length == 0) return;
    memcpy(chunk, p2p_buf_data(from), length);
    int written = is_stderr ? ssh_channel_write_stderr(channel->ssh, chunk, (uint32_t)length)
                            : ssh_channel_write(channel->ssh, chunk, (uint32_t)length);
    if (written == SSH_ERROR) channel->is_closed = true;
    if (written <= 0) return;
    p2p_buf_consume(from, (size_t)written);
  }
  /* A buffer that was large for a while is not kept. */
  if (p2p_buf_len(from) == 0 && from->capacity > CHUNK_MAX) p2p_buf_clear(from);
}

static void finish(struct p2p_board_channel *channel, int exit_status) {
  channel->is_finished = true;
  if (ssh_channel_request_send_exit_status(channel->ssh, exit_status) == SSH_ERROR ||
      ssh_channel_send_eof(channel->ssh) == SSH_ERROR ||
      ssh_channel_close(channel->ssh) == SSH_ERROR)
    channel->is_closed = true;
}

bool p2p_board_channel_write(struct p2p_board_channel *channel) {
  int exit_status;
  struct p2p_board_session *session = channel->session;
  if (session == NULL || channel->is_finished || !can_write(channel)) return true;
  struct p2p_buf *out = p2p_board_session_out(session), *err = p2p_board_session_err(session);
  write_from(channel, err, true);
  write_from(channel, out, false);
  if (p2p_board_session_has_overflowed(session)) return false;
  bool is_empty = p2p_buf_len(out) + p2p_buf_len(err) == 0;
  if (is_empty && can_write(channel) && p2p_board_session_has_ended(session, &exit_status))
    finish(channel, exit_status);
  return true;
}
