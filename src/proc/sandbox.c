/* The order of the steps: what needs privileges comes first. */
#include "proc/sandbox.h"

#include "proc/sandbox_filter.h"
#include "proc/sandbox_landlock.h"
#include "proc/sandbox_namespaces.h"
#include "proc/sandbox_privileges.h"

int p2p_sandbox_enter(const struct p2p_sandbox *sandbox, struct p2p_err *err) {
  int code = P2P_OK;
  if (sandbox->level == P2P_SANDBOX_NAMESPACES) code = p2p_sandbox_namespaces_enter(sandbox, err);
  if (code == P2P_OK) code = p2p_sandbox_privileges_drop(err);
  if (code == P2P_OK) code = p2p_sandbox_landlock_enter(sandbox, err);
  return code == P2P_OK ? p2p_sandbox_filter_enter(sandbox, err) : code;
}
