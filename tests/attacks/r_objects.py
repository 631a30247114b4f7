"""Serialized R objects that R itself would not write ("R Internals", section 1.8): version 3, little-endian binary."""

import struct

HEADER = b"B\n" + struct.pack("<iiii", 3, 0x040202, 0x030500, 5) + b"UTF-8"
SYM, LIST, CLO, ENV, PROMISE, LANG, BUILTIN, CHAR, LGL, INT, REAL, STRING, VECTOR, RAW = 1, 2, 3, 4, 5, 6, 8, 9, 10, 13, 14, 16, 19, 24
ALTREP, BASE, GLOBAL, NIL = 238, 241, 253, 254
OBJECT, ATTRIBUTES, TAG, ACTIVE = 1 << 8, 1 << 9, 1 << 10, 1 << 27


def word(value):
    return struct.pack("<I", value & 0xFFFFFFFF)


def item(kind, flags=0):
    return word(kind | flags)


nil, global_env = item(NIL), item(GLOBAL)


def char(text):
    return item(CHAR, 1 << 18) + word(len(text)) + text.encode()


def string(*texts):
    return item(STRING) + word(len(texts)) + b"".join(char(text) for text in texts)


def symbol(name):
    """Each symbol once: a second one is a reference."""
    return item(SYM) + char(name)


def vector(*elements):
    return item(VECTOR) + word(len(elements)) + b"".join(elements)


def integer(*values):
    return item(INT) + word(len(values)) + b"".join(word(value) for value in values)


def pairlist(value, tag, flags=0, rest=nil):
    return item(LIST, TAG | flags) + symbol(tag) + value + rest


def with_attribute(vector, name, value):
    """A vector with one attribute, which R itself would refuse to set."""
    return bytes([vector[0], vector[1] | ATTRIBUTES >> 8]) + vector[2:] + pairlist(value, name)


def call(function, *arguments):
    return item(LANG) + symbol(function) + b"".join(item(LIST) + argument for argument in arguments) + nil


def function(body):
    return item(CLO) + global_env + nil + body


def write_file(file):
    """A call that leaves a file behind: proof that code ran."""
    return call("writeLines", string("attacked"), string(file))


def environment(frame):
    return item(ENV) + word(0) + global_env + frame + nil + nil


def active_pairlist(file):
    return pairlist(function(write_file(file)), "trap", ACTIVE)


def promise(file):
    return item(PROMISE) + global_env + nil + write_file(file)


def nested(depth):
    return (item(VECTOR) + word(1)) * depth + nil


def nested_calls(depth):
    return item(LANG) + symbol("f") + (item(LIST) + item(LANG) + item(BASE)) * depth + nil * (depth + 1)


def long_vector(kind, length):
    """Announces elements that do not follow."""
    return item(kind) + (word(length) if length < 1 << 31 else word(-1) + struct.pack("<II", length >> 32, length & 0xFFFFFFFF))


def altrep(name, package, kind, state):
    info = item(LIST) + symbol(name) + item(LIST) + symbol(package) + item(LIST) + integer(kind) + nil
    return item(ALTREP) + info + state + nil


def compact_sequence(length):
    """1:length in a few bytes."""
    return altrep("compact_intseq", "base", INT, item(REAL) + word(3) + struct.pack("<ddd", length, 1, 1))


def mapped_file(file):
    return altrep("mmap_integer", "base", INT, item(LIST) + string(file) + item(LIST) + item(REAL) + word(2) + struct.pack("<dd", 1, 0)
                  + item(LIST) + integer(INT, 1, 1, 0) + nil)
