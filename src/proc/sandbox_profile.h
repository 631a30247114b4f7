/* The rules of a sandbox of macOS (Seatbelt), in the language that sandbox-exec(1) reads. Apple
 * does not document it; docs/sandbox.md says what the rules rest on. Pure: a text, on any system.
 */
#ifndef P2P_PROC_SANDBOX_PROFILE_H
#define P2P_PROC_SANDBOX_PROFILE_H

#include "base/buf.h"
#include "proc/sandbox_config.h"

/* Appends the rules to *out. They do not contain the paths of the sandbox, so that no character of
 * a path can become a rule. They name them as parameters, which whoever applies the rules defines:
 * "path0", "path1", ... are the paths, which must be absolute and without links, since that is what
 * the kernel compares; "name0", "name1", ... are the paths by which the program finds them. Of the
 * folders and links on the way, it may read sizes and times, but not what is in a folder. `level`
 * and `supervisor` do not matter. P2P_ERR_TOO_LARGE, P2P_ERR_MEMORY. */
int p2p_sandbox_profile_write(const struct p2p_sandbox *sandbox, struct p2p_buf *out) P2P_MUST_USE;

#endif
