/* What the kernel says about control groups (cgroup v2). Pure: bytes in, values out. */
#ifndef P2P_PROC_CGROUP_TEXT_H
#define P2P_PROC_CGROUP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P2P_CGROUP_PATH_MAX 1024 /* with its NUL */

/* The path of a process in the hierarchy of version 2, by the bytes of /proc/PID/cgroup: its line
 * "0::/user.slice/a.scope". False: no such line, or the path is too long, or it leads out of what
 * this process sees of the hierarchy ("/../a"). */
bool p2p_cgroup_text_path(const char *bytes, size_t length, char out[static P2P_CGROUP_PATH_MAX]);

/* The number in a line "name 3", as memory.events and cgroup.events have them. False: no
 * such line. */
bool p2p_cgroup_text_number(const char *bytes, size_t length, const char *name, uint64_t *out);

/* Whether a line of words, such as cgroup.controllers, has this one. */
bool p2p_cgroup_text_has(const char *bytes, size_t length, const char *word);

#endif
