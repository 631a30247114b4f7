/* Certificates of devices, and their proofs on links. */
#include "protocol/certificate.h"

#include <string.h>

#include "base/endian.h"

#define TEXT(text) P2P_SPAN((text), strlen(text))
#define CERTIFICATE_PARTS 4
#define PROOF_PARTS 3
static const char CERTIFICATE[] = "future.p2p/certificate/v1", PROOF[] = "future.p2p/hello/v1";

static void list_certificate(const struct p2p_certificate *certificate, uint8_t epoch[4],
                             struct p2p_span out[CERTIFICATE_PARTS]) {
  p2p_set_u32(epoch, certificate->epoch);
  out[0] = TEXT(certificate->cluster);
  out[1] = P2P_SPAN(epoch, 4);
  out[2] = TEXT(certificate->user);
  out[3] = P2P_SPAN(certificate->device.bytes, P2P_SIGN_KEY_LEN);
}

void p2p_certificate_sign(const struct p2p_certificate *certificate,
                          const struct p2p_sign_secret *owner, uint8_t out[P2P_SIGNATURE_LEN]) {
  struct p2p_span parts[CERTIFICATE_PARTS];
  uint8_t epoch[4];
  list_certificate(certificate, epoch, parts);
  p2p_sign(owner, CERTIFICATE, parts, CERTIFICATE_PARTS, out);
}

bool p2p_certificate_check(const struct p2p_certificate *certificate,
                           const struct p2p_sign_public *owner,
                           const uint8_t signature[P2P_SIGNATURE_LEN]) {
  struct p2p_span parts[CERTIFICATE_PARTS];
  uint8_t epoch[4];
  list_certificate(certificate, epoch, parts);
  return p2p_sign_check(owner, CERTIFICATE, parts, CERTIFICATE_PARTS, signature);
}

static void list_proof(const struct p2p_link_proof *proof, struct p2p_span out[PROOF_PARTS]) {
  out[0] = P2P_SPAN(proof->verifier, P2P_VERIFIER_LEN);
  out[1] = TEXT(proof->role == P2P_ROLE_WORKER ? "worker" : "client");
  out[2] = TEXT(proof->user);
}

void p2p_link_proof_sign(const struct p2p_link_proof *proof, const struct p2p_sign_secret *device,
                         uint8_t out[P2P_SIGNATURE_LEN]) {
  struct p2p_span parts[PROOF_PARTS];
  list_proof(proof, parts);
  p2p_sign(device, PROOF, parts, PROOF_PARTS, out);
}

bool p2p_link_proof_check(const struct p2p_link_proof *proof, const struct p2p_sign_public *device,
                          const uint8_t signature[P2P_SIGNATURE_LEN]) {
  struct p2p_span parts[PROOF_PARTS];
  list_proof(proof, parts);
  return p2p_sign_check(device, PROOF, parts, PROOF_PARTS, signature);
}
