/* How many files this process has open, to see that none is left behind. */
#ifndef P2P_TESTS_DESCRIPTORS_H
#define P2P_TESTS_DESCRIPTORS_H

#include <dirent.h>
#include <stddef.h>

/* Without "." and ".."; 0 where there is no such folder. */
static inline int count_files(const char *folder) {
  int count = 0;
  DIR *dir = opendir(folder);
  for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
    count += entry->d_name[0] != '.';
  if (dir != NULL) closedir(dir);
  return count;
}

/* With that of the look itself; 0 where there is no such list. */
static inline int count_descriptors(void) { return count_files("/proc/self/fd"); }

#endif
