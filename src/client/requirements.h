/* What a task needs of its worker: packages, and resources. Pure. */
#ifndef P2P_CLIENT_REQUIREMENTS_H
#define P2P_CLIENT_REQUIREMENTS_H

#include <stdbool.h>

#include "base/err.h"
#include "protocol/resources.h"

#define P2P_REQUIREMENTS_PACKAGES_MAX 1000

/* Zeroed: nothing. */
struct p2p_requirements {
  char *packages; /* "a;b"; NULL: none */
  struct p2p_resources resources;
};

/* Copies "a;b", at most P2P_REQUIREMENTS_PACKAGES_MAX. `label`: of the task, for errors. */
int p2p_requirements_set_packages(struct p2p_requirements *needs, const char *packages,
                                  const char *label, struct p2p_err *err) P2P_MUST_USE;
void p2p_requirements_clear(struct p2p_requirements *needs);
bool p2p_requirements_are_none(const struct p2p_requirements *needs);
bool p2p_requirements_are_same(const struct p2p_requirements *a, const struct p2p_requirements *b);
/* "" for none. */
const char *p2p_requirements_packages(const struct p2p_requirements *needs);

#endif
