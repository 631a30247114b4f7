/* The keys of one member: reads them before it opens a topic, gets the key of the cluster from its
 * owner where this device does not have it, opens and seals lines, and gives the key to others
 * where that is up to this member (the host of a cluster; everybody in a personal one). io thread
 * only. */
#ifndef P2P_BOARD_MEMBER_KEYS_H
#define P2P_BOARD_MEMBER_KEYS_H

#include <stdbool.h>

#include "base/log_queue.h"
#include "board/address.h"
#include "board/connection.h"
#include "net/loop.h"
#include "protocol/credentials.h"

struct p2p_member_keys;

struct p2p_member_keys_config { /* pointers are borrowed; they outlive the keys but for `folder` */
  struct p2p_loop *loop;
  struct p2p_log_queue *log; /* may be NULL */
  enum p2p_role role;
  const struct p2p_address *address;
  bool has_cluster;                          /* the user has named it */
  const char *folder;                        /* of all keys; NULL with `credentials` */
  const struct p2p_identity *from;           /* of the member; the name may be set later */
  const char *users;                         /* host: the users with access, joined by ',' */
  bool is_keyless, is_invite_only;           /* host */
  const struct p2p_credentials *credentials; /* fixed ones, copied; NULL: those in the files */
};

struct p2p_member_keys_callbacks {
  void (*on_ready)(void *arg);    /* the files were read: the connection may be resumed */
  void (*on_enrolled)(void *arg); /* the newcomer is a member now */
  void (*on_renewed)(void *arg);  /* the key has changed: say hello again */
  /* The owner has expelled these devices: end what is open to them. */
  void (*on_expelled)(void *arg, const struct p2p_sign_public *devices, size_t n);
  void (*on_failed)(void *arg, const struct p2p_err *err); /* no key; the last callback */
};

/* P2P_ERR_MEMORY, P2P_ERR_TOO_LARGE. */
int p2p_member_keys_new(const struct p2p_member_keys_config *config,
                        const struct p2p_member_keys_callbacks *callbacks, void *arg,
                        struct p2p_member_keys **out, struct p2p_err *err) P2P_MUST_USE;
/* No callbacks after; may be called from within one. Wipes. Takes NULL. */
void p2p_member_keys_free(struct p2p_member_keys *keys);

/* The user and the cluster of a connection are known. Calls on_ready or on_failed, also at once. */
void p2p_member_keys_prepare(struct p2p_member_keys *keys, const char *user,
                             const struct p2p_cluster *cluster);

/* From on_ready on. */
/* The device that the board is to know before the topic is opened; NULL: none. */
const struct p2p_sign_public *p2p_member_keys_device(const struct p2p_member_keys *keys);
/* Whether the member has to enrol first. */
bool p2p_member_keys_is_newcomer(const struct p2p_member_keys *keys);
/* The first line of a newcomer. */
int p2p_member_keys_write_enrol(struct p2p_member_keys *keys, bool can_vouch,
                                struct p2p_line *out) P2P_MUST_USE;
/* NULL: the cluster has no key, or not yet. */
const struct p2p_credentials *p2p_member_keys_credentials(const struct p2p_member_keys *keys);

/* The connection has joined the topic, for `left_ms` at most if it is a newcomer; it has ended. */
void p2p_member_keys_connect(struct p2p_member_keys *keys, struct p2p_connection *connection,
                             uint32_t left_ms);
void p2p_member_keys_disconnect(struct p2p_member_keys *keys);

/* Replaces *out by `line` in a box. Without a key: P2P_ERR_CANCELED, and the line is to be sent as
 * it is. */
int p2p_member_keys_seal(struct p2p_member_keys *keys, const struct p2p_line *line,
                         struct p2p_line *out) P2P_MUST_USE;
/* Takes a line of the topic: P2P_OK, and *out is the line that was in it. P2P_ERR_CANCELED: it has
 * no box, and is to be read as it is. P2P_ERR_CLOSED: it was for the keys alone. Else it is to be
 * dropped: not of this key, repeated, or altered. */
int p2p_member_keys_open(struct p2p_member_keys *keys, const struct p2p_line *line,
                         struct p2p_line *out) P2P_MUST_USE;

#endif
