/* Versions of libuv and wslay. */
#include "net/net_library.h"

#include <stdio.h>
#include <uv.h>
#include <wslay/wslayver.h>

#define TEXT(x) #x
#define NUMBERS(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

void p2p_net_library_versions(struct p2p_library out[static P2P_NET_LIBRARIES]) {
  out[0] = (struct p2p_library){
      .name = "libuv", .built = NUMBERS(UV_VERSION_MAJOR, UV_VERSION_MINOR, UV_VERSION_PATCH)};
  snprintf(out[0].running, sizeof out[0].running, "%s", uv_version_string());
  out[1] = (struct p2p_library){.name = "wslay", .built = WSLAY_VERSION};
}
