"""Topics of many messages: one producer to many subscribers, and conversion.

The subscribers are one program for every candidate (cfan), which checks every
byte of every delivery.  Conversions read a file in memory, write another, and
are checked value by value when the clock has stopped.
"""
import json
import os
import time

import candidates as cand
from procs import BenchError, NoAnswer, Skip, wait_ready
from topics import Topic
from topics_messages import listen_ipcat, say_ready

SUBS = 100
SIZE = 64


def _fed(b, server, fan, count):
    """Lines to the server's stdin: hello until all hear it, then the real."""
    end = time.monotonic() + 10
    pipe = server.popen.stdin
    server.popen.stdin = None
    with pipe:
        while True:
            pipe.write(b"#\n")
            pipe.flush()
            try:
                say_ready(fan, seconds=0.02)
                break
            except NoAnswer:
                if time.monotonic() > end:
                    raise
        gen = b.start([b.ctx.tool("cmsg"), "gen", "line", str(SIZE),
                       str(count)], stdout=pipe)
    with gen:
        return json.loads(fan.line(25))


def fanout(kind):
    def once(name, b):
        count = 20000 if b.quick else 60000
        at = b.addrs.get(kind)
        how = "line"
        if name == "ipcat":
            server = listen_ipcat(b, ["--fanout", "-f", "line"], at,
                                  stdin=True)
        elif name == "cfan":
            server = say_ready(b.start(
                [b.ctx.tool("cfan"), "serve", str(at), str(SUBS)],
                stdin=True), "listening")
        else:
            how, count = "mqtt", count // 10
            server = b.start(cand.broker_mosquitto(at, b.ctx))
            wait_ready(server, at)
        with server, b.start([b.ctx.tool("cfan"), how, str(at), str(SUBS),
                              str(SIZE), str(count)]) as fan:
            if how == "line":
                got = _fed(b, server, fan, count)
            else:
                say_ready(fan)
                with b.start([b.ctx.tool("cfan"), "publish", str(at),
                              str(SIZE), str(count)]):
                    got = json.loads(fan.line(25))
        if got["deliveries"] != SUBS * count:
            raise BenchError(f"{got['deliveries']} of {SUBS * count} "
                             "deliveries")
        return {"deliveries_s": got["deliveries"] / got["seconds"]}
    return once


# conversion ------------------------------------------------------------------

def _convert_argv(name, to, b):
    return {
        "ipcat": [b.ctx.ipcat, "relay", "-f", "line", "-p",
                  f"convert:json>{to}", "-", "-"],
        "jq": [cand.program("jq", b.ctx), "-c", "."],
        "jansson": [b.ctx.tool("cjansson"), "convert"],
    }[name]


def _crun(b, argv, files):
    with b.start([b.ctx.tool("crun"), "1", files, *argv]) as proc:
        got = json.loads(proc.line(15))
    if got["failed"]:
        raise BenchError("did not exit with 0")
    return got


def convert(to):
    def once(name, b):
        checker = b.ctx.tool("cjansson")
        if not os.access(checker, os.X_OK):
            raise Skip("the check needs libjansson-dev and libmsgpack-dev")
        count = 150000 if b.quick else 400000
        path = b.file("json", count)
        out = f"{b.big()}/out"
        got = _crun(b, _convert_argv(name, to, b), f"{path},{out}")
        kind = {"ipcat": to, "jq": "json", "jansson": "msgpack"}[name]
        with b.start([checker, "check", kind, path, out]) as check:
            values = json.loads(check.line(20))["values"]
        os.unlink(out)
        if values != count:
            raise BenchError(f"{values} of {count} values")
        return {"lines_s": count / got["median_us"] * 1e6,
                "peak_kib": got["peak_kib"]}
    return once


def memory(to, b):
    """The peak with 50 MB and with 1 GiB (quick: 200 MB) of input."""
    small = b.file("json", 400000)
    big = f"{b.big()}/big"
    with open(small, "rb") as f:
        text = f.read()
    with open(big, "wb") as f:
        while f.tell() < (200_000_000 if b.quick else 1 << 30):
            f.write(text)
    try:
        argv = _convert_argv("ipcat", to, b)
        return {"peak_kib": _crun(b, argv, small)["peak_kib"],
                "peak_big_kib": _crun(b, argv, big)["peak_kib"]}
    finally:
        os.unlink(big)


def build(quick):
    reps = 2 if quick else 3
    out = []
    for kind in ("unix", "tcp"):
        out.append(Topic(f"fanout-{kind}", f"one producer to {SUBS} "
                         f"subscribers over {kind}, {SIZE} bytes",
                         cand.FANOUT, fanout(kind), reps, "mosquitto"))
    for to in ("cbor", "msgpack"):
        out.append(Topic(f"convert-{to}", f"lines of JSON to {to}",
                         cand.CONVERT, convert(to), reps, "jq"))
        out.append(Topic(f"convert-memory-{to}", "peak memory with 50 MB and "
                         f"1 GiB of JSON to {to}", ("ipcat",),
                         lambda _, b, to=to: memory(to, b), 1, "ipcat"))
    return out
