#!/usr/bin/python3
"""Messages in a framing, written and read without ipcat.

    frames.py make FRAMING SIZE... >FILE
    frames.py check FRAMING SIZE... <FILE

Message i of SIZE bytes is always the same text: it carries neither a line end
nor a zero byte nor "--", and is a JSON string (a digit when SIZE is 1), so
that every framing can carry it.  check compares what it reads; it exits 1 and
says what is wrong.
"""
import re
import struct
import sys


def text(i, size):
    if size < 2:
        return b"7" * size
    seed = ("%d.%d." % (i, size)).encode()
    return b'"' + (seed * (size // len(seed) + 1))[:size - 2] + b'"'


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


WRAP = {
    "line": lambda m: m + b"\n",
    "crlf": lambda m: m + b"\r\n",
    "nul": lambda m: m + b"\0",
    "delim:--": lambda m: m + b"--",
    "len16": lambda m: struct.pack(">H", len(m)) + m,
    "len32": lambda m: struct.pack(">I", len(m)) + m,
    "len32le": lambda m: struct.pack("<I", len(m)) + m,
    "varint": lambda m: varint(len(m)) + m,
    "netstring": lambda m: b"%d:%s," % (len(m), m),
    "json": lambda m: m + b"\n",
}


def main(what, framing, *sizes):
    data = b"".join(WRAP[framing](text(i, int(n)))
                    for i, n in enumerate(sizes))
    if what == "make":
        sys.stdout.buffer.write(data)
        return 0
    got = sys.stdin.buffer.read()
    if got == data:
        return 0
    at = next((i for i, (a, b) in enumerate(zip(got, data)) if a != b),
              min(len(got), len(data)))
    print("# %s: %d bytes instead of %d, differ at %d: %r instead of %r" %
          (framing, len(got), len(data), at, got[at:at + 20],
           data[at:at + 20]), file=sys.stderr)
    return 1


if __name__ == "__main__":
    if len(sys.argv) < 3 or not re.match("make|check", sys.argv[1]):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
