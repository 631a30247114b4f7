/* What each step waits for. */
#include "board/connection_step.h"

void p2p_connection_step_explain(enum p2p_connection_step step, const char *host,
                                 uint32_t timeout_ms, bool uses_program, struct p2p_err *err) {
  static const char *const awaited[] = {[P2P_STEP_WHOAMI] = "your user name",
                                        [P2P_STEP_CONNECTING] = "the SSH login",
                                        [P2P_STEP_USER] = "'user'",
                                        [P2P_STEP_KEYS] = "the files of keys",
                                        [P2P_STEP_SERVICES] = "'services'",
                                        [P2P_STEP_ATTEST] = "'attest'",
                                        [P2P_STEP_NAMES] = "'users'",
                                        [P2P_STEP_HOSTED] = "'ls'",
                                        [P2P_STEP_OPENING] = "'pipe'",
                                        [P2P_STEP_ECHO] = "the echo of the hello",
                                        [P2P_STEP_ACCESS] = "'ls'"};
  p2p_err_because(err, uses_program ? "ssh_silent" : "board_silent",
                  p2p_err_set(err, P2P_ERR_TIMEOUT,
                              "'%s' did not answer within %.1f s (waiting for %s)", host,
                              timeout_ms / 1000.0, awaited[step]));
}
