#!/usr/bin/python3
"""Converters against other implementations, on generated documents.

    codec-diff.py [--ipcat FILE] [--count N] [--seed N]

Documents go through `ipcat relay -p 'convert:json>FORMAT | frame:len32' - -`
and the way back; python's json and XML parsers, cbor2 and msgpack (when they
can be imported) and xmllint (when it is there) say what should have come.
The last line has the counts; a difference is printed and exits 1.
"""
import argparse
import json
import math
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

try:
    import cbor2
except ImportError:
    cbor2 = None    # said in the last line
try:
    import msgpack
except ImportError:
    msgpack = None

NS = "{http://www.w3.org/2005/xpath-functions}"
BATCH = 1000
TEXT = ["", "a", "key", "\0", "\x1f\\u0000", '"<&>\'', "\t\r\n", "\\", "]]>",
        "\u00e9", "\u2028\x85", "\ufffe\uffff", "\U0001d11e", "x" * 300,
        " blanks  here ", "\x7f", "&#10;", "1", "null"]
INTS = [0, 1, -1, 23, 24, 255, 256, 65535, 65536, 2**31, 2**32 - 1, 2**32,
        2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -2**63]
WIDE = [2**64, -2**63 - 1, -2**64, -2**64 - 1, 10**30, -(2**200)]
REALS = [0.0, -0.0, 1.0, 1.5, 0.1, 65504.0, 65505.0, 5e-324, 2**-24,
         1.7976931348623157e308, 1e22, 1e21, 1e-7, 3.4028234663852886e38]


def text(rnd):
    if rnd.random() < 0.3:
        return rnd.choice(TEXT)
    top = rnd.choice([0x7F, 0x7F, 0xFF, 0xD7FF, 0x10FFFF])
    points = (rnd.randint(0, top) for _ in range(rnd.randint(0, 40)))
    return "".join(chr(p) for p in points if not 0xD800 <= p <= 0xDFFF)


def number(rnd, wide):
    kind = rnd.randrange(4)
    if kind == 0:
        return rnd.choice(INTS + (WIDE if wide else []))
    if kind == 1:
        return rnd.randint(-2**63, 2**64 - 1) >> rnd.randrange(64)
    if kind == 2:
        return rnd.choice(REALS + [rnd.uniform(-1e6, 1e6)])
    v = struct.unpack(">d", struct.pack(">Q", rnd.getrandbits(64)))[0]
    return v if math.isfinite(v) else 0.5


def document(rnd, wide, depth=0):
    kind = rnd.randrange(5 if depth > 5 else 9)
    if kind == 0:
        return rnd.choice([None, True, False])
    if kind < 3:
        return number(rnd, wide)
    if kind < 5:
        return text(rnd)
    n = rnd.choice([0, 1, 2, 3, 5, 30]) if depth < 3 else rnd.randint(0, 2)
    values = [document(rnd, wide, depth + 1) for _ in range(n)]
    return values if kind < 7 else {text(rnd): v for v in values}


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return struct.pack(">d", a) == struct.pack(">d", b)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a == b


def unescape(s, flag):
    quoted = '"' + s.replace('"', '\\"') + '"'
    return json.loads(quoted, strict=False) if flag == "true" else s


def from_xml(element):
    name = element.tag.removeprefix(NS)
    if name == "map":
        return {unescape(e.get("key"), e.get("escaped-key")): from_xml(e)
                for e in element}
    if name == "array":
        return [from_xml(e) for e in element]
    body = element.text or ""
    if name == "string":
        return unescape(body, element.get("escaped"))
    if name in ("number", "boolean"):
        return json.loads(body)
    return None if name == "null" and body == "" else name


class Diff:
    def __init__(self, ipcat):
        self.ipcat, self.wrong, self.counts = ipcat, 0, {}

    def relay(self, option, fmt, data):
        pipe = f"convert:json>{fmt} | frame:len32"
        run = subprocess.run([self.ipcat, "relay", "-f", "line", option, pipe,
                              "-", "-"], input=data, capture_output=True)
        if run.returncode != 0:
            self.complain(f"json>{fmt}: {run.returncode}: {run.stderr!r}")
        return run.stdout

    def complain(self, what):
        self.wrong += 1
        if self.wrong <= 10:
            print(what[:2000], file=sys.stderr)

    def check(self, name, docs, results, decode):
        self.counts[name] = self.counts.get(name, 0) + len(docs)
        if len(results) != len(docs):
            self.complain(f"{name}: {len(results)} of {len(docs)} came")
        for doc, raw in zip(docs, results):
            try:
                got = decode(raw)
            except Exception as e:
                got = e
            if not same(doc, got):
                self.complain(f"{name}: {doc!r} became {got!r}")

    def to(self, fmt, docs):
        lines = "".join(json.dumps(d, ensure_ascii=i % 2 == 0) + "\n"
                        for i, d in enumerate(docs))
        data, at, got = self.relay("-p", fmt, lines.encode()), 0, []
        while at + 4 <= len(data):
            n = int.from_bytes(data[at:at + 4], "big")
            got.append(data[at + 4:at + 4 + n])
            at += 4 + n
        return got

    def back(self, name, fmt, docs, raws):
        framed = b"".join(len(r).to_bytes(4, "big") + r for r in raws)
        lines = self.relay("--from-pipe", fmt, framed).splitlines()
        self.check(name, docs, lines, json.loads)

    def xmllint(self, raws):
        with tempfile.TemporaryDirectory() as where:
            names = [os.path.join(where, f"{i}.xml") for i in range(len(raws))]
            for name, raw in zip(names, raws):
                with open(name, "wb") as f:
                    f.write(raw)
            run = subprocess.run(["xmllint", "--nonet", "--huge", "--noout"]
                                 + names, capture_output=True)
        self.counts["xmllint"] = self.counts.get("xmllint", 0) + len(raws)
        if run.returncode != 0 or b"\n" in b"".join(raws):
            self.complain("xmllint, or a line end: " + str(run.stderr))


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--ipcat", default=os.environ.get("IPCAT", "ipcat"))
    args.add_argument("--count", type=int, default=BATCH)
    args.add_argument("--seed", type=int, default=1)
    args = args.parse_args()
    rnd, diff = random.Random(args.seed), Diff(args.ipcat)
    tools = {"cbor2": cbor2, "msgpack": msgpack,
             "xmllint": shutil.which("xmllint")}
    other = {"cbor": cbor2 and (cbor2.loads, cbor2.dumps),
             "msgpack": msgpack and (msgpack.unpackb, msgpack.packb)}
    for left in range(args.count, 0, -BATCH):
        n = min(BATCH, left)
        for fmt in ("cbor", "msgpack", "xml"):
            docs = [document(rnd, fmt != "msgpack") for _ in range(n)]
            raws = diff.to(fmt, docs)
            diff.back(f"json>{fmt}>json", fmt, docs, raws)
            if fmt == "xml":
                diff.check("json>xml", docs, raws,
                           lambda r: from_xml(ET.fromstring(r)))
                if tools["xmllint"]:
                    diff.xmllint(raws)
            elif other[fmt]:
                loads, dumps = other[fmt]
                diff.check(f"json>{fmt}", docs, raws, loads)
                diff.back(f"{fmt}>json", fmt, docs, map(dumps, docs))
    missing = [f"no {name}" for name, there in tools.items() if not there]
    print(f"seed {args.seed}: " + ", ".join(missing + [
        f"{k} {v}" for k, v in diff.counts.items()]) + f", {diff.wrong} wrong")
    return diff.wrong != 0


if __name__ == "__main__":
    sys.exit(main())
