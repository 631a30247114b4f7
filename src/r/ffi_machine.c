/* What doctor() asks about this machine: libraries, addresses, free space. */
#include <sys/statvfs.h>

#include "board/ssh_library.h"
#include "crypto/crypto_library.h"
#include "net/address.h"
#include "net/net_library.h"
#include "r/ffi.h"
#include "r/ffi_error.h"
#include "wormhole/json_library.h"

/* list(name, built, running), one element for each C library. `running` is "" where it does not
 * say. */
SEXP ffi_libraries(void) {
  enum { OTHERS = P2P_CRYPTO_LIBRARIES + P2P_NET_LIBRARIES, ALL = OTHERS + 2 };
  struct p2p_library libraries[ALL];
  p2p_crypto_library_versions(libraries);
  p2p_net_library_versions(libraries + P2P_CRYPTO_LIBRARIES);
  p2p_ssh_library_version(&libraries[OTHERS]);
  p2p_json_library_version(&libraries[OTHERS + 1]);
  const char *names[] = {"name", "built", "running", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  for (int column = 0; column < 3; column++)
    SET_VECTOR_ELT(out, column, Rf_allocVector(STRSXP, ALL));
  for (int i = 0; i < ALL; i++) {
    SET_STRING_ELT(VECTOR_ELT(out, 0), i, Rf_mkChar(libraries[i].name));
    SET_STRING_ELT(VECTOR_ELT(out, 1), i, Rf_mkChar(libraries[i].built));
    SET_STRING_ELT(VECTOR_ELT(out, 2), i, Rf_mkChar(libraries[i].running));
  }
  UNPROTECT(1);
  return out;
}

/* The addresses of this machine that others may reach; loopback only if there are no others. */
SEXP ffi_local_addresses(void) {
  enum { MOST = 64 };
  char found[MOST][P2P_ADDRESS_TEXT_MAX];
  size_t n = p2p_local_addresses(found, MOST, false);
  if (n > MOST) n = MOST;
  SEXP out = PROTECT(Rf_allocVector(STRSXP, (R_xlen_t)n));
  for (size_t i = 0; i < n; i++) SET_STRING_ELT(out, (R_xlen_t)i, Rf_mkChar(found[i]));
  UNPROTECT(1);
  return out;
}

/* The bytes that this user may still write to the file system of `path`; NA if it does not say. */
SEXP ffi_disk_free(SEXP path) {
  struct statvfs disk;
  if (statvfs(R_ExpandFileName(Rf_translateChar(STRING_ELT(path, 0))), &disk) != 0)
    return Rf_ScalarReal(NA_REAL);
  return Rf_ScalarReal((double)disk.f_bavail * (double)disk.f_frsize);
}
