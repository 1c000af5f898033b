#!/usr/bin/python3
"""Converters against other implementations, on generated documents.

    codec-diff.py [--ipcat FILE] [--count N] [--seed N]

Every document goes from each format to each, through
`ipcat relay -p 'convert:A>B | frame:len32' - -`, as python, cbor2 and msgpack
(when they can be imported) write it, and must be the same to the reader of
the other side; what has no equal there must be what ipcat-stages(7) says.
Canonical forms are compared byte by byte, XML is also shown to xmllint, JSON
to jansson, and JSON with a few bytes changed must be valid to all or to none.

The last line has the documents of each comparison; a difference is printed,
and exits 1.
"""
import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

import codec_ref as ref

BATCH = 1000
HERE = os.path.dirname(os.path.abspath(__file__))
# What jansson cannot do, and we can; also, it takes a NUL for the end.
JANSSON_LIMITS = (b"too big", b"NUL byte in object key")
CBOR2_WIDE = 65504.0    # the largest half, of which it makes a single


def frame(payloads):
    return b"".join(len(p).to_bytes(4, "big") + p for p in payloads)


def unframe(data):
    at, got = 0, []
    while at + 4 <= len(data):
        n = int.from_bytes(data[at:at + 4], "big")
        got.append(data[at + 4:at + 4 + n])
        at += 4 + n
    return got


class Diff:
    def __init__(self, ipcat, seed, where):
        self.ipcat, self.where = ipcat, where
        self.wrong, self.counts = 0, {}
        self.rnd = ref.seeded(seed)
        self.formats = ref.formats(self.rnd)
        self.jansson = self.build_jansson()
        self.missing = [
            f"no {name}" for name, there in (
                ("cbor2", ref.cbor2), ("msgpack", ref.msgpack),
                ("jansson", self.jansson), ("xmllint",
                                            shutil.which("xmllint")))
            if not there]

    def build_jansson(self):
        program = os.path.join(self.where, "jansson")
        cc = shlex.split(os.environ.get("CC") or "cc")
        run = subprocess.run(
            cc + ["-O1", "-o", program, os.path.join(HERE, "jansson.c"),
                  "-ljansson"], capture_output=True)
        return program if run.returncode == 0 else None

    def complain(self, what):
        self.wrong += 1
        if self.wrong <= 10:
            print(what[:2000], file=sys.stderr)

    def count(self, name, n):
        self.counts[name] = self.counts.get(name, 0) + n

    def convert(self, spec, payloads, skip=False):
        """What each becomes; None for what was refused (skip only)."""
        run = subprocess.run(
            [self.ipcat, "relay", "-f", "len32", "--on-error",
             "skip" if skip else "stop", "-p",
             f"convert:{spec} | frame:len32", "-", "-"],
            input=frame(payloads), capture_output=True)
        bad = {int(n) for n in re.findall(rb"message (\d+)[ :]", run.stderr)}
        if run.returncode != (3 if bad and skip else 0):
            self.complain(f"{spec}: {run.returncode}: {run.stderr!r}")
        got = iter(unframe(run.stdout))
        return [None if i + 1 in bad else next(got, None)
                for i in range(len(payloads))]

    def check(self, name, wanted, raws, decode):
        self.count(name, len(wanted))
        for want, raw in zip(wanted, raws):
            try:
                got = decode(raw)
            except Exception as e:
                got = e
            if not ref.same(want, got):
                self.complain(f"{name}: {want!r} became {got!r}")

    # --- comparisons ---

    def every_way(self, name, docs, sources):
        """From each of the sources to every format."""
        for a in sources:
            mine = [d for d in docs if ref.fits(d, a)]
            raws = [self.formats[a][0](d) for d in mine]
            for b in sorted(self.formats):
                some = [(d, r) for d, r in zip(mine, raws) if ref.fits(d, b)]
                got = self.convert(f"{a}>{b}", [r for _, r in some])
                self.check(name, [ref.mapped(d, b) for d, _ in some], got,
                           self.formats[b][1])
                if b == "xml" and None not in got:
                    self.xmllint(got)
                if b == "json" and None not in got:
                    self.jansson_reads([ref.mapped(d, b) for d, _ in some],
                                       got)

    def canonical(self, docs):
        docs = [d for d in docs if all(
            abs(v) < 2**53 if type(v) is int else abs(v) != CBOR2_WIDE
            for v in ref.walk(d) if type(v) in (int, float))]
        raws = [self.formats["json"][0](d) for d in docs]
        wanted = {"json": [ref.canonical_json(d).encode() for d in docs]}
        if ref.cbor2:
            wanted["cbor"] = [ref.cbor2.dumps(d, canonical=True)
                              for d in docs]
        for b, want in wanted.items():
            self.check(f"canonical {b}", want,
                       self.convert(f"json>{b},canonical", raws), bytes)

    def xmllint(self, raws):
        if not shutil.which("xmllint"):
            return
        # A line each, so that the line of a complaint is the document.
        text = b"<all>\n" + b"\n".join(raws) + b"\n</all>"
        run = subprocess.run(["xmllint", "--nonet", "--huge", "--noout", "-"],
                             input=text, capture_output=True)
        self.count("xmllint", len(raws))
        if run.returncode != 0 or text.count(b"\n") != len(raws) + 1:
            self.complain(f"xmllint, or a line end: {run.stderr!r}")

    def ask_jansson(self, texts):
        run = subprocess.run([self.jansson], input=frame(texts),
                             capture_output=True, check=True)
        return unframe(run.stdout)

    def jansson_reads(self, docs, texts):
        if not self.jansson:
            return
        answers = self.ask_jansson(texts)
        some = [(d, a) for d, a in zip(docs, answers)
                if not (a[:1] == b"!" and
                        a[1:].startswith(JANSSON_LIMITS))]
        self.check("jansson", [d for d, _ in some], [a for _, a in some],
                   lambda a: json.loads(a.removeprefix(b"=")))

    def damaged(self, docs):
        """Valid to all, and of the same value, or to none."""
        raws = [ref.mutate(self.rnd, self.formats["json"][0](d))
                for d in docs]
        ours = self.convert("json>json", raws, skip=True)
        others = self.ask_jansson(raws) if self.jansson else [b"!"] * len(raws)
        self.count("damaged", len(raws))
        for raw, out, other in zip(raws, ours, others):
            try:
                value, good = ref.json_value(raw), True
            except (ValueError, RecursionError):
                value, good = None, False
            if good != (out is not None) or \
                    good and not ref.same(value, json.loads(out)):
                self.complain(f"damaged: {raw!r}: python {good}, {out!r}")
            limit = b"\0" in raw or \
                other[1:].startswith(JANSSON_LIMITS)
            if self.jansson and not limit and (other[:1] == b"=") != good:
                self.complain(f"damaged: {raw!r}: python {good}, {other!r}")

    def run(self, count):
        make = {name: ref.Documents(self.rnd, **kind) for name, kind in (
            ("plain", {"wide": True}), ("binary", {"binary": True}))}
        for left in range(count, 0, -BATCH):
            n = min(BATCH, left)
            docs = [make["plain"].value() for _ in range(n)]
            self.every_way("every way", docs, sorted(self.formats))
            self.canonical(docs)
            self.damaged(docs)
            binary = [f for f in ("cbor", "msgpack") if f in self.formats]
            self.every_way("binary", [make["binary"].value()
                                      for _ in range(n // 4)], binary)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--ipcat", default=os.environ.get("IPCAT", "ipcat"))
    args.add_argument("--count", type=int, default=BATCH)
    args.add_argument("--seed", type=int, default=1)
    args = args.parse_args()
    with tempfile.TemporaryDirectory() as where:
        diff = Diff(args.ipcat, args.seed, where)
        diff.run(args.count)
    print(f"seed {args.seed}: " + ", ".join(
        diff.missing + [f"{args.count} documents"] +
        [f"{k} {v}" for k, v in diff.counts.items()]) +
        f", {diff.wrong} wrong")
    return diff.wrong != 0


if __name__ == "__main__":
    sys.exit(main())
