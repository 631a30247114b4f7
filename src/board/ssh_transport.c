/* Which way an SSH connection goes, and from then on what its way does. */
#include "board/ssh_transport.h"

int p2p_ssh_connect(struct p2p_loop *loop, const struct p2p_address *address, uint32_t timeout_ms,
                    const struct p2p_ssh_callbacks *callbacks, void *arg, struct p2p_ssh **out,
                    struct p2p_err *err) {
  const struct p2p_ssh_request request = {loop, address, timeout_ms, callbacks, arg};
  struct p2p_ssh *ssh = NULL;
  int code = address->by_program ? P2P_OK : p2p_ssh_session_connect(&request, &ssh, err);
  if (code == P2P_OK && ssh == NULL) code = p2p_ssh_program_connect(&request, &ssh, err);
  if (code == P2P_OK) *out = ssh;
  return code;
}

void p2p_ssh_free(struct p2p_ssh *ssh) {
  if (ssh != NULL) ssh->transport->free(ssh);
}

const char *p2p_ssh_host(const struct p2p_ssh *ssh) { return ssh->transport->host(ssh); }
void p2p_ssh_set_silence(struct p2p_ssh *ssh, uint32_t silent_ms) {
  ssh->transport->set_silence(ssh, silent_ms);
}

int p2p_ssh_run(struct p2p_ssh *ssh, const char *command,
                const struct p2p_ssh_command_callbacks *callbacks, void *arg,
                struct p2p_ssh_command **out, struct p2p_err *err) {
  return ssh->transport->run(ssh, command, callbacks, arg, out, err);
}

int p2p_ssh_command_write(struct p2p_ssh_command *command, const void *bytes, size_t length) {
  return command->transport->write(command, bytes, length);
}

void p2p_ssh_command_free(struct p2p_ssh_command *command) {
  if (command != NULL) command->transport->free_command(command);
}
