/* The wormhole of a link to a client, and the HELLO of both ends. */
#include "worker/link_opening.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"

int p2p_link_opening_start(const struct p2p_client_link_shared *shared,
                           const struct p2p_client_link_config *config,
                           const struct p2p_link_events *events, struct p2p_link **out,
                           struct p2p_err *err) {
  const struct p2p_credentials *credentials = p2p_member_credentials(shared->member);
  char mailbox[P2P_LINK_MAILBOX_MAX], password[P2P_LINK_PASSWORD_MAX];
  struct p2p_link_config link = {
      .loop = shared->loop, .mailbox = config->mailbox, .relay = config->relay};
  if (credentials == NULL) {
    link.code = config->code;
  } else {
    const struct p2p_link_parties parties = {.cluster = credentials->cluster,
                                             .client = config->client->id,
                                             .worker = p2p_member_identity(shared->member)->id,
                                             .worker_key = shared->worker_key,
                                             .code = config->code};
    p2p_cluster_key_mailbox(&credentials->key, config->code, mailbox);
    p2p_cluster_key_password(&credentials->key, &parties, password);
    link.mailbox_id = mailbox;
    link.password = password;
  }
  int code = p2p_link_open(&link, events->callbacks, events->arg, out, err);
  p2p_wipe(password, sizeof password);
  return code;
}

long p2p_link_opening_write_hello(const struct p2p_client_link_shared *shared,
                                  const struct p2p_link *link, char out[P2P_HELLO_MAX + 1]) {
  struct p2p_hello hello = {
      .ciphers = *p2p_cipher_ours(), .slots = shared->n_slots, .machine = shared->machine};
  p2p_hello_certify(&hello, p2p_member_credentials(shared->member), P2P_ROLE_WORKER,
                    p2p_link_verifier(link));
  snprintf(hello.member, sizeof hello.member, "%s", p2p_member_identity(shared->member)->id);
  snprintf(hello.r_version, sizeof hello.r_version, "%s", shared->r_version);
  snprintf(hello.future_version, sizeof hello.future_version, "%s", shared->future_version);
  return p2p_hello_write(&hello, P2P_ROLE_WORKER, out, P2P_HELLO_MAX + 1);
}

/* HELLO must repeat the id in the accept line. Without a cluster key, both are the client's own
 * statements. */
const char *p2p_link_opening_read_hello(const struct p2p_client_link_shared *shared,
                                        struct p2p_link *link, const struct p2p_identity *client,
                                        const struct p2p_frame *frame, struct p2p_hello *out) {
  if (frame->type != P2P_FRAME_HELLO) return "did not send HELLO first";
  if (p2p_hello_read(frame->payload, frame->length, P2P_ROLE_CLIENT, out, NULL) != P2P_OK)
    return "malformed HELLO";
  if (strcmp(out->member, client->id) != 0) return "sent a HELLO with another id";
  if (!p2p_hello_is_certified(out, p2p_member_credentials(shared->member), P2P_ROLE_CLIENT,
                              p2p_link_verifier(link), client->name))
    return "has no valid certificate of its user";
  enum p2p_cipher_kind cipher = p2p_cipher_list_choose(p2p_cipher_ours(), &out->ciphers);
  if (p2p_link_switch(link, cipher) != P2P_OK) return "named a cipher that cannot be used";
  p2p_log_write(shared->log, P2P_LOG_DEBUG, "client '%s' has R %s and future %s; cipher: %s",
                client->name, out->r_version, out->future_version, p2p_cipher_list_name(cipher));
  return NULL;
}
