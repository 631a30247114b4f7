/* The messages of a file transfer, to and from JSON. */
#include "transfer/offer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sanitize.h"
#include "transfer/file_name.h"

#define MESSAGE_MAX 65536 /* bytes */

/* ---- names ---- */

void p2p_offer_clean_name(const char *path, char out[P2P_OFFER_NAME_MAX]) {
  const char *name = p2p_file_name_last_part(path);

  p2p_sanitize(name, strlen(name), out, P2P_OFFER_NAME_MAX);
  if (out[0] == '\0' || strcmp(out, ".") == 0 || strcmp(out, "..") == 0)
    snprintf(out, P2P_OFFER_NAME_MAX, "file");
}

/* ---- parse ---- */

static int malformed(struct p2p_err *err) {
  return p2p_err_set(err, P2P_ERR_PARSE, "the other side sent a malformed message");
}

static int parse_text(const json_t *text, struct p2p_offer_message *out, struct p2p_err *err) {
  size_t length = json_string_length(text);

  if (!json_is_string(text)) return malformed(err);
  out->text = malloc(length + 1);
  if (out->text == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  memcpy(out->text, json_string_value(text), length + 1);
  out->text_length = length;
  out->kind = P2P_OFFER_TEXT;
  return P2P_OK;
}

static int parse_file(const json_t *file, struct p2p_offer_message *out, struct p2p_err *err) {
  const json_t *name = json_object_get(file, "filename"), *size = json_object_get(file, "filesize");

  if (!json_is_string(name) || !json_is_integer(size) || json_integer_value(size) < 0)
    return malformed(err);
  if (json_integer_value(size) > P2P_OFFER_SIZE_MAX)
    return p2p_err_set(err, P2P_ERR_TOO_LARGE,
                       "the other side offers a file of an impossible size");
  p2p_offer_clean_name(json_string_value(name), out->name);
  out->size_bytes = (uint64_t)json_integer_value(size);
  out->kind = P2P_OFFER_FILE;
  return P2P_OK;
}

static int parse_offer(const json_t *offer, struct p2p_offer_message *out, struct p2p_err *err) {
  if (json_object_get(offer, "message") != NULL)
    return parse_text(json_object_get(offer, "message"), out, err);
  if (json_object_get(offer, "file") != NULL)
    return parse_file(json_object_get(offer, "file"), out, err);
  if (json_object_get(offer, "directory") != NULL)
    return p2p_err_because(err, "directory_offered",
                           p2p_err_set(err, P2P_ERR_INVALID,
                                       "the other side offers a directory, which is not "
                                       "supported"));
  return p2p_err_set(err, P2P_ERR_INVALID, "the other side offers something that is not supported");
}

static int parse_answer(const json_t *answer, struct p2p_offer_message *out, struct p2p_err *err) {
  const json_t *file = json_object_get(answer, "file_ack"),
               *text = json_object_get(answer, "message_ack");
  const char *ack = json_string_value(file ? file : text);

  if (ack == NULL) return malformed(err);
  if (strcmp(ack, "ok") != 0)
    return p2p_err_set(err, P2P_ERR_CANCELED, "the other side rejected the offer");
  out->kind = file ? P2P_OFFER_FILE_ACCEPTED : P2P_OFFER_TEXT_ACCEPTED;
  return P2P_OK;
}

static int parse_message(const json_t *root, const char *text, size_t length,
                         struct p2p_offer_message *out, struct p2p_err *err) {
  const json_t *error = json_object_get(root, "error");
  char words[P2P_QUOTE_MAX];

  if (!json_is_object(root)) return malformed(err);
  if (error != NULL) {
    const char *reason = json_is_string(error) ? json_string_value(error) : "(no reason)";
    p2p_sanitize(reason, strlen(reason), words, sizeof words);
    return p2p_err_set(err, P2P_ERR_CANCELED, "the other side gave up: %s", words);
  }
  if (json_object_get(root, "offer") != NULL)
    return parse_offer(json_object_get(root, "offer"), out, err);
  if (json_object_get(root, "answer") != NULL)
    return parse_answer(json_object_get(root, "answer"), out, err);
  if (json_object_get(root, "transit") == NULL) return P2P_OK;
  out->kind = P2P_OFFER_TRANSIT;
  return p2p_hints_parse(text, length, &out->hints, err);
}

int p2p_offer_parse(const char *text, size_t length, struct p2p_offer_message *out,
                    struct p2p_err *err) {
  json_t *root =
      length <= MESSAGE_MAX ? json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL) : NULL;
  struct p2p_offer_message message = {.kind = P2P_OFFER_UNKNOWN};
  int code = parse_message(root, text, length, &message, err);

  json_decref(root);
  if (code == P2P_OK) *out = message;
  return code;
}

/* ---- format ---- */

/* Takes the reference `root`; NULL means out of memory. */
static int dump(json_t *root, char **out) {
  char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;

  json_decref(root);
  if (text == NULL) return P2P_ERR_MEMORY;
  *out = text;
  return P2P_OK;
}

int p2p_offer_format_text(const char *text, size_t length, char **out) {
  json_t *string = json_stringn(text, length); /* NULL if it is not UTF-8 */

  if (string == NULL) return P2P_ERR_INVALID;
  return dump(json_pack("{s:{s:o}}", "offer", "message", string), out);
}

int p2p_offer_format_file(const char *name, uint64_t size_bytes, char **out) {
  return dump(json_pack("{s:{s:{s:s, s:I}}}", "offer", "file", "filename", name, "filesize",
                        (json_int_t)size_bytes),
              out);
}

int p2p_offer_format_answer(bool is_text, char **out) {
  return dump(json_pack("{s:{s:s}}", "answer", is_text ? "message_ack" : "file_ack", "ok"), out);
}

static const char *failure_text(int code) {
  switch (code) {
  case P2P_ERR_CANCELED: return "transfer canceled";
  case P2P_ERR_SYSTEM: return "the file cannot be read or written";
  case P2P_ERR_TIMEOUT: return "transfer timed out";
  case P2P_ERR_INVALID: return "only files and texts are supported";
  default: return "transfer failed";
  }
}

int p2p_offer_format_error(int code, char **out) {
  return dump(json_pack("{s:s}", "error", failure_text(code)), out);
}
