/* Whether a device gets the key of a cluster. Pure. */
#ifndef P2P_BOARD_ENROL_RULES_H
#define P2P_BOARD_ENROL_RULES_H

#include <stdbool.h>

#include "keys/members.h"
#include "protocol/enrolment.h"

struct p2p_enrol_case {
  struct p2p_enrol request;
  char user[P2P_USER_NAME_MAX]; /* of the request */
  bool is_listed;               /* the user has access */
  bool is_invite_only;          /* known devices and invitations only */
  bool is_vouched;              /* the board says that the device is the user's */
  bool can_vouch;               /* the board can say so */
};

enum p2p_enrol_verdict {
  P2P_ENROL_KNOWN, /* a member already: the same key again */
  P2P_ENROL_NEW,   /* becomes a member */
  P2P_ENROL_REFUSED
};

/* *why is set for P2P_ENROL_REFUSED. */
enum p2p_enrol_verdict p2p_enrol_judge(const struct p2p_enrol_case *request,
                                       const struct p2p_members *members, enum p2p_refusal *why);

#endif
