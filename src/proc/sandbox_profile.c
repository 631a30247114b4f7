/* Of two rules that match, the later one decides. An operation that this macOS does not know makes
 * all rules invalid, so newer ones are asked for. */
#include "proc/sandbox_profile.h"

#include <stdio.h>
#include <string.h>

#define RULES_OF_PATH_MAX 512 /* bytes */

/* "version 1" permits some operations in spite of (deny default). */
static const char refuse_all[] =
    "(version 1)\n"
    "(deny default)\n"
    "(deny process-info* nvram* lsopen iokit-get-properties file-map-executable)\n"
    "(if (not (defined? 'file-test-existence))\n"
    "  (define file-test-existence file-read-metadata))\n";

/* OpenMP's library, which many packages use, ends the process if it cannot register itself. */
static const char processes[] =
    "(allow process-fork)\n"
    "(allow process-info* (target same-sandbox))\n"
    "(allow signal (target same-sandbox))\n"
    "(allow sysctl-read\n"
    "  (sysctl-name \"kern.argmax\") (sysctl-name \"kern.boottime\") (sysctl-name "
    "\"kern.hostname\")\n"
    "  (sysctl-name \"kern.maxfilesperproc\") (sysctl-name \"kern.maxproc\")\n"
    "  (sysctl-name \"kern.ngroups\") (sysctl-name \"kern.secure_kernel\")\n"
    "  (sysctl-name \"kern.usrstack64\") (sysctl-name \"kern.version\")\n"
    "  (sysctl-name \"sysctl.proc_cputype\") (sysctl-name-prefix \"hw.\")\n"
    "  (sysctl-name-prefix \"kern.os\") (sysctl-name-prefix \"machdep.cpu.\")\n"
    "  (sysctl-name-prefix \"vm.\"))\n"
    "(allow mach-lookup (global-name \"com.apple.system.opendirectoryd.libinfo\"))\n"
    "(allow ipc-posix-shm* (ipc-posix-name-prefix \"/__KMP_REGISTERED_LIB_\"))\n"
    "(allow system-socket (socket-domain AF_UNIX))\n";

/* Not all of /System, which leads to all files by /System/Volumes/Data; not all of /opt/homebrew
 * and /usr/local, where services keep their data. The loader opens "/". */
static const char system_files[] =
    "(allow file-read* file-test-existence file-map-executable process-exec*\n"
    "  (subpath \"/bin\") (subpath \"/sbin\") (subpath \"/usr/bin\") (subpath \"/usr/lib\")\n"
    "  (subpath \"/usr/libexec\") (subpath \"/usr/sbin\") (subpath \"/usr/share\")\n"
    "  (subpath \"/System/Cryptexes\") (subpath \"/System/Library\")\n"
    "  (subpath \"/System/Volumes/Preboot/Cryptexes\") (subpath \"/private/var/db/dyld\")\n"
    "  (subpath \"/Library/Apple\") (subpath \"/Library/Developer/CommandLineTools\")\n"
    "  (subpath \"/Library/Fonts\") (subpath \"/Library/Frameworks/R.framework\")\n"
    "  (subpath \"/nix/store\") (subpath \"/opt/R\") (subpath \"/opt/X11\")\n"
    "  (subpath \"/opt/homebrew/Cellar\") (subpath \"/opt/homebrew/bin\")\n"
    "  (subpath \"/opt/homebrew/include\") (subpath \"/opt/homebrew/lib\")\n"
    "  (subpath \"/opt/homebrew/opt\") (subpath \"/opt/homebrew/share\")\n"
    "  (subpath \"/opt/local/bin\") (subpath \"/opt/local/include\") (subpath \"/opt/local/lib\")\n"
    "  (subpath \"/opt/local/libexec\") (subpath \"/opt/local/share\")\n"
    "  (subpath \"/usr/local/Cellar\") (subpath \"/usr/local/bin\") (subpath "
    "\"/usr/local/include\")\n"
    "  (subpath \"/usr/local/lib\") (subpath \"/usr/local/opt\") (subpath \"/usr/local/share\"))\n"
    "(allow file-read* file-test-existence\n"
    "  (literal \"/\") (literal \"/dev/random\") (literal \"/dev/urandom\")\n"
    "  (literal \"/private/etc/group\") (literal \"/private/etc/hosts\")\n"
    "  (literal \"/private/etc/localtime\") (literal \"/private/etc/passwd\")\n"
    "  (literal \"/private/etc/protocols\") (literal \"/private/etc/resolv.conf\")\n"
    "  (literal \"/private/etc/services\") (literal \"/private/var/run/resolv.conf\")\n"
    "  (subpath \"/opt/homebrew/etc/ca-certificates\") (subpath \"/opt/homebrew/etc/fonts\")\n"
    "  (subpath \"/opt/homebrew/etc/openssl@3\") (subpath \"/private/etc/ssl\")\n"
    "  (subpath \"/private/var/db/timezone\") (subpath \"/private/var/select\")\n"
    "  (subpath \"/usr/local/etc/ca-certificates\") (subpath \"/usr/local/etc/fonts\")\n"
    "  (subpath \"/usr/local/etc/openssl@3\"))\n"
    "(allow file-read* file-test-existence file-write-data\n"
    "  (literal \"/dev/null\") (literal \"/dev/zero\") (subpath \"/dev/fd\"))\n"
    "(allow file-read-metadata file-test-existence\n"
    "  (literal \"/etc\") (literal \"/tmp\") (literal \"/var\") (literal \"/dev/stderr\")\n"
    "  (literal \"/dev/stdin\") (literal \"/dev/stdout\")\n"
    "  (path-ancestors \"/Library/Developer/CommandLineTools\")\n"
    "  (path-ancestors \"/Library/Frameworks/R.framework\") (path-ancestors \"/dev/fd\")\n"
    "  (path-ancestors \"/System/Volumes/Preboot/Cryptexes\") (path-ancestors \"/nix/store\")\n"
    "  (path-ancestors \"/opt/homebrew/etc/fonts\") (path-ancestors \"/opt/local/bin\")\n"
    "  (path-ancestors \"/private/etc/ssl\") (path-ancestors \"/private/var/db/timezone\")\n"
    "  (path-ancestors \"/private/var/run/resolv.conf\") (path-ancestors "
    "\"/usr/local/etc/fonts\"))\n";

/* No sockets in files, but that of the name look-up. */
static const char network[] =
    "(allow network* (local ip) (remote ip))\n"
    "(allow network-outbound\n"
    "  (remote unix-socket (path-literal \"/private/var/run/mDNSResponder\")))\n"
    "(allow system-socket\n"
    "  (socket-domain AF_ROUTE) (require-all (socket-domain AF_SYSTEM) (socket-protocol 2)))\n"
    "(allow sysctl-read (sysctl-name-prefix \"net.routetable\"))\n"
    "(allow mach-lookup\n"
    "  (global-name \"com.apple.SystemConfiguration.DNSConfiguration\")\n"
    "  (global-name \"com.apple.SystemConfiguration.configd\")\n"
    "  (global-name \"com.apple.trustd\") (global-name \"com.apple.trustd.agent\"))\n";

/* A hard link or a clone in a folder that may be read would be a second name of any file. Two calls
 * of fcntl() move contents into a file that is open for reading only. */
static const char refuse_at_last[] =
    "(deny file-write-setugid)\n"
    "(deny mach-lookup (xpc-service-name-prefix \"\"))\n"
    "(when (defined? 'file-link) (deny file-link))\n"
    "(when (defined? 'file-clone) (deny file-clone))\n"
    "(when (defined? 'system-fcntl) (deny system-fcntl (fcntl-command 80 110)))\n";

static int put(struct p2p_buf *out, const char *text) {
  return p2p_buf_put(out, text, strlen(text));
}

static int put_path(struct p2p_buf *out, size_t i, const struct p2p_sandbox_path *path) {
  char rules[RULES_OF_PATH_MAX];
  snprintf(rules, sizeof rules,
           "(allow file-read* file-test-existence file-map-executable process-exec*%s\n"
           "  (subpath (param \"path%zu\")))\n",
           path->is_writable ? " file-write*" : "", i);
  int code = put(out, rules);
  if (code != P2P_OK || strcmp(path->path, "/") == 0) return code; /* it has no folder above */
  snprintf(rules, sizeof rules,
           "(allow file-read-metadata file-test-existence (literal (param \"name%zu\"))\n"
           "  (path-ancestors (param \"name%zu\")) (path-ancestors (param \"path%zu\")))\n",
           i, i, i);
  return put(out, rules);
}

int p2p_sandbox_profile_write(const struct p2p_sandbox *sandbox, struct p2p_buf *out) {
  int code = put(out, refuse_all);
  if (code == P2P_OK) code = put(out, processes);
  if (code == P2P_OK) code = put(out, system_files);
  if (code == P2P_OK && sandbox->net) code = put(out, network);
  for (size_t i = 0; code == P2P_OK && i < sandbox->n_paths; i++)
    code = put_path(out, i, &sandbox->paths[i]);
  return code == P2P_OK ? put(out, refuse_at_last) : code;
}
