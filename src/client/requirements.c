/* What a task needs of its worker. */
#include "client/requirements.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/package_list.h"

int p2p_requirements_set_packages(struct p2p_requirements *needs, const char *packages,
                                  const char *label, struct p2p_err *err) {
  size_t count = 1;
  for (const char *at = packages; *at != '\0'; at++) count += *at == ';';
  if (!p2p_package_list_is_valid(packages)) {
    return p2p_err_set(err, P2P_ERR_INVALID,
                       "future '%s' needs packages with invalid names: '%.200s'", label, packages);
  }
  if (count > P2P_REQUIREMENTS_PACKAGES_MAX) {
    return p2p_err_set(err, P2P_ERR_TOO_LARGE, "future '%s' needs more than %d packages", label,
                       P2P_REQUIREMENTS_PACKAGES_MAX);
  }
  char *copy = strdup(packages);
  if (copy == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  free(needs->packages);
  needs->packages = copy;
  return P2P_OK;
}

void p2p_requirements_clear(struct p2p_requirements *needs) {
  free(needs->packages);
  *needs = (struct p2p_requirements){.packages = NULL};
}

bool p2p_requirements_are_none(const struct p2p_requirements *needs) {
  return needs->packages == NULL && p2p_resources_are_none(&needs->resources);
}

const char *p2p_requirements_packages(const struct p2p_requirements *needs) {
  return needs->packages != NULL ? needs->packages : "";
}

bool p2p_requirements_are_same(const struct p2p_requirements *a, const struct p2p_requirements *b) {
  return strcmp(p2p_requirements_packages(a), p2p_requirements_packages(b)) == 0 &&
         p2p_resources_are_same(&a->resources, &b->resources);
}
