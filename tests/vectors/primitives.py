"""What docs/protocol.md takes from libsodium, without libsodium: XChaCha20-Poly1305, sealed boxes, and Ed25519 keys as X25519.

Salsa20 and ChaCha20 are slow here, but short and independent. The rest is of the package cryptography.
"""
import hashlib
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.poly1305 import Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SIGMA = struct.unpack("<4I", b"expand 32-byte k")
P = 2**255 - 19


def rotate(x, n):
    return (x << n | x >> (32 - n)) & 0xFFFFFFFF


def hchacha20(key, nonce):
    """draft-irtf-cfrg-xchacha, 2.2."""
    s = list(SIGMA) + list(struct.unpack("<8I", key)) + list(struct.unpack("<4I", nonce))
    for _ in range(10):
        for a, b, c, d in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                           (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            for n, x, y, z in ((16, a, b, d), (12, c, d, b), (8, a, b, d), (7, c, d, b)):
                s[x] = (s[x] + s[y]) & 0xFFFFFFFF
                s[z] = rotate(s[z] ^ s[x], n)
    return struct.pack("<8I", *s[:4], *s[12:])


def xchacha20_poly1305(key, nonce, text, label):
    subkey = hchacha20(key, nonce[:16])
    return ChaCha20Poly1305(subkey).encrypt(bytes(4) + nonce[16:], text, label)


def salsa20_state(key, middle):
    k, n = struct.unpack("<8I", key), struct.unpack("<4I", middle)
    return [SIGMA[0], *k[:4], SIGMA[1], *n, SIGMA[2], *k[4:], SIGMA[3]]


def salsa20_rounds(state):
    s = list(state)
    for _ in range(10):
        for a, b, c, d in ((0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11),
                           (0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14)):
            for n, x, y, z in ((7, b, a, d), (9, c, b, a), (13, d, c, b), (18, a, d, c)):
                s[x] ^= rotate((s[y] + s[z]) & 0xFFFFFFFF, n)
    return s


def hsalsa20(key, nonce):
    """Bernstein, "Extending the Salsa20 nonce"."""
    s = salsa20_rounds(salsa20_state(key, nonce))
    return struct.pack("<8I", *(s[i] for i in (0, 5, 10, 15, 6, 7, 8, 9)))


def xsalsa20_poly1305(key, nonce, text):
    subkey, stream = hsalsa20(key, nonce[:16]), b""
    for block in range((32 + len(text) + 63) // 64):
        state = salsa20_state(subkey, nonce[16:] + struct.pack("<Q", block))
        stream += struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(state, salsa20_rounds(state))))
    box = bytes(a ^ b for a, b in zip(text, stream[32:]))
    return Poly1305.generate_tag(stream[:32], box) + box


def x25519_public(secret):
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def seal(public, text, once):
    """A sealed box of libsodium. `once`: the secret key that is made for this box alone."""
    ours = x25519_public(once)
    shared = X25519PrivateKey.from_private_bytes(once).exchange(X25519PublicKey.from_public_bytes(public))
    nonce = hashlib.blake2b(ours + public, digest_size=24).digest()
    return ours + xsalsa20_poly1305(hsalsa20(shared, bytes(16)), nonce, text)


def ed25519_public(seed):
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def ed25519_sign(seed, text):
    return Ed25519PrivateKey.from_private_bytes(seed).sign(text)


def ed25519_as_x25519(public):
    """RFC 7748, 4.1: u = (1 + y) / (1 - y)."""
    y = int.from_bytes(public, "little") & (2**255 - 1)
    return ((1 + y) * pow(1 - y, -1, P) % P).to_bytes(32, "little")
