#!/bin/sh
# Attempts of futures to get at what belongs to the lender of a worker: see attempts.R. As root it runs with a host name, mounts and shared
# objects of its own, which some attempts change without a sandbox.
#
#   R_LIBS=LIBRARY sh tests/escapes/run.sh [MODE ...]     MODE: namespaces, landlock or none; default: all

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if [ -z "${P2P_ESCAPES_INSIDE-}" ]; then
  export P2P_ESCAPES_INSIDE=yes
  if unshare -umi true 2> /dev/null; then exec unshare -umi sh "$here/run.sh" "$@"; fi
fi
[ "$(uname -s)" = Linux ] || { echo "escapes: 0 passed, 0 failed, 1 skipped"; exit 0; }
work=$(mktemp -d "${TMPDIR:-/tmp}/p2p-escapes.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
for program in attempt lender; do
  ${CC:-cc} -O1 -Wall -Wextra -Werror -o "$work/$program" "$here/$program.c" -lrt || exit 1
done
cd "$here/../.." && Rscript tests/escapes/run.R "$work" "$@"
