/* GPUs, and the lines that name them. */
#include "base/gpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEX "0123456789abcdef"
#define DIGITS "0123456789"
#define LINE_MAX_LEN (P2P_GPUS_TEXT_MAX / P2P_GPUS_MAX)

/* ---- one GPU ---- */

static bool is_uuid(const char *text) {
  static const size_t groups[] = {8, 4, 4, 4, 12};
  for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
    if (i > 0 && *text++ != '-') return false;
    if (strspn(text, HEX) < groups[i]) return false;
    text += groups[i];
  }
  return *text == '\0';
}

bool p2p_gpu_id_is_valid(const char *id, bool is_amd) {
  size_t length = strlen(id);
  if (strncmp(id, "GPU-", 4) == 0)
    return is_amd ? length == 20 && strspn(id + 4, HEX) == 16 : is_uuid(id + 4);
  return is_amd && length > 0 && length <= 3 && strspn(id, DIGITS) == length;
}

static bool is_model(const char *text) {
  size_t length = strlen(text);
  return length > 0 && length < P2P_GPU_MODEL_MAX &&
         strspn(text, P2P_GPU_MODEL_CHARACTERS) == length && text[0] != ' ' &&
         text[length - 1] != ' ';
}

void p2p_gpu_model_set(struct p2p_gpu *gpu, const char *text, size_t length) {
  size_t n = 0;
  while (length > 0 && *text == ' ') text++, length--;
  for (; n < length && n < P2P_GPU_MODEL_MAX - 1 && text[n] != '\0'; n++)
    gpu->model[n] = strchr(P2P_GPU_MODEL_CHARACTERS, text[n]) != NULL ? text[n] : '_';
  while (n > 0 && gpu->model[n - 1] == ' ') n--;
  gpu->model[n] = '\0';
  if (n == 0) snprintf(gpu->model, sizeof gpu->model, "GPU");
}

static bool has_id(const struct p2p_gpus *gpus, const char *id) {
  for (size_t i = 0; i < gpus->n; i++)
    if (strcmp(gpus->list[i].id, id) == 0) return true;
  return false;
}

bool p2p_gpus_add(struct p2p_gpus *gpus, const struct p2p_gpu *gpu) {
  if (gpus->n == P2P_GPUS_MAX || !p2p_gpu_id_is_valid(gpu->id, gpu->is_amd) ||
      has_id(gpus, gpu->id))
    return false;
  gpus->list[gpus->n++] = *gpu;
  return true;
}

/* ---- lines ---- */

size_t p2p_gpus_write(const struct p2p_gpus *gpus, char out[static P2P_GPUS_TEXT_MAX]) {
  size_t at = 0;
  out[0] = '\0';
  for (size_t i = 0; i < gpus->n; i++) {
    const struct p2p_gpu *gpu = &gpus->list[i];
    char minor[16] = "-", memory[16] = "-";
    if (gpu->minor >= 0) snprintf(minor, sizeof minor, "%d", (int)gpu->minor);
    if (gpu->memory_mib > 0) snprintf(memory, sizeof memory, "%u", (unsigned)gpu->memory_mib);
    at += (size_t)snprintf(out + at, P2P_GPUS_TEXT_MAX - at, "%s %s %s %s %s\n",
                           gpu->is_amd ? "amd" : "nvidia", gpu->id, minor, memory, gpu->model);
  }
  return at;
}

/* Moves *at behind the next word of a line and the space after it. */
static bool next_word(const char **at, char *out, size_t size) {
  size_t length = strcspn(*at, " ");
  if (length == 0 || length >= size || (*at)[length] != ' ') return false;
  memcpy(out, *at, length);
  out[length] = '\0';
  *at += length + 1;
  return true;
}

/* A number without leading zeros; "-" leaves *out as it is. */
static bool read_number(const char *word, unsigned long max, unsigned long *out) {
  size_t length = strlen(word);
  if (strcmp(word, "-") == 0) return true;
  if (length > 8 || strspn(word, DIGITS) != length || (word[0] == '0' && length > 1)) return false;
  *out = strtoul(word, NULL, 10);
  return *out <= max;
}

static bool read_line(const char *line, struct p2p_gpu *out) {
  const unsigned long unknown = (unsigned long)-1;
  char vendor[8], minor[10], memory[10];
  unsigned long minor_number = unknown, mib = unknown;
  if (!next_word(&line, vendor, sizeof vendor) || !next_word(&line, out->id, sizeof out->id) ||
      !next_word(&line, minor, sizeof minor) || !next_word(&line, memory, sizeof memory))
    return false;
  out->is_amd = strcmp(vendor, "amd") == 0;
  if ((!out->is_amd && strcmp(vendor, "nvidia") != 0) || !is_model(line) ||
      !read_number(minor, P2P_GPU_MINOR_MAX, &minor_number) ||
      !read_number(memory, P2P_GPU_MEMORY_MAX, &mib) || mib == 0)
    return false;
  out->minor = minor_number == unknown ? -1 : (int32_t)minor_number;
  out->memory_mib = mib == unknown ? 0 : (uint32_t)mib;
  memcpy(out->model, line, strlen(line) + 1);
  return true;
}

int p2p_gpus_read(const void *text, size_t length, struct p2p_gpus *out) {
  struct p2p_gpus gpus = {.n = 0};
  const char *at = text, *end = at + length;
  while (at < end) {
    const char *line_end = memchr(at, '\n', (size_t)(end - at));
    struct p2p_gpu gpu = {.is_amd = false};
    char line[LINE_MAX_LEN];
    size_t line_length = line_end == NULL ? sizeof line : (size_t)(line_end - at);
    if (line_length >= sizeof line || memchr(at, '\0', line_length) != NULL) return P2P_ERR_PARSE;
    memcpy(line, at, line_length);
    line[line_length] = '\0';
    if (!read_line(line, &gpu) || !p2p_gpus_add(&gpus, &gpu)) return P2P_ERR_PARSE;
    at = line_end + 1;
  }
  *out = gpus;
  return P2P_OK;
}
