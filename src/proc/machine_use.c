/* Linux has a folder for each supply of power: its type, whether it is online, its status. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* getloadavg() */
#endif
#include "proc/machine_use.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#ifdef __APPLE__
#include <mach/mach.h>
#endif

double p2p_machine_use_load(void) {
  double load;
  return getloadavg(&load, 1) == 1 ? load : 0;
}

/* uv_get_free_memory() leaves out what the system would give up, its caches: on macOS, and on Linux
 * before libuv 1.45. */
#ifdef __APPLE__
uint64_t p2p_machine_use_free_mib(void) {
  vm_statistics64_data_t pages;
  mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
  mach_port_t host = mach_host_self();
  kern_return_t code = host_statistics64(host, HOST_VM_INFO64, (host_info64_t)&pages, &count);
  mach_port_deallocate(mach_task_self(), host);
  if (code != KERN_SUCCESS) return uv_get_free_memory() >> 20;
  return ((uint64_t)pages.free_count + pages.inactive_count) * vm_kernel_page_size >> 20;
}
#else
uint64_t p2p_machine_use_free_mib(void) {
  unsigned long long kib = 0;
  char line[128];
  FILE *file = fopen("/proc/meminfo", "re");
  if (file == NULL) return uv_get_free_memory() >> 20;
  while (kib == 0 && fgets(line, sizeof line, file) != NULL)
    if (sscanf(line, "MemAvailable: %llu kB", &kib) != 1) kib = 0;
  fclose(file);
  return kib / 1024;
}
#endif

/* Whether the first line of FOLDER/SUPPLY/FILE is `text`. */
static bool says(const char *folder, const char *supply, const char *file, const char *text) {
  char path[512], line[32] = "";
  if ((size_t)snprintf(path, sizeof path, "%s/%s/%s", folder, supply, file) >= sizeof path)
    return false;
  FILE *stream = fopen(path, "re");
  if (stream == NULL) return false;
  if (fgets(line, sizeof line, stream) == NULL) line[0] = '\0';
  fclose(stream);
  line[strcspn(line, "\n")] = '\0';
  return strcmp(line, text) == 0;
}

bool p2p_machine_use_battery(const char *folder) {
  bool is_discharged = false, has_power = false;
  DIR *supplies = opendir(folder);
  if (supplies == NULL) return false;
  for (struct dirent *entry; (entry = readdir(supplies)) != NULL;) {
    const char *supply = entry->d_name;
    if (supply[0] == '.') continue;
    has_power |= says(folder, supply, "online", "1") && !says(folder, supply, "type", "Battery");
    /* Mice and keyboards have batteries, too. */
    is_discharged |= says(folder, supply, "type", "Battery") &&
                     says(folder, supply, "status", "Discharging") &&
                     !says(folder, supply, "scope", "Device");
  }
  closedir(supplies);
  return is_discharged && !has_power;
}
