/* The SSH transport of one connection to a board, over libssh without its blocking calls. */
#include "server/board_transport.h"

#include <unistd.h>

#include "base/clock.h"
#include "server/limits.h"

#define POLLS_AT_ONCE 64 /* of one connection, before others have their turn */

int p2p_board_transport_open(struct p2p_board_transport *transport, ssh_bind bind, int fd,
                             uint64_t bytes_per_s) {
  transport->bytes_per_s = bytes_per_s;
  transport->credit_bytes = P2P_BOARD_BURST_BYTES;
  transport->credited_ms = p2p_clock_ms();
  transport->ssh = ssh_new();
  transport->event = ssh_event_new();
  if (transport->ssh == NULL || transport->event == NULL ||
      ssh_bind_accept_fd(bind, transport->ssh, fd) != SSH_OK) {
    /* libssh may have taken fd over before it failed: then it closes it. */
    if (transport->ssh == NULL || ssh_get_fd(transport->ssh) != fd) close(fd);
    return P2P_ERR_MEMORY;
  }
  ssh_set_blocking(transport->ssh, 0);
  ssh_set_counters(transport->ssh, &transport->counter, NULL);
  ssh_set_auth_methods(transport->ssh, SSH_AUTH_METHOD_PUBLICKEY);
  return P2P_OK;
}

/* libssh would only queue its disconnect message while older bytes wait, so those are sent first.
 * Channels are not closed before: a client would take that for the end of its command, and would
 * not show the reason. */
static void disconnect(struct p2p_board_transport *transport) {
  if (transport->is_encrypted) {
    for (int i = 0; i < 2 && !transport->has_ended && p2p_board_transport_has_unsent(transport);
         i++)
      p2p_board_transport_poll(transport);
    ssh_event_remove_session(transport->event, transport->ssh);
  }
  ssh_disconnect(transport->ssh);
}

void p2p_board_transport_close(struct p2p_board_transport *transport) {
  if (transport->ssh != NULL) disconnect(transport);
  if (transport->event != NULL) ssh_event_free(transport->event);
  ssh_free(transport->ssh);
  transport->ssh = NULL;
  transport->event = NULL;
}

/* When the connection breaks, libssh closes the descriptor within whichever function notices. */
void p2p_board_transport_check_end(struct p2p_board_transport *transport) {
  if (ssh_get_fd(transport->ssh) < 0 ||
      (ssh_get_status(transport->ssh) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0)
    transport->has_ended = true;
}

bool p2p_board_transport_poll(struct p2p_board_transport *transport) {
  int rc;
  if (transport->is_encrypted) {
    rc = ssh_event_dopoll(transport->event, 0);
  } else {
    rc = ssh_handle_key_exchange(transport->ssh);
    if (rc == SSH_OK) {
      transport->is_encrypted = true;
      rc = ssh_event_add_session(transport->event, transport->ssh);
    }
  }
  p2p_board_transport_check_end(transport);
  if (rc == SSH_ERROR) transport->has_ended = true;
  return rc == SSH_OK && !transport->has_ended;
}

static void add_credit(struct p2p_board_transport *transport) {
  uint64_t now_ms = p2p_clock_ms();
  transport->credit_bytes +=
      (int64_t)((now_ms - transport->credited_ms) * transport->bytes_per_s / 1000);
  if (transport->credit_bytes > P2P_BOARD_BURST_BYTES)
    transport->credit_bytes = P2P_BOARD_BURST_BYTES;
  transport->credited_ms = now_ms;
}

void p2p_board_transport_read(struct p2p_board_transport *transport) {
  add_credit(transport);
  for (int i = 0; i < POLLS_AT_ONCE && !p2p_board_transport_is_throttled(transport) &&
                  p2p_board_transport_poll(transport);
       i++) {
  }
}

void p2p_board_transport_charge(struct p2p_board_transport *transport, uint32_t length) {
  transport->credit_bytes -= length;
}

bool p2p_board_transport_is_throttled(const struct p2p_board_transport *transport) {
  return transport->credit_bytes <= 0;
}

bool p2p_board_transport_can_write(const struct p2p_board_transport *transport) {
  return !transport->has_ended && !p2p_board_transport_is_throttled(transport);
}

bool p2p_board_transport_has_unsent(const struct p2p_board_transport *transport) {
  return (ssh_get_poll_flags(transport->ssh) & SSH_WRITE_PENDING) != 0;
}
