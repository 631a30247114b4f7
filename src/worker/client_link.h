/* The link to one client: the slots that the client holds and its tasks on the evaluators. This is
 * the worker's side of the link protocol (docs/protocol.md). io thread only. */
#ifndef P2P_WORKER_CLIENT_LINK_H
#define P2P_WORKER_CLIENT_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/identity.h"
#include "protocol/load.h"
#include "protocol/slot.h"
#include "worker/client_link_config.h"

struct p2p_client_link;

/* Starts to open the link. */
int p2p_client_link_new(const struct p2p_client_link_shared *shared,
                        const struct p2p_client_link_config *config, struct p2p_client_link **out,
                        struct p2p_err *err) P2P_MUST_USE;
/* Closes the link with a reason. The client's tasks get no LOST: to the client they are lost with
 * the worker, so that it can run them again elsewhere. No callbacks after. Takes NULL. */
void p2p_client_link_free(struct p2p_client_link *client, const char *why);

bool p2p_client_link_is_open(const struct p2p_client_link *client);
/* The other end has proved that it knows the code. */
bool p2p_client_link_is_confirmed(const struct p2p_client_link *client);
/* A frame could not be sent: the link must be freed. */
bool p2p_client_link_is_broken(const struct p2p_client_link *client);
const struct p2p_identity *p2p_client_link_identity(const struct p2p_client_link *client);
/* Its certified device; NULL without a cluster key, and before its HELLO. */
const struct p2p_sign_public *p2p_client_link_device(const struct p2p_client_link *client);
/* The client's name as people see it: "bob@laptop:99". */
const char *p2p_client_link_name(const struct p2p_client_link *client);
const char *p2p_client_link_user(const struct p2p_client_link *client); /* "bob" */
/* The number of running futures. Adds the time that they have taken so far to *lent_ms. */
uint32_t p2p_client_link_running(const struct p2p_client_link *client, uint64_t *lent_ms);
/* Sends a SLOT frame: GRANT or RECALL. */
void p2p_client_link_send_slot(struct p2p_client_link *client, enum p2p_slot_op op, uint32_t count);
/* Sends a LOAD frame. */
void p2p_client_link_send_load(struct p2p_client_link *client, const struct p2p_load *load);

#endif
