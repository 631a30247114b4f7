/* Names of received files, and the clusters in the output of `ls`. */
#include <stdlib.h>
#include <string.h>

#include "base/sanitize.h"
#include "board/topic.h"
#include "fuzz.h"
#include "transfer/file_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  char *text = malloc(length + 1), name[P2P_FILE_NAME_MAX], again[P2P_FILE_NAME_MAX];
  memcpy(text, bytes, length);
  text[length] = '\0';
  p2p_file_name_clean(text, name);
  size_t used = strlen(name);
  if (used == 0 || used >= P2P_FILE_NAME_MAX || strchr(".-~ ", name[0]) != NULL ||
      strpbrk(name, "/\\:*?\"<>|") != NULL || p2p_file_name_stem(name) > used)
    __builtin_trap();
  p2p_sanitize(name, used, again, sizeof again);
  if (strcmp(name, again) != 0) __builtin_trap();
  p2p_file_name_clean(name, again);
  if (strcmp(name, again) != 0) __builtin_trap();
  char hosted[P2P_HOSTED_MAX], *rest = hosted;
  p2p_topic_list_hosted((const char *)bytes, length, "alice", hosted);
  for (char *one = strtok_r(hosted, " ", &rest); one != NULL; one = strtok_r(NULL, " ", &rest)) {
    struct p2p_cluster cluster;
    if (p2p_cluster_parse(one, &cluster, NULL) != P2P_OK || strcmp(cluster.owner, "alice") != 0)
      __builtin_trap();
  }
  free(text);
  return 0;
}
