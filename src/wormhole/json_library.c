/* The version of jansson. */
#include "wormhole/json_library.h"

#include <jansson.h>
#include <stdio.h>

void p2p_json_library_version(struct p2p_library *out) {
  *out = (struct p2p_library){.name = "jansson", .built = JANSSON_VERSION};
#if JANSSON_VERSION_HEX >= 0x020d00 /* jansson_version_str came with 2.13 */
  snprintf(out->running, sizeof out->running, "%s", jansson_version_str());
#endif
}
