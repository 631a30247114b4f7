/* Resources: what a future requests, and what a worker lends. Amounts are reserved while a future
 * runs; tags only select workers. Also the payload of REQUEST, lines "key=value". Pure. Grammar:
 * docs/protocol.md, "REQUEST". */
#ifndef P2P_PROTOCOL_RESOURCES_H
#define P2P_PROTOCOL_RESOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/gpus.h"

#define P2P_CORES_MAX 65536
#define P2P_MEMORY_MAX 999999999 /* MiB */
#define P2P_TAG_MAX 33           /* bytes of a tag, with a NUL */
#define P2P_TAGS_MAX 16          /* tags in a list */
#define P2P_TAGS_LEN 256         /* bytes of a list, with a NUL */
#define P2P_REQUEST_MAX 512      /* bytes of REQUEST, and a NUL that is not sent */

struct p2p_amounts {
  uint32_t cores, memory_mib, gpus;
};

struct p2p_resources {
  struct p2p_amounts amounts;
  char tags[P2P_TAGS_LEN]; /* "bioc;gpu-lab"; "": none */
};

bool p2p_amounts_are_none(const struct p2p_amounts *amounts);
bool p2p_amounts_are_same(const struct p2p_amounts *a, const struct p2p_amounts *b);
/* Sums stay at the largest number, differences at 0. */
void p2p_amounts_add(struct p2p_amounts *to, const struct p2p_amounts *more);
void p2p_amounts_subtract(struct p2p_amounts *from, const struct p2p_amounts *less);
/* How many times `each` is there in `amounts`; UINT32_MAX if `each` is nothing. */
uint32_t p2p_amounts_count(const struct p2p_amounts *amounts, const struct p2p_amounts *each);

/* 1 to P2P_TAGS_MAX tags of letters, digits, '.', '_' and '-', joined by ";". */
bool p2p_tags_are_valid(const char *list);
/* Whether each of `wanted` is in `list`. */
bool p2p_tags_contain(const char *list, const char *wanted);

bool p2p_resources_are_none(const struct p2p_resources *resources);
bool p2p_resources_are_same(const struct p2p_resources *a, const struct p2p_resources *b);
/* Whether `wanted` is part of `resources`. */
bool p2p_resources_contain(const struct p2p_resources *resources,
                           const struct p2p_resources *wanted);
/* "4 cores, 6 GiB of memory, 1 GPU and the tag 'bioc'"; "nothing". */
void p2p_resources_describe(const struct p2p_resources *resources, char *out, size_t size);

/* Writes REQUEST, with a NUL behind it. Returns its length. */
size_t p2p_request_write(const struct p2p_resources *request, char out[static P2P_REQUEST_MAX]);
/* Unknown keys are ignored, the first of equal keys counts. P2P_ERR_PROTOCOL: malformed or too
 * long; *out is then unchanged. */
int p2p_request_read(const void *payload, size_t length, struct p2p_resources *out) P2P_MUST_USE;

#endif
