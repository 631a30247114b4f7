/* Wormhole codes: a nameplate, a dash and a password, as in "7-guitar-wizard". Pure, but for random
 * numbers. */
#ifndef P2P_WORMHOLE_CODE_H
#define P2P_WORMHOLE_CODE_H

#include <stdbool.h>

#include "base/err.h"
#include "protocol/nameplate.h"

#define P2P_CODE_MAX 128 /* bytes, with the NUL */

/* Writes a new code. Its password is two words if it is for people, else 128 random bits in
 * hexadecimal, which cannot be guessed online or offline. */
void p2p_code_make(const char *nameplate, bool for_people, char out[P2P_CODE_MAX]);
/* A password has at least one byte, and no spaces or control characters. */
bool p2p_code_password_is_valid(const char *password);
/* Checks a code. Writes
 * its nameplate. P2P_ERR_INVALID; the message does not quote the code, which is secret. */
int p2p_code_check(const char *code, char nameplate[P2P_NAMEPLATE_MAX],
                   struct p2p_err *err) P2P_MUST_USE;

#endif
