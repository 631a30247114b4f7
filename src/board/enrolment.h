/* How a device gets the key of a cluster: what it writes, and which answers it takes. Pure: its
 * owner moves the lines, asks the board and keeps the time. */
#ifndef P2P_BOARD_ENROLMENT_H
#define P2P_BOARD_ENROLMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "keys/device.h"
#include "keys/place.h"
#include "protocol/enrolment.h"

#define P2P_ENROL_REPEAT_MS 2000
#define P2P_ENROL_MEET_MS 100   /* after another newcomer: so long, so that a crowd is not loud */
#define P2P_ENROL_ALONE_MS 2000 /* in a personal cluster: nobody else is there */
#define P2P_ENROL_IMPOSTORS_MAX 8

struct p2p_enrolment_config {
  char cluster[P2P_CLUSTER_TEXT_MAX];
  struct p2p_identity from;
  struct p2p_device device;
  bool is_invited;
  struct p2p_sign_secret invitation;
  bool has_owner; /* `owner` is known: no other one is believed */
  struct p2p_sign_public owner;
  bool can_vouch;   /* the board says whose a device is: it must list the cluster's owner */
  bool is_personal; /* whoever has the key answers */
  uint32_t epoch;   /* of the key that we have; 0: none. Only later ones are taken */
  bool may_make;    /* personal: makes the key if nobody answers */
};

enum p2p_enrolment_step {
  P2P_ENROLMENT_WAIT,    /* until a line, or p2p_enrolment_due_ms */
  P2P_ENROLMENT_WRITE,   /* p2p_enrolment_write */
  P2P_ENROLMENT_ASK,     /* has the owner of the cluster attested p2p_enrolment_owner? */
  P2P_ENROLMENT_GRANTED, /* p2p_enrolment_grant */
  P2P_ENROLMENT_KEYLESS, /* the cluster has no key */
  P2P_ENROLMENT_MAKE,    /* make the key */
  P2P_ENROLMENT_FAILED   /* p2p_enrolment_explain */
};

struct p2p_enrolment { /* secret: wipe it */
  struct p2p_enrolment_config config;
  char user[P2P_USER_NAME_MAX];
  uint64_t write_ms, alone_ms, end_ms; /* when to do what */
  enum { P2P_ANSWER_NONE, P2P_ANSWER_GRANT, P2P_ANSWER_REFUSAL } answer;
  struct p2p_grant grant;
  struct p2p_refused refused;
  bool is_asking; /* the board, whether the answer is the owner's */
  struct p2p_sign_public impostors[P2P_ENROL_IMPOSTORS_MAX];
  size_t n_impostors;
  bool has_other_owner; /* another device than `owner` has answered */
};

/* `wait_ms`: how long to wait for an answer. The first step is P2P_ENROLMENT_WRITE. */
void p2p_enrolment_begin(struct p2p_enrolment *enrolment, const struct p2p_enrolment_config *config,
                         uint64_t now_ms, uint64_t wait_ms);

enum p2p_enrolment_step p2p_enrolment_on_line(struct p2p_enrolment *enrolment,
                                              const struct p2p_line *line, uint64_t now_ms);
enum p2p_enrolment_step p2p_enrolment_on_attested(struct p2p_enrolment *enrolment, bool is_owner);
enum p2p_enrolment_step p2p_enrolment_on_time(struct p2p_enrolment *enrolment, uint64_t now_ms);
uint64_t p2p_enrolment_due_ms(const struct p2p_enrolment *enrolment);

/* The line `enrol`. */
int p2p_enrolment_write(const struct p2p_enrolment *enrolment, time_t now,
                        struct p2p_line *out) P2P_MUST_USE;
/* The device that has answered. */
const struct p2p_sign_public *p2p_enrolment_owner(const struct p2p_enrolment *enrolment);
const struct p2p_grant *p2p_enrolment_grant(const struct p2p_enrolment *enrolment);
/* Fills `err` after P2P_ENROLMENT_FAILED: P2P_ERR_ACCESS with "enrol_unlisted", "enrol_device",
 * "enrol_invite", "invitation_used", "enrol_expelled" or "owner_changed"; P2P_ERR_TIMEOUT,
 * "not_enrolled". */
int p2p_enrolment_explain(const struct p2p_enrolment *enrolment, struct p2p_err *err);

#endif
