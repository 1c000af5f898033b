"""Topics of messages: one-way, and request-reply.

One-way is `ipcat send -f F URL < FILE` to `ipcat listen -f F URL > /dev/null`.
The input of ipcat, of the libraries and of c-feed is the same file in memory,
and their receivers drop the messages after a look at length and number (ipcat:
at the frames; --stats must then have counted every byte).  `ipcat-pipe` has
another program behind it that checks every byte.  c-batch and c-each make
their messages in memory, as limits.  ipcat's time is from the start of the
sender to the end of the receiver (and checker), that of the others from the
first message to the last.
"""
import json
import os
import re
import select
import time

import candidates as cand
from procs import BenchError, wait_ready
from topics import Topic

SIZES = {"64": 64, "1k": 1024, "64k": 65536}
OVERHEAD = {"line": 1, "len32": 4}
REPLY = "r" * 63


def listen_ipcat(b, opts, at, **kw):
    """A running `ipcat listen` that has bound its endpoint."""
    rfd, wfd = os.pipe()
    try:
        proc = b.start([b.ctx.ipcat, "listen", *opts, "--ready-fd", str(wfd),
                        *b.ctx.ipcat_opts, cand.url(at)], pass_fds=(wfd,),
                       **kw)
    finally:
        os.close(wfd)
    with os.fdopen(rfd, "rb", 0) as ready:
        if not select.select([ready], [], [], 3)[0] or not ready.read(1):
            proc.stop()
            raise BenchError(f"ipcat listen: {proc.complaint()}")
    return proc


def say_ready(proc, word="ready", seconds=5):
    if proc.line(seconds) != word:
        raise BenchError(f"{proc.name}: did not say {word}")
    return proc


def _count(b, size):
    """Enough that the start of two processes does not show."""
    return (384 << 20 if b.quick else 1 << 30) // size


def _stated(listener, size, framing, count):
    """Do the bytes that the receiver counted make `count` messages?"""
    found = re.search(r"(\d+) bytes out", listener.stderr())
    got = int(found.group(1)) if found else -1
    want = (size + OVERHEAD[framing]) * count
    if got != want:
        raise BenchError(f"{got} of {want} bytes arrived")


def _ipcat(b, at, size, framing, pipe):
    count = _count(b, size)
    path = b.file("gen", framing, size, count)
    checker = None
    if pipe:
        checker = b.start([b.ctx.tool("cmsg"), "count", framing, str(size),
                           "20"], stdin=True)
        out = checker.popen.stdin
        checker.popen.stdin = None
    else:
        out = open(os.devnull, "wb")
    try:
        with out:
            listener = listen_ipcat(b, ["-f", framing, "--stats"], at,
                                    stdout=out)
        with listener, open(path, "rb") as inp, \
                b.start([b.ctx.ipcat, "send", "-f", framing,
                         cand.url(at)], stdin=inp) as sender:
            start = time.perf_counter()
            listener.finish(20)
            if checker:
                got = json.loads(checker.line(20))["messages"]
                if got != count:
                    raise BenchError(f"{got} of {count} messages arrived")
            seconds = time.perf_counter() - start
            sender.finish(5)
        _stated(listener, size, framing, count)
    finally:
        if checker:
            checker.stop()
    return {"msg_s": count / seconds}


def _pair(b, tool, at, size, how):
    """Both ends are ours: they agree on the count, or it is no figure."""
    ms = 400 if b.quick else 700
    tool = b.ctx.tool(tool)
    path = os.devnull if how else \
        b.file("gen", "len32", size, _count(b, size))
    with b.start([tool, "pull", str(at), str(size), "20"]) as pull:
        say_ready(pull)
        with open(path, "rb") as inp, \
                b.start([tool, "push", str(at), str(size), str(ms), *how],
                        stdin=inp) as push:
            sent = json.loads(push.line(15))
            got = json.loads(pull.line(15))
    if sent["messages"] != got["messages"]:
        raise BenchError(f"{got['messages']} of {sent['messages']} messages "
                         "arrived")
    return {"msg_s": got["messages"] / got["seconds"]}


def _feed(b, at, size):
    """The file to a socket in C, 256 KiB at a time."""
    count = _count(b, size)
    path = b.file("gen", "len32", size, count)
    tool = b.ctx.tool("cmsg")
    with b.start([tool, "pull", str(at), str(size), "20"]) as pull:
        say_ready(pull)
        with open(path, "rb") as inp, \
                b.start([tool, "feed", str(at)], stdin=inp):
            got = json.loads(pull.line(15))
    if got["messages"] != count:
        raise BenchError(f"{got['messages']} of {count} messages arrived")
    return {"msg_s": count / got["seconds"]}


def messages(kind, size):
    def once(name, b):
        at = b.addrs.get(kind)
        if name.startswith("ipcat"):
            return _ipcat(b, at, size, "len32" if name == "ipcat-len32"
                          else "line", name == "ipcat-pipe")
        if name == "c-feed":
            return _feed(b, at, size)
        if name.startswith("c-"):
            return _pair(b, "cmsg", at, size, [name[2:]])
        return _pair(b, f"cpair-{name}", at, size, [])
    return once


# request-reply ---------------------------------------------------------------

SERVED = {"ipcat": ["-f", "line", "--echo"],
          "ipcat-reply": ["-f", "line", "--reply", REPLY],
          "ipcat-bytes": ["--echo"]}


def _figures(got, *metrics):
    return {m: got[m] for m in metrics}


def _request(b, at, count, cpu):
    """One request after the other: time from start to end, over requests."""
    count *= 4
    path = b.file("gen", "line", 63, count)
    with b.start([b.ctx.tool("cmsg"), "count", "line", "63", "25"],
                 stdin=True) as checker:
        out = checker.popen.stdin
        checker.popen.stdin = None
        with out, open(path, "rb") as inp:
            sender = b.start([b.ctx.ipcat, "send", "-R", "--in-flight", "1",
                              "-f", "line", cand.url(at)], stdin=inp,
                             stdout=out, cpu=cpu)
        with sender:
            start = time.perf_counter()
            sender.finish(25)
            seconds = time.perf_counter() - start
        got = json.loads(checker.line(5))["messages"]
    if got != count:
        raise BenchError(f"{got} replies to {count} requests")
    return {"mean_us": seconds / count * 1e6}


def _library(b, tool, at, count, cpu):
    with b.start([tool, "rep", str(at), "30"], cpu=cpu) as rep:
        say_ready(rep)
        pin = [] if cpu is None else [str(cpu)]
        with b.start([tool, "req", str(at), str(count), *pin]) as req:
            return _figures(json.loads(req.line(30)), "p50_us", "p99_us",
                            "mean_us")


def reqrep(cpu):
    def once(name, b):
        count = 2000 if b.quick else 5000
        at = b.addrs.get("unix")
        if name in ("zmq", "nng"):
            return _library(b, b.ctx.tool(f"cpair-{name}"), at, count, cpu)
        if name in SERVED:
            server = listen_ipcat(b, ["-k", *SERVED[name]], at, cpu=cpu)
        else:
            server = b.start(cand.echo_cecho(at, b.ctx), cpu=cpu)
        with server:
            wait_ready(server, at)
            if name == "ipcat-request":
                return _request(b, at, count, cpu)
            how = ["reply"] if name == "ipcat-reply" else []
            with b.cload("pingpong", at, count,
                         "-" if cpu is None else cpu, *how) as load:
                return _figures(json.loads(load.line(30)), "p50_us",
                                "p99_us", "mean_us")
    return once


def build(quick):
    reps, many = (2, 3) if quick else (3, 5)
    out = []
    for kind in ("unix", "tcp"):
        for text, size in SIZES.items():
            out.append(Topic(f"messages-{kind}-{text}",
                             f"one-way messages of {size} bytes over {kind}",
                             cand.MESSAGES, messages(kind, size), reps, "zmq"))
    out.append(Topic("reqrep-1cpu", "64-byte requests over unix, all on CPU 0",
                     cand.REQREP, reqrep(0), many, "cecho"))
    out.append(Topic("reqrep-idle", "64-byte requests over unix, any CPU",
                     cand.REQREP, reqrep(None), many, "cecho"))
    return out
