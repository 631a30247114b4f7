/* The host name and the process id of this process. */
#include "board/own_name.h"

#include <stdio.h>
#include <unistd.h>

/* A longer name is cut, and characters that a member's name cannot have are left out. */
static void put_hostname(char *out, size_t size) {
  char name[256] = ""; /* POSIX: at most 255 bytes */
  size_t used = 0;
  if (gethostname(name, sizeof name - 1) != 0) name[0] = '\0';
  for (const char *at = name; *at != '\0' && used + 1 < size; at++) {
    bool is_plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                    (*at >= '0' && *at <= '9') || *at == '.' || *at == '-' || *at == '_';
    if (is_plain) out[used++] = *at;
  }
  out[used] = '\0';
  if (used == 0) snprintf(out, size, "unknown");
}

void p2p_own_name(const char *user, char out[P2P_MEMBER_NAME_MAX]) {
  char hostname[65];
  put_hostname(hostname, sizeof hostname);
  snprintf(out, P2P_MEMBER_NAME_MAX, "%s@%s:%ld", user, hostname, (long)getpid());
}
