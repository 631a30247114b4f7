/* A C library that this package uses: which version it was built with, and which one runs. */
#ifndef P2P_BASE_LIBRARY_H
#define P2P_BASE_LIBRARY_H

#define P2P_LIBRARY_VERSION_MAX 64

struct p2p_library {
  const char *name;                      /* "libuv"; a literal */
  const char *built;                     /* the version of its headers; a literal */
  char running[P2P_LIBRARY_VERSION_MAX]; /* "": it does not say */
};

#endif
