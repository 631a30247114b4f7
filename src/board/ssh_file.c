/* The files of ~/.ssh. */
#include "board/ssh_file.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRY_MAX 16384 /* bytes of the strings of an entry of passwd or group */

/* The home directory of the account or, without an account, HOME, as in OpenSSH and libssh. */
static const char *home_directory(char *out, size_t size) {
  struct passwd entry, *found = NULL;
  char strings[ENTRY_MAX];
  if (getpwuid_r(getuid(), &entry, strings, sizeof strings, &found) != 0) found = NULL;
  const char *home = found != NULL ? found->pw_dir : getenv("HOME");
  snprintf(out, size, "%s", home == NULL ? "" : home);
  return out;
}

void p2p_ssh_file_expand(const char *path, char *out, size_t size) {
  char home[512];
  if (strncmp(path, "~/", 2) == 0)
    snprintf(out, size, "%s/%s", home_directory(home, sizeof home), path + 2);
  else
    snprintf(out, size, "%s", path);
}

void p2p_ssh_file_show(const char *path, char *out, size_t size) {
  char home[512];
  const char *shell_home = getenv("HOME");
  if (shell_home != NULL && strcmp(shell_home, home_directory(home, sizeof home)) == 0)
    snprintf(out, size, "%s", path);
  else
    p2p_ssh_file_expand(path, out, size);
}

bool p2p_ssh_file_is_plain(const char *path) {
  return strpbrk(path, "%$'\\") == NULL && (path[0] != '~' || path[1] == '/') &&
         strcmp(path, "SSH_AUTH_SOCK") != 0;
}

int p2p_ssh_file_read(const char *path, struct p2p_buf *out) {
  char bytes[8192];
  size_t length;
  FILE *file = fopen(path, "re");
  if (file == NULL) return P2P_ERR_SYSTEM;
  int code = P2P_OK;
  while (code == P2P_OK && (length = fread(bytes, 1, sizeof bytes, file)) > 0)
    code = p2p_buf_put(out, bytes, length);
  if (code == P2P_OK && ferror(file) != 0) code = P2P_ERR_SYSTEM;
  int why = errno;
  (void)fclose(file); /* opened for reading */
  errno = why;
  return code;
}

bool p2p_ssh_file_is_folder(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

unsigned p2p_ssh_file_exposed_mode(const char *path) {
  struct stat info;
  if (stat(path, &info) != 0 || info.st_uid != getuid() || (info.st_mode & 077) == 0) return 0;
  return (unsigned)info.st_mode & 07777;
}

/* Whether the group has the name and nobody but the user of this account. */
static bool is_own_group(gid_t gid) {
  struct passwd entry, *user = NULL;
  struct group group_entry, *group = NULL;
  char strings[ENTRY_MAX], group_strings[ENTRY_MAX];
  if (getpwuid_r(getuid(), &entry, strings, sizeof strings, &user) != 0 || user == NULL ||
      getgrgid_r(gid, &group_entry, group_strings, sizeof group_strings, &group) != 0 ||
      group == NULL || user->pw_gid != gid || strcmp(group->gr_name, user->pw_name) != 0)
    return false;
  char **members = group->gr_mem;
  return members[0] == NULL || (strcmp(members[0], user->pw_name) == 0 && members[1] == NULL);
}

bool p2p_ssh_file_is_trusted(const char *path) {
  struct stat info;
  if (stat(path, &info) != 0) return true;
  return (info.st_uid == 0 || info.st_uid == getuid()) && (info.st_mode & 02) == 0 &&
         ((info.st_mode & 020) == 0 || is_own_group(info.st_gid));
}
