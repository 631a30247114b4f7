/* The rules, in the order in which they apply. */
#include "board/enrol_rules.h"

static enum p2p_enrol_verdict refuse(enum p2p_refusal reason, enum p2p_refusal *why) {
  *why = reason;
  return P2P_ENROL_REFUSED;
}

enum p2p_enrol_verdict p2p_enrol_judge(const struct p2p_enrol_case *request,
                                       const struct p2p_members *members, enum p2p_refusal *why) {
  const struct p2p_enrol *enrol = &request->request;
  enum p2p_standing standing = p2p_members_standing(members, request->user, &enrol->device);
  bool is_invited = enrol->is_invited &&
                    p2p_members_invitation(members, request->user, &enrol->invitation) != NULL;
  if (!request->is_listed) return refuse(P2P_REFUSAL_UNLISTED, why);
  if (standing == P2P_STANDING_MEMBER) return P2P_ENROL_KNOWN;
  if (is_invited || standing == P2P_STANDING_APPROVED) return P2P_ENROL_NEW;
  if (standing == P2P_STANDING_EXPELLED) return refuse(P2P_REFUSAL_EXPELLED, why);
  if (request->is_invite_only) return refuse(P2P_REFUSAL_INVITE, why);
  if (request->can_vouch) /* then for each device */
    return request->is_vouched ? P2P_ENROL_NEW : refuse(P2P_REFUSAL_DEVICE, why);
  return standing == P2P_STANDING_FIRST ? P2P_ENROL_NEW : refuse(P2P_REFUSAL_DEVICE, why);
}
