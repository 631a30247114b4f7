/* Gives the key of a cluster to devices that ask for it: for the host of a cluster, and for every
 * member of a personal one. It takes one request after the other: asks the board whose device it
 * is, looks into the file of members, and answers. io thread only. */
#ifndef P2P_BOARD_REGISTRAR_H
#define P2P_BOARD_REGISTRAR_H

#include "base/log_queue.h"
#include "board/connection.h"
#include "board/key_job.h"
#include "net/loop.h"
#include "protocol/enrolment.h"

struct p2p_registrar;

struct p2p_registrar_config { /* pointers are borrowed; they outlive the registrar */
  struct p2p_loop *loop;
  struct p2p_log_queue *log; /* may be NULL */
  const struct p2p_key_files *files;
  const struct p2p_identity *from; /* of the member that answers */
  const char *users;               /* besides the owner, joined by ','; may be NULL */
  bool is_invite_only;
  bool is_personal;
  bool is_keyless;              /* refuses everybody: the cluster has no key */
  void (*on_shared)(void *arg); /* another device has the key now; may be NULL */
  void *arg;
};

/* P2P_ERR_MEMORY. */
int p2p_registrar_new(const struct p2p_registrar_config *config, struct p2p_registrar **out,
                      struct p2p_err *err) P2P_MUST_USE;
void p2p_registrar_free(struct p2p_registrar *registrar); /* wipes; takes NULL */

/* The secret half of the owner's key, copied: before anything that follows. */
void p2p_registrar_set_owner(struct p2p_registrar *registrar, const struct p2p_sign_secret *owner);
/* A connection has joined the topic; call p2p_registrar_disconnect before it is freed. */
void p2p_registrar_connect(struct p2p_registrar *registrar, struct p2p_connection *connection);
void p2p_registrar_disconnect(struct p2p_registrar *registrar);

/* Takes a request. False: the line is another one. */
bool p2p_registrar_read(struct p2p_registrar *registrar, const struct p2p_line *line);

#endif
