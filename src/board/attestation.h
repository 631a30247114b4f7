/* The commands `attest` and `attested` of a board, by which it vouches whose device a key is. Pure.
 * Grammar: docs/protocol.md, "The board". */
#ifndef P2P_BOARD_ATTESTATION_H
#define P2P_BOARD_ATTESTATION_H

#include <stdbool.h>
#include <stddef.h>

#include "crypto/sign.h"

#define P2P_ATTEST_COMMAND_MAX 64 /* "attested ", 43 characters and a NUL */

void p2p_attest_command(const struct p2p_sign_public *key, char out[P2P_ATTEST_COMMAND_MAX]);
/* Whether the board has remembered the key. False for other output, as of a board that does not
 * know the command. */
bool p2p_attest_is_done(const char *text, size_t length);

void p2p_attested_command(const struct p2p_sign_public *key, char out[P2P_ATTEST_COMMAND_MAX]);
/* Whether the board lists `user` among those who have attested the key. */
bool p2p_attested_lists(const char *text, size_t length, const char *user);

#endif
