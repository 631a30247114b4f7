/* Work on the files of keys, done by a job (net/job.h): what a member does before it opens the
 * topic, when it was given a key, and when it gives the key to a device. io thread only. */
#ifndef P2P_BOARD_KEY_JOB_H
#define P2P_BOARD_KEY_JOB_H

#include "board/address.h"
#include "board/enrol_rules.h"
#include "keys/membership.h"
#include "net/job.h"

/* Where the files are. Owned copies. */
struct p2p_key_files {
  char folder[P2P_KEY_PATH_MAX];
  char board[P2P_HOSTPORT_TEXT_MAX];
  char account[P2P_USER_NAME_MAX];
  char cluster[P2P_CLUSTER_TEXT_MAX];
};
/* P2P_ERR_TOO_LARGE. */
int p2p_key_files_set(struct p2p_key_files *files, const char *folder,
                      const struct p2p_address *address, struct p2p_err *err) P2P_MUST_USE;
struct p2p_key_place p2p_key_files_place(const struct p2p_key_files *files); /* borrows */

enum p2p_key_task {
  P2P_KEY_READ,    /* the device, and what it knows of the cluster */
  P2P_KEY_DEVICE,  /* the device alone */
  P2P_KEY_OWN,     /* host: the same; makes the key if it is missing */
  P2P_KEY_MAKE,    /* personal: makes the key if it is missing */
  P2P_KEY_KEEP,    /* keeps `membership` */
  P2P_KEY_REPLACE, /* personal: keeps it in place of a key that no other device has */
  P2P_KEY_ADMIT    /* judges `request`, makes a device a member, and reads the membership */
};

struct p2p_key_job { /* secret: wiped with the job */
  enum p2p_key_task task;
  struct p2p_key_files files;
  bool is_personal;
  bool is_default; /* personal: the user has not named the cluster, so the board alone does */
  struct p2p_device device; /* set by the first three */
  struct p2p_membership membership;
  bool exists;            /* READ, OWN: the membership */
  bool has_owner;         /* READ: the owner in it is known, if only under another account */
  bool is_alone;          /* personal: no other device has the key */
  struct p2p_epoch epoch; /* OWN: what the host announces */
  struct p2p_enrol_case request;
  enum p2p_enrol_verdict verdict; /* of the request */
  enum p2p_refusal why;
  int code;
  struct p2p_err err; /* unless code is P2P_OK */
};

/* Starts the work on a copy of `job`. `done` is called with the result, which is wiped after it. */
int p2p_key_job_start(struct p2p_loop *loop, const struct p2p_key_job *job,
                      void (*done)(void *arg, const struct p2p_key_job *result), void *arg,
                      struct p2p_job **out, struct p2p_err *err) P2P_MUST_USE;

#endif
