"""Keys and members, written from docs/protocol.md alone: what a device knows of a cluster, sealed lines, enrolment and certificates."""

import hashlib
import hmac
import secrets
import struct

from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as aead_decrypt
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as aead_encrypt
from nacl.exceptions import CryptoError
from nacl.public import SealedBox
from nacl.signing import SigningKey, VerifyKey

from p2p_board import from_base64, line, parse_line, to_base64
from p2p_wormhole import hkdf


def u32(number):
    return struct.pack("!I", number)


def as_bytes(part):
    return part.encode() if isinstance(part, str) else part


def parts(domain, *values):
    data = domain.encode() + b"\0" + b"".join(u32(len(value)) + value for value in map(as_bytes, values))
    return hashlib.sha256(data).digest()


def sign(key, domain, *values):
    return key.sign(parts(domain, *values)).signature


def verify(key, signature, domain, *values):
    """CryptoError: it is not this key's signature."""
    VerifyKey(key).verify(parts(domain, *values), signature)


class ClusterKey:
    """The key S of an epoch, and what is derived from it."""

    def __init__(self, cluster, epoch, secret):
        self.cluster, self.epoch, self.secret = cluster, epoch, secret
        self.kid = self.derive("id", 8).hex()
        self.line, self.link, self.mailbox = (self.derive(label, 32) for label in ("line", "link", "mailbox"))

    def derive(self, label, size):
        info = label.encode() + b"\0" + self.cluster.encode() + b"\0" + u32(self.epoch)
        return hkdf(self.secret, info, size, salt=b"future.p2p/cluster/v1")

    def mailbox_id(self, code):
        return hmac.new(self.mailbox, code.encode(), hashlib.sha256).digest()[:16].hex()

    def password(self, client, worker, worker_key, code):
        """`client`, `worker`: ids; `worker_key` as in its hello."""
        data = parts("future.p2p/link/v1", self.cluster, u32(self.epoch), client, worker, from_base64(worker_key), code)
        return code + "-" + hmac.new(self.link, data, hashlib.sha256).hexdigest()

    def seal(self, text, boot, number, nonce=None):
        """The sealed line with a line, both without LF."""
        plain = boot + struct.pack("!QI", number, len(text.encode())) + text.encode()
        plain += bytes(-len(plain) % 64)
        nonce = nonce or secrets.token_bytes(24)
        box = to_base64(nonce + aead_encrypt(plain, self.kid.encode(), nonce, self.line))
        return f"{line().strip()},type=p2p1,kid={self.kid},box={box}"

    def open(self, text):
        """The line in a sealed line; any other line as it is."""
        pairs = parse_line(text)
        if pairs.get("type") != "p2p1" or pairs.get("kid") != self.kid:
            return text
        data = from_base64(pairs["box"])
        plain = aead_decrypt(data[24:], self.kid.encode(), data[:24], self.line)
        return plain[20:20 + struct.unpack("!I", plain[16:20])[0]].decode()


class SealedTopic:
    """A topic on which all lines are sealed, as those of one process."""

    def __init__(self, topic, key, boot=None):
        self.topic, self.key, self.boot, self.number, self.opened = topic, key, boot or secrets.token_bytes(8), 0, []

    async def send(self, data):
        out = []
        for text in (data if isinstance(data, str) else data.decode()).splitlines():
            self.number += 1
            out.append(self.key.seal(text, self.boot, self.number) + "\n")
        await self.topic.send("".join(out))

    @property
    def lines(self):
        for text in self.topic.lines[len(self.opened):]:
            try:
                self.opened.append(self.key.open(text))
            except (CryptoError, ValueError):
                self.opened.append("")
        return self.opened

    async def find(self, accepts, since=0, timeout=20):
        found = []
        def accepts_sealed(pairs):
            if pairs.get("type") == "p2p1":
                try:
                    pairs = parse_line(self.key.open(",".join(f"{key}={value}" for key, value in pairs.items())))
                except (CryptoError, ValueError):
                    return False
            if accepts(pairs):
                found.append(pairs)
            return bool(found)
        await self.topic.find(accepts_sealed, since, timeout)
        return found[0]

    async def join(self, hello):
        await self.send(hello)
        mine = parse_line(hello)["id"]
        await self.find(lambda pairs: pairs.get("id") == mine)

    def close(self):
        """The topic is another one's to close."""


class Membership:
    """What a device has of a cluster: key, owner, user, and the certificate that ties them together."""

    def __init__(self, key, owner, user, device, certificate):
        self.key, self.owner, self.user, self.device, self.certificate = key, owner, user, device, certificate

    def hello(self, verifier, role):
        """The lines of a HELLO by which an end of a link proves who it is."""
        proof = sign(self.device, "future.p2p/hello/v1", verifier, role, self.user)
        return {"user": self.user, "device": to_base64(bytes(self.device.verify_key)), "certificate": to_base64(self.certificate),
                "proof": to_base64(proof)}


    def certify_line(self, text, number):
        """A worker's hello with the badge of this device."""
        text = f"{text.strip()},number={number:016x},device={to_base64(bytes(self.device.verify_key))},certificate={to_base64(self.certificate)}"
        proof = sign(self.device, "future.p2p/line/v1", self.key.cluster, u32(self.key.epoch), text)
        return f"{text},proof={to_base64(proof)}\n"


def certify(owner, cluster, epoch, user, device):
    return sign(owner, "future.p2p/certificate/v1", cluster, u32(epoch), user, device)


def enrol_line(identity, cluster, device, invitation=None):
    """`device`, `invitation`: SigningKey."""
    public = bytes(device.verify_key)
    pairs, more = {"device": to_base64(public)}, []
    if invitation:
        more = [bytes(invitation.verify_key)]
        signed = sign(invitation, "future.p2p/invitation/v1", cluster, identity.name, identity.member, public, *more)
        pairs.update(invitation=to_base64(more[0]), invited=to_base64(signed))
    signature = sign(device, "future.p2p/enrol/v1", cluster, identity.name, identity.member, public, *more)
    return line(type="enrol", **{"from": identity.name}, member=identity.member, **pairs, signature=to_base64(signature))


def enrolled_line(identity, owner, key, user, device):
    """What an owner answers to the public key of a device."""
    certificate = certify(owner, key.cluster, key.epoch, user, device)
    public = bytes(owner.verify_key)
    signature = sign(owner, "future.p2p/enrolled/v1", key.cluster, device, u32(key.epoch), key.secret, public, user, certificate)
    plain = u32(key.epoch) + key.secret + public + certificate + signature + user.encode()
    box = SealedBox(VerifyKey(device).to_curve25519_public_key()).encrypt(plain)
    return line(type="enrolled", **{"from": identity.name}, member=identity.member, device=to_base64(device), box=to_base64(box))


def open_enrolled(pairs, cluster, device):
    """The Membership in an enrolled line for this device. CryptoError: it is not, or it is forged."""
    plain = SealedBox(device.to_curve25519_private_key()).decrypt(from_base64(pairs["box"]))
    (epoch,), secret, owner = struct.unpack("!I", plain[:4]), plain[4:36], plain[36:68]
    certificate, signature, user = plain[68:132], plain[132:196], plain[196:].decode()
    public = bytes(device.verify_key)
    verify(owner, signature, "future.p2p/enrolled/v1", cluster, public, u32(epoch), secret, owner, user, certificate)
    verify(owner, certificate, "future.p2p/certificate/v1", cluster, u32(epoch), user, public)
    return Membership(ClusterKey(cluster, epoch, secret), owner, user, device, certificate)


def epoch_line(identity, owner, cluster, epoch, expelled=()):
    """`expelled`: public keys of devices."""
    text = ";".join(map(to_base64, expelled))
    signature = sign(owner, "future.p2p/epoch/v1", cluster, u32(epoch), text)
    return line(type="epoch", **{"from": identity.name}, member=identity.member, epoch=epoch, expelled=text,
                owner=to_base64(bytes(owner.verify_key)), signature=to_base64(signature))


def refused_line(identity, owner, cluster, to, reason):
    signature = sign(owner, "future.p2p/refused/v1", cluster, to, reason)
    return line(type="refused", **{"from": identity.name}, member=identity.member, to=to, reason=reason, owner=to_base64(bytes(owner.verify_key)),
                signature=to_base64(signature))
