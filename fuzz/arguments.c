/* The command line of the program `wormhole`: arguments with newlines between them. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "shell/arguments.h"

#define ARGUMENTS_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  char *text = malloc(length + 1), *argv[ARGUMENTS_MAX], *at = text;
  struct p2p_arguments arguments;
  struct p2p_err err;
  int count = 0;

  if (text == NULL) return 0;
  if (length > 0) memcpy(text, bytes, length);
  text[length] = '\0';
  while (at != NULL && count < ARGUMENTS_MAX) argv[count++] = strsep(&at, "\n");
  if (p2p_arguments_parse(count, argv, &arguments, &err) == P2P_OK) {
    if (arguments.command == P2P_COMMAND_RECEIVE && arguments.code == NULL) __builtin_trap();
    if (arguments.command == P2P_COMMAND_SEND &&
        (arguments.file == NULL) == (arguments.text == NULL))
      __builtin_trap();
  }
  free(text);
  return 0;
}
