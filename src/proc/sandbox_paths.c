/* The list of the files of the system. It has no folder of a user, and none in which programs keep
 * passwords, sockets or logs: not /etc, /home, /root, /run, /tmp or /var. */
#include "proc/sandbox_paths.h"

#include <stddef.h>

const char *const p2p_sandbox_system[] = {
    /* programs and libraries */
    "/bin", "/gnu/store", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/sbin", "/usr",
    /* their settings */
    "/etc/R", "/etc/alternatives", "/etc/fonts", "/etc/host.conf", "/etc/ld.so.cache",
    "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/locale.alias", "/etc/localtime",
    "/etc/mime.types", "/etc/papersize", "/etc/timezone", "/var/cache/fontconfig",
    /* names of users, hosts and protocols */
    "/etc/gai.conf", "/etc/group", "/etc/hosts", "/etc/nsswitch.conf", "/etc/passwd",
    "/etc/protocols", "/etc/resolv.conf", "/etc/services",
    /* certificates of authorities */
    "/etc/ca-certificates", "/etc/ca-certificates.conf", "/etc/pki/ca-trust/extracted",
    "/etc/pki/tls/certs", "/etc/ssl/certs", "/etc/ssl/openssl.cnf",
    /* the number of cores; R packages read these without asking whether they may */
    "/sys/devices/system/cpu", "/sys/devices/system/node", "/sys/fs/cgroup", NULL};

const char *const p2p_sandbox_devices[] = {"/dev/null",   "/dev/zero",    "/dev/full",
                                           "/dev/random", "/dev/urandom", NULL};
