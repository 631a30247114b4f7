/* Control groups (cgroup v2, Linux) for processes that this one starts: each has one of its own, so
 * that the kernel limits what it takes together with all that it starts, and kills all of that at
 * once.
 *
 * They lie in the group of this process, which must be its own: the account may write there, and no
 * other process is in it. A group whose groups have limits has no processes itself, so this process
 * moves to a group `supervisor` beside them. */
#ifndef P2P_PROC_CGROUP_H
#define P2P_PROC_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct p2p_cgroups;
struct p2p_cgroup;

#define P2P_CGROUP_PROCESSES_MAX 4096 /* of a group, with their threads; as in a sandbox */

/* Moves this process, and removes what an earlier one that was killed has left, for at most a
 * second. `path`: the folder of its group; NULL: found out. `needs_memory` is false in tests only.
 * P2P_ERR_SYSTEM: this process has no group of its own, or not with limits on memory, and is where
 * it was; P2P_ERR_MEMORY. Any thread. */
int p2p_cgroups_new(const char *path, bool needs_memory, struct p2p_cgroups **out,
                    struct p2p_err *err) P2P_MUST_USE;
/* The folder. */
const char *p2p_cgroups_path(const struct p2p_cgroups *groups);
/* Removes the groups, all of which were freed, and moves this process back. Waits for at most a
 * second for processes that still end. Takes NULL. */
void p2p_cgroups_free(struct p2p_cgroups *groups);

/* The functions below do not wait, and run on one thread, which is that of the groups meanwhile. */

/* Makes a group without processes. P2P_ERR_SYSTEM, P2P_ERR_MEMORY. */
int p2p_cgroup_new(struct p2p_cgroups *groups, struct p2p_cgroup **out,
                   struct p2p_err *err) P2P_MUST_USE;
/* A descriptor, close-on-exec, for the caller to close. A process that writes "0" to it moves into
 * the group, and so is all that it starts from then on. P2P_ERR_SYSTEM. */
int p2p_cgroup_open(const struct p2p_cgroup *group, int *out, struct p2p_err *err) P2P_MUST_USE;
/* Limits the memory of all processes of the group together: what they allocate and share, files in
 * memory, and the kernel's records of them. They get no swap. When the limit is reached, the kernel
 * kills all of them. P2P_ERR_SYSTEM. */
int p2p_cgroup_limit(const struct p2p_cgroup *group, uint64_t bytes,
                     struct p2p_err *err) P2P_MUST_USE;
/* Whether the kernel has killed a process because the group was at its limit. */
bool p2p_cgroup_was_full(const struct p2p_cgroup *group);
/* Kills all processes of the group (Linux 5.14). The group goes away when a later one is made or
 * freed, or with the groups. Takes NULL. */
void p2p_cgroup_free(struct p2p_cgroup *group);

#endif
