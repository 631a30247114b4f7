#!/usr/bin/env python3
"""Makes keys.json and records.json from docs/protocol.md alone: an implementation of "Keys and members" and "Records" that shares nothing with
ours.

    python3 make.py           writes both
    python3 make.py --check   checks that they are what this makes, and that the examples of the document are in keys.json
"""
import base64
import hashlib
import hmac
import json
import os
import struct
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

sys.dont_write_bytecode = True
from primitives import (ed25519_as_x25519, ed25519_public, ed25519_sign, seal, x25519_public,  # noqa: E402
                        xchacha20_poly1305, xsalsa20_poly1305)

HERE = os.path.dirname(os.path.abspath(__file__))
WHEN = "2026-11-18T11:06:40"
BOB = ("bob@laptop:99", "0123456789abcdeffedcba9876543210")
ALICE = ("alice@home:1", "00112233445566778899aabbccddeeff")
WORKER = "fedcba98765432100123456789abcdef"
CLUSTER = "alice/friends"
LONGEST = "a" * 63 + "/" + "b" * 95
SECRET, OWNER, DEVICE, INVITATION, OTHER = (bytes(range(at, at + 32)) for at in (0, 32, 64, 96, 128))
ORDER = 2**252 + 27742317777372353535851937790883648493  # of the group of Ed25519


def u32(n):
    return struct.pack(">I", n)


def u64(n):
    return struct.pack(">Q", n)


def mac(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


def hkdf(key, salt, info, length):
    """RFC 5869; length: at most 32."""
    return mac(mac(salt, key), info + b"\1")[:length]


def as_bytes(part):
    return part.encode() if isinstance(part, str) else part


def hash_parts(domain, *parts):
    text = domain.encode() + b"\0"
    for part in map(as_bytes, parts):
        text += u32(len(part)) + part
    return hashlib.sha256(text).digest()


def sign(seed, domain, *parts):
    return ed25519_sign(seed, hash_parts(domain, *parts))


def b64(text):
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def line(*pairs):
    return ",".join(f"{key}={value}" for key, value in pairs)


def signed_line(kind, sender, *pairs):
    return line(("when", WHEN), ("type", kind), ("from", sender[0]), ("member", sender[1]), *pairs)


# ---- cluster keys ----

def derive(cluster, epoch, secret):
    def one(label, length):
        return hkdf(secret, b"future.p2p/cluster/v1", label + b"\0" + cluster.encode() + b"\0" + u32(epoch), length)

    return {"kid": one(b"id", 8).hex(), "line": one(b"line", 32), "link": one(b"link", 32), "mailbox": one(b"mailbox", 32)}


def key_case(cluster, epoch, secret):
    keys = derive(cluster, epoch, secret)
    return {"cluster": cluster, "epoch": epoch, "S": secret.hex(), "kid": keys["kid"],
            **{name: keys[name].hex() for name in ("line", "link", "mailbox")}}


def link_case(cluster, epoch, secret, code):
    keys, worker_key = derive(cluster, epoch, secret), x25519_public(SECRET)
    bound = hash_parts("future.p2p/link/v1", cluster, u32(epoch), BOB[1], WORKER, worker_key, code)
    return {"cluster": cluster, "epoch": epoch, "S": secret.hex(), "client": BOB[1], "worker": WORKER,
            "worker_key": worker_key.hex(), "code": code, "mailbox_id": mac(keys["mailbox"], code.encode())[:16].hex(),
            "password": code + "-" + mac(keys["link"], bound).hex()}


# ---- sealed lines ----

BOOT = bytes.fromhex("b0075555aaaa0001")
NONCE = bytes(range(100, 124))
HELLO = (f"when={WHEN},expires=1795000060,type=worker,from=carol@desk:4711,member={WORKER},protocols=link,"
         f"id=fedcba9876543210,key={b64(x25519_public(SECRET))},slots=3,r=4.2.2,future=1.70.0")
LEAVE = f"when={WHEN},type=leave,from=carol@desk:4711,member={WORKER}"


def plain_of(inner, number, length=None, zeros=None):
    text = BOOT + u64(number) + u32(len(inner) if length is None else length) + inner.encode()
    return text + (bytes(-len(text) % 64) if zeros is None else zeros)


def seal_plain(plain, label=None, kid=None, box=None):
    keys = derive(CLUSTER, 1, SECRET)
    box = box or xchacha20_poly1305(keys["line"], NONCE, plain, (label or keys["kid"]).encode())
    return line(("when", WHEN), ("type", "p2p1"), ("kid", kid or keys["kid"]), ("box", b64(NONCE + box)))


def sealed_case(inner, number):
    plain = plain_of(inner, number)
    return {"cluster": CLUSTER, "epoch": 1, "S": SECRET.hex(), "nonce": NONCE.hex(), "boot": BOOT.hex(), "number": str(number),
            "inner": inner, "plain": plain.hex(), "line": seal_plain(plain)}


def filled(length):
    return f"when={WHEN},type=x,k=".ljust(length, "v")


def bad_sealed_cases():
    good = plain_of(LEAVE, 1)
    box = xchacha20_poly1305(derive(CLUSTER, 1, SECRET)["line"], NONCE, good, derive(CLUSTER, 1, SECRET)["kid"].encode())
    too_long = filled(5889)
    return [
        {"why": "the associated data is not the kid", "line": seal_plain(good, label="0" * 16)},
        {"why": "the kid is of another key", "line": seal_plain(good, kid=derive(CLUSTER, 2, SECRET)["kid"])},
        {"why": "a bit of the box differs", "line": seal_plain(good, box=box[:-1] + bytes([box[-1] ^ 1]))},
        {"why": "the tag is cut", "line": seal_plain(good, box=box[:-1])},
        {"why": "there is no tag", "line": seal_plain(good, box=box[:15])},
        {"why": "nothing is in the box", "line": seal_plain(b"")},
        {"why": "the padding is not of zeros", "line": seal_plain(good[:-1] + b"\1")},
        {"why": "the padding is 64 longer than it must be", "line": seal_plain(good + bytes(64))},
        {"why": "the length is not a multiple of 64", "line": seal_plain(good + b"\0")},
        {"why": "the line is longer than the box", "line": seal_plain(plain_of(LEAVE, 1, length=2**32 - 1))},
        {"why": "the line is cut within the box",
         "line": seal_plain(plain_of(LEAVE, 1, length=len(LEAVE) + (-(20 + len(LEAVE)) % 64) + 1))},
        {"why": "the line has more than 5888 bytes", "line": seal_plain(plain_of(too_long, 1))},
        {"why": "the line is no line", "line": seal_plain(plain_of("type=leave", 1))},
        {"why": "the line has its LF", "line": seal_plain(plain_of(LEAVE + "\n", 1))},
        {"why": "the line is empty", "line": seal_plain(plain_of("", 1))},
    ]


# ---- certificates ----

def certificate(owner, cluster, epoch, user, device):
    return sign(owner, "future.p2p/certificate/v1", cluster, u32(epoch), user, ed25519_public(device))


def certificate_case(epoch, user):
    return {"owner_seed": OWNER.hex(), "owner": ed25519_public(OWNER).hex(), "cluster": CLUSTER, "epoch": epoch, "user": user,
            "device": ed25519_public(DEVICE).hex(), "certificate": certificate(OWNER, CLUSTER, epoch, user, DEVICE).hex()}


def proof_case(role, user):
    spake2_key = bytes(range(160, 192))
    verifier = hkdf(spake2_key, b"", b"wormhole:verifier", 32)
    return {"spake2_key": spake2_key.hex(), "verifier": verifier.hex(), "role": role, "user": user, "device_seed": DEVICE.hex(),
            "device": ed25519_public(DEVICE).hex(),
            "proof": sign(DEVICE, "future.p2p/hello/v1", verifier, role, user).hex()}


# ---- certified lines ----

def certified_line(inner, number, user="carol", epoch=1, owner=OWNER, device=DEVICE, shown=None):
    """`shown`: the public key in the line, if it is another one."""
    public = shown or ed25519_public(device)
    shown_certificate = sign(owner, "future.p2p/certificate/v1", CLUSTER, u32(epoch), user, public)
    text = f"{inner},number={number:016x},device={b64(public)},certificate={b64(shown_certificate)}"
    return f"{text},proof={b64(sign(device, 'future.p2p/line/v1', CLUSTER, u32(epoch), text))}"


def certified_case(inner, number, user, epoch):
    return {"cluster": CLUSTER, "epoch": epoch, "user": user, "owner": ed25519_public(OWNER).hex(), "device_seed": DEVICE.hex(),
            "device": ed25519_public(DEVICE).hex(), "certificate": certificate(OWNER, CLUSTER, epoch, user, DEVICE).hex(),
            "number": str(number), "inner": inner, "line": certified_line(inner, number, user, epoch)}


def bad_certified_cases():
    good = certified_line(HELLO, 1)
    return [{"why": why, "line": text} for why, text in (
        ("no proof", good[:good.index(",proof=")]),
        ("the number was changed", good.replace("number=0000000000000001", "number=0000000000000002")),
        ("a pair after the proof", good + ",slots=4"),
        ("another sender", good.replace("from=carol@", "from=carol2@")),
        ("the certificate is of another user", certified_line(HELLO, 1, user="bob")),
        ("the certificate is of another epoch", certified_line(HELLO, 1, epoch=2)),
        ("the certificate is of another owner", certified_line(HELLO, 1, owner=OTHER)),
        ("another device has signed it", certified_line(HELLO, 1, device=OTHER, shown=ed25519_public(DEVICE))),
        ("a number of 15 digits", good.replace("number=0", "number=")))]


# ---- enrolment ----

def enrol_line(device=None, signature=None, invited=None, invitation=None):
    public = device or ed25519_public(DEVICE)
    parts = [CLUSTER, *BOB, public]
    pairs = [("device", b64(public))]
    if invitation:
        parts.append(ed25519_public(invitation))
        invited = invited or sign(invitation, "future.p2p/invitation/v1", *parts)
        pairs += [("invitation", b64(parts[-1])), ("invited", b64(invited))]
    return signed_line("enrol", BOB, *pairs, ("signature", b64(signature or sign(DEVICE, "future.p2p/enrol/v1", *parts))))


def enrol_case(invitation=None):
    return {"cluster": CLUSTER, "from": BOB[0], "member": BOB[1], "device_seed": DEVICE.hex(), "device": ed25519_public(DEVICE).hex(),
            "invitation_seed": invitation.hex() if invitation else "",
            "invitation": ed25519_public(invitation).hex() if invitation else "", "line": enrol_line(invitation=invitation)}


def bad_enrol_cases():
    good = sign(DEVICE, "future.p2p/enrol/v1", CLUSTER, *BOB, ed25519_public(DEVICE))
    larger = (int.from_bytes(good[32:], "little") + ORDER).to_bytes(32, "little")
    identity, base = b"\1" + bytes(31), bytes.fromhex("58" + 31 * "66")  # points; base: 1 times the base point
    return [
        {"why": "another domain", "line": enrol_line(signature=sign(DEVICE, "future.p2p/invitation/v1", CLUSTER, *BOB,
                                                                    ed25519_public(DEVICE)))},
        {"why": "another cluster", "line": enrol_line(signature=sign(DEVICE, "future.p2p/enrol/v1", "alice/other", *BOB,
                                                                     ed25519_public(DEVICE)))},
        {"why": "parts that run together", "line": enrol_line(signature=sign(DEVICE, "future.p2p/enrol/v1", CLUSTER, BOB[0] + BOB[1],
                                                                             "", ed25519_public(DEVICE)))},
        {"why": "the second half of the signature is not below the order of the group", "line": enrol_line(signature=good[:32] + larger)},
        {"why": "a key of small order, for which any text is signed",
         "line": enrol_line(device=identity, signature=base + b"\1" + bytes(31))},
        {"why": "the invitation is signed by another key", "line": enrol_line(invitation=INVITATION, invited=sign(
            OTHER, "future.p2p/invitation/v1", CLUSTER, *BOB, ed25519_public(DEVICE), ed25519_public(INVITATION)))},
        {"why": "the device has not signed the invitation", "line": enrol_line(invitation=INVITATION, signature=good)},
        {"why": "base64url with padding", "line": enrol_line(signature=good).replace(",signature=", "=,signature=")},
    ]


def enrolled_line(epoch=1, user="bob", signer=OWNER, certified=("bob", 1, OWNER), cluster=CLUSTER):
    device, owner = ed25519_public(DEVICE), ed25519_public(OWNER)
    shown = certificate(certified[2], CLUSTER, certified[1], certified[0], DEVICE)
    signature = sign(signer, "future.p2p/enrolled/v1", cluster, device, u32(epoch), SECRET, owner, user, shown)
    plain = u32(epoch) + SECRET + owner + shown + signature + user.encode()
    return plain, signed_line("enrolled", ALICE, ("device", b64(device)), ("box", b64(seal(ed25519_as_x25519(device), plain, OTHER))))


def enrolled_case(epoch, user):
    plain, text = enrolled_line(epoch, user, certified=(user, epoch, OWNER))
    return {"cluster": CLUSTER, "from": ALICE[0], "member": ALICE[1], "owner_seed": OWNER.hex(), "owner": ed25519_public(OWNER).hex(),
            "device_seed": DEVICE.hex(), "device": ed25519_public(DEVICE).hex(),
            "device_x25519": ed25519_as_x25519(ed25519_public(DEVICE)).hex(), "box_secret": OTHER.hex(), "epoch": epoch,
            "S": SECRET.hex(), "user": user, "certificate": certificate(OWNER, CLUSTER, epoch, user, DEVICE).hex(),
            "plain": plain.hex(), "line": text}


def bad_enrolled_cases():
    def case(why, **changes):
        return {"why": why, "line": enrolled_line(**changes)[1]}

    return [
        case("another key has signed", signer=OTHER),
        case("another cluster", cluster="alice/other"),
        case("the certificate is of another owner", certified=("bob", 1, OTHER)),
        case("the certificate is of another epoch", certified=("bob", 2, OWNER)),
        case("the certificate is of another user", certified=("carol", 1, OWNER)),
        case("epoch 0", epoch=0, certified=("bob", 0, OWNER)),
        case("an epoch of ten digits", epoch=10**9, certified=("bob", 10**9, OWNER)),
        case("a malformed user", user="b b", certified=("b b", 1, OWNER)),
        case("no user", user="", certified=("", 1, OWNER)),
        case("a user of 64 bytes", user="b" * 64, certified=("b" * 64, 1, OWNER)),
    ]


def refused_case(reason):
    signature = sign(OWNER, "future.p2p/refused/v1", CLUSTER, BOB[1], reason)
    owner = ed25519_public(OWNER)
    return {"cluster": CLUSTER, "from": ALICE[0], "member": ALICE[1], "owner_seed": OWNER.hex(), "owner": owner.hex(), "to": BOB[1],
            "reason": reason, "line": signed_line("refused", ALICE, ("to", BOB[1]), ("reason", reason), ("owner", b64(owner)),
                                                  ("signature", b64(signature)))}


def epoch_case(epoch, expelled):
    text, owner = ";".join(map(b64, expelled)), ed25519_public(OWNER)
    signature = sign(OWNER, "future.p2p/epoch/v1", CLUSTER, u32(epoch), text)
    return {"cluster": CLUSTER, "from": ALICE[0], "member": ALICE[1], "owner_seed": OWNER.hex(), "owner": owner.hex(), "epoch": epoch,
            "expelled": [key.hex() for key in expelled],
            "line": signed_line("epoch", ALICE, ("epoch", epoch), ("expelled", text), ("owner", b64(owner)),
                                ("signature", b64(signature)))}


# ---- records ----

CIPHERS = {"aes256gcm": AESGCM, "chacha20poly1305": ChaCha20Poly1305}
TRANSIT_KEY = bytes(range(192, 224))
KEY_SPAN = 2**24


def box_record(key, counter, text):
    nonce = counter.to_bytes(24, "big")
    return u32(40 + len(text)) + nonce + xsalsa20_poly1305(key, nonce, text)


def cipher_record(cipher, key, counter, text):
    for _ in range(counter // KEY_SPAN):
        key = hkdf(key, b"", b"future.p2p/records/next", 32)
    length = u32(2**31 + 16 + len(text))
    sealed = CIPHERS[cipher](key).encrypt(bytes(4) + u64(counter), text, length)
    return length + sealed[-16:] + sealed[:-16]


def record_case(cipher, by, start, texts):
    """`start`: of the counter of the first record, which is a box only if it is 0."""
    box_key = hkdf(TRANSIT_KEY, b"", f"transit_record_{by}_key".encode(), 32)
    key = hkdf(TRANSIT_KEY, b"", f"future.p2p/records/{cipher}/{by}".encode(), 32)
    records = [{"counter": counter, "payload": text.hex(),
                "record": (box_record(box_key, counter, text) if counter == 0 else cipher_record(cipher, key, counter, text)).hex()}
               for counter, text in enumerate(texts, start)]
    return {"transit_key": TRANSIT_KEY.hex(), "cipher": cipher, "by": by, "key": key.hex(), "records": records}


def make_records():
    hello = b"member=" + BOB[1].encode() + b"\nr=4.2.2\nfuture=1.70.0\nrecords=aes256gcm;chacha20poly1305\n"
    texts = [b"\1" + bytes(4) + u32(len(hello)) + hello, b"", b"\x09" + bytes(8), bytes(range(256))]
    return {"records": [record_case(cipher, by, start, texts) for cipher in CIPHERS for by in ("sender", "receiver")
                        for start in (0, KEY_SPAN - 1)]}


def make():
    many = [ed25519_public(hashlib.sha256(bytes([i])).digest()) for i in range(64)]
    two = [ed25519_public(DEVICE), ed25519_public(OTHER)]
    code = "00112233445566778899aabbccddeeff"
    return {
        "cluster_keys": [key_case(CLUSTER, 1, SECRET), key_case(CLUSTER, 2, SECRET), key_case("alice/friends2", 1, SECRET),
                         key_case(CLUSTER, 999999999, b"\xff" * 32), key_case(LONGEST, 1, OTHER)],
        "links": [link_case(CLUSTER, 1, SECRET, code), link_case(CLUSTER, 258, OTHER, "f" * 32)],
        "sealed_lines": [sealed_case(HELLO, 1), sealed_case(LEAVE, 2**64 - 1), sealed_case("when=x", 0),
                         sealed_case(filled(44), 2), sealed_case(filled(45), 3), sealed_case(filled(5888), 4)],
        "bad_sealed_lines": bad_sealed_cases(),
        "certificates": [certificate_case(1, "bob"), certificate_case(999999999, "c" * 63)],
        "proofs": [proof_case("client", "bob"), proof_case("worker", "bob")],
        "certified_lines": [certified_case(HELLO, 1, "carol", 1), certified_case(HELLO + ",busy=3", 2**64 - 1, "carol", 999999999)],
        "bad_certified_lines": bad_certified_cases(),
        "enrol": [enrol_case(), enrol_case(INVITATION)],
        "bad_enrol": bad_enrol_cases(),
        "enrolled": [enrolled_case(1, "bob"), enrolled_case(999999999, "c" * 63)],
        "bad_enrolled": bad_enrolled_cases(),
        "refused": [refused_case(reason) for reason in ("unlisted", "device", "invite", "expelled", "keyless")],
        "epoch": [epoch_case(2, two), epoch_case(1, []), epoch_case(3, many)],
    }


def examples(path):
    """The lines of the blocks `line p2p1`, `line certified`, `line enrol`, `line enrolled`, `line refused` and `line epoch`."""
    kinds, kind, found = ("p2p1", "certified", "enrol", "enrolled", "refused", "epoch"), "", []
    with open(path, encoding="utf-8") as file:
        for text in file.read().splitlines():
            if text.startswith("```"):
                kind = text[len("```line "):] if text.startswith("```line ") else ""
            elif kind in kinds:
                found.append((kind, text))
    return found, [kind for kind in kinds if kind not in dict(found)]


def check(files, made):
    passed, bad = 0, []
    for name, text in files.items():
        with open(os.path.join(HERE, name), encoding="utf-8") as file:
            stored = file.read()
        if stored == text:
            passed += 1
        else:
            bad.append(f"{name} is not what make.py makes")
    known = {case["line"] for cases in made.values() for case in cases if "line" in case}
    found, missing = examples(os.path.join(HERE, "..", "..", "docs", "protocol.md"))
    for kind, example in found:
        if example in known:
            passed += 1
        else:
            bad.append(f"docs/protocol.md: an example of {kind} is no vector: {example}")
    bad += [f"docs/protocol.md: no example of {kind}" for kind in missing]
    print(*bad, sep="\n", end="\n" if bad else "")
    print(f"interop vectors: {passed} passed, {len(bad)} failed")
    return 1 if bad else 0


def main():
    made = make()
    files = {name: json.dumps(content, indent=1) + "\n" for name, content in (("keys.json", made), ("records.json", make_records()))}
    if sys.argv[1:] == ["--check"]:
        return check(files, made)
    for name, text in files.items():
        with open(os.path.join(HERE, name), "w", encoding="utf-8") as file:
            file.write(text)
    return 0


sys.exit(main())
