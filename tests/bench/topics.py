"""The topics: what is measured, with whom, how often, and one repetition each.

A topic is a list of candidates and a function that makes ONE repetition for
one candidate and returns {metric: value}.  The runner calls them interleaved.
Every repetition starts its own processes on fresh addresses and ends them.
"""
import json
import os
import shutil
import tempfile
import time

import candidates as cand
from procs import BenchError, NoAnswer, Proc, wait_ready


class Topic:
    """One table of results.  `base` is what ratios are taken against."""

    def __init__(self, name, title, names, once, reps, base):
        self.name = name
        self.title = title
        self.names = names
        self.once = once
        self.reps = reps
        self.base = base


UNITS = {
    "mb_s": "MB/s", "cpu_s_per_gb": "CPU s/GB", "p50_us": "us",
    "p99_us": "us", "conn_s": "conn/s", "errors": "errors",
    "base_pss_kib": "KiB", "wall_ms": "ms", "peak_kib": "KiB",
    "msg_s": "msg/s", "mean_us": "us", "deliveries_s": "deliveries/s",
    "lines_s": "lines/s", "peak_big_kib": "KiB",
}


def unit_of(metric):
    if metric.startswith("pss_per_conn_"):
        return "B/conn"
    return UNITS.get(metric, "")


class Bench:
    """What every repetition needs: context, addresses, knobs."""

    def __init__(self, ctx, addrs, quick, nofile):
        self.ctx = ctx
        self.addrs = addrs
        self.nofile = nofile
        self.quick = quick
        self._serial = 0
        self._files = {}
        self._big = None

    def big(self):
        """A folder for large files: in memory when there is room."""
        if self._big is None:
            shm = "/dev/shm"
            roomy = os.access(shm, os.W_OK | os.X_OK) and \
                shutil.disk_usage(shm).free > 4 << 30
            self._big = tempfile.mkdtemp(prefix="ipcat-bench.",
                                         dir=shm if roomy else self.ctx.tmp)
        return self._big

    def file(self, *args):
        """The path of what `cmsg ARGS` prints, made once in a run."""
        if args not in self._files:
            path = f"{self.big()}/{len(self._files)}.in"
            with open(path, "wb") as out, self.start(
                    [self.ctx.tool("cmsg"), *map(str, args)],
                    stdout=out) as proc:
                proc.finish(60)
            self._files[args] = path
        return self._files[args]

    def drop_files(self):
        """Between topics, since they are large."""
        for path in self._files.values():
            os.unlink(path)
        self._files.clear()

    def close(self):
        if self._big:
            shutil.rmtree(self._big, ignore_errors=True)

    def start(self, argv, **kw):
        self._serial += 1
        return Proc(argv, f"{self.ctx.tmp}/{self._serial}.err", **kw)

    def cload(self, *args, **kw):
        return self.start([self.ctx.tool("cload"), *map(str, args)], **kw)

    def echo(self, kind, **kw):
        """A running cecho and its address."""
        addr = self.addrs.get(kind)
        proc = self.start(cand.echo_cecho(addr, self.ctx), **kw)
        wait_ready(proc, addr)
        return proc, addr

    def relay(self, make, to, **kw):
        """A running relay to `to` and its address."""
        addr = self.addrs.get(to.kind)
        proc = self.start(make(addr, to, self.ctx), **kw)
        try:
            wait_ready(proc, addr)
        except BenchError:
            proc.stop()
            raise
        return proc, addr


# throughput ------------------------------------------------------------------

def _watch_cpu(relay, blast, sink, deadline):
    """Result lines of both ends, and the most CPU seconds seen meanwhile.

    Sampled now and then, because a child that its parent does not wait for
    takes its time along when it ends.
    """
    peak, lines, end = 0.0, {}, time.monotonic() + deadline
    while len(lines) < 2:
        for key, proc in (("blast", blast), ("sink", sink)):
            if key in lines:
                continue
            try:
                lines[key] = json.loads(proc.line(0.15))
            except NoAnswer:
                if time.monotonic() > end:
                    raise
        if relay:
            peak = max(peak, relay.cpu_seconds())
    return lines["blast"], lines["sink"], peak


def throughput(kind):
    def once(name, b):
        ms = 500 if b.quick else 900
        relay, before = None, 0.0
        to = at = b.addrs.get(kind)
        with b.cload("sink", to, 1, 30) as sink:
            wait_ready(sink, to)
            try:
                if name != "direct":
                    relay, at = b.relay(cand.RELAYS[name], to)
                    before = relay.cpu_seconds()
                with b.cload("blast", at, ms) as blast:
                    sent, got, cpu = _watch_cpu(relay, blast, sink, 20)
            finally:
                if relay:
                    relay.stop()
        if sent["bytes"] != got["bytes"]:
            raise BenchError(f"sent {sent['bytes']} bytes, "
                             f"{got['bytes']} arrived")
        result = {"mb_s": got["bytes"] / got["seconds"] / 1e6}
        if relay:
            result["cpu_s_per_gb"] = (cpu - before) / (got["bytes"] / 1e9)
        return result
    return once


# latency ---------------------------------------------------------------------

def latency(kind):
    def once(name, b):
        count = 2000 if b.quick else 5000
        relay = None
        echo, at = b.echo(kind, cpu=0)
        with echo:
            try:
                if name != "direct":
                    relay, at = b.relay(cand.RELAYS[name], at, cpu=0)
                with b.cload("pingpong", at, count, 0) as load:
                    got = json.loads(load.line(30))
            finally:
                if relay:
                    relay.stop()
        return {"p50_us": got["p50_us"], "p99_us": got["p99_us"]}
    return once


# connection rate -------------------------------------------------------------

def _rate(at, b):
    with b.cload("connrate", at, 400 if b.quick else 800) as load:
        got = json.loads(load.line(20))
    if got["done"] == 0:
        raise BenchError(f"no connection was echoed, {got['errors']} errors")
    return {"conn_s": got["conn_s"], "errors": got["errors"]}


def connrate_relay(name, b):
    echo, to = b.echo("tcp")
    with echo:
        relay, at = b.relay(cand.RELAYS[name], to)
        with relay:
            return _rate(at, b)


def connrate_echo(name, b):
    at = b.addrs.get("tcp")
    with b.start(cand.ECHOES[name](at, b.ctx)) as echo:
        wait_ready(echo, at)
        return _rate(at, b)


# memory ----------------------------------------------------------------------

# how many connections a candidate is asked to hold, when not all of them:
# socat is a process per connection, ncat ends at 100 connections by default
MEMORY_LIMIT = {"socat": (2000,), "ncat": (90,)}


def _hold(name, count, b):
    make = cand.relay_ipcat_many if name == "ipcat" else cand.RELAYS[name]
    echo, to = b.echo("tcp")
    with echo:
        relay, at = b.relay(make, to)
        with relay:
            time.sleep(0.2)
            base = relay.pss_kib()[0]
            with b.cload("idle", at, count, stdin=True) as load:
                ready = int(load.line(120).split()[1])
                if ready != count:
                    raise BenchError(f"only {ready} of {count} connections")
                time.sleep(0.2)
                full = relay.pss_kib()[0]
                load.popen.stdin.close()
                load.popen.stdin = None
                load.popen.wait(timeout=30)
    return base, (full - base) * 1024 / count


def memory(name, b):
    counts = MEMORY_LIMIT.get(name, (2000,) if b.quick else (2000, 9500))
    result = {}
    for count in counts:
        if 2 * count + 200 > b.nofile:  # two descriptors a connection
            continue
        base, each = _hold(name, count, b)
        result.setdefault("base_pss_kib", base)
        result[f"pss_per_conn_{count}"] = each
    return result


# start-up --------------------------------------------------------------------

LINE = "a line of text\n"
VERSION_ARGS = {"clibc": [], "ipcat": ["--version"], "nc": ["-h"],
                "socat": ["-V"], "ncat": ["--version"]}


def _send_args(name, to):
    tcp = to.kind == "tcp"
    host = ["127.0.0.1", str(to.where)] if tcp else [to.where]
    return {
        "clibc": host,
        "ipcat": ["send", cand.url(to)],
        "nc": ["-N", *host] if tcp else ["-N", "-U", *host],
        "socat": ["-", cand.socat_connect(to)],
        "ncat": host if tcp else ["-U", *host],
    }[name]


def _runs(b):
    return 15 if b.quick else 40


def _crun(name, args, stdin, b):
    runs = _runs(b)
    argv = [b.ctx.tool("crun"), str(runs), stdin,
            cand.program(name, b.ctx), *args]
    with b.start(argv) as proc:
        got = json.loads(proc.line(60))
    if got["failed"]:
        raise BenchError(f"{got['failed']} of {runs} runs did not exit with 0")
    return {"wall_ms": got["median_us"] / 1000, "peak_kib": got["peak_kib"]}


def startup_version(name, b):
    return _crun(name, VERSION_ARGS[name], "/dev/null", b)


def startup_send(kind):
    def once(name, b):
        text = f"{b.ctx.tmp}/line"
        with open(text, "w") as f:
            f.write(LINE)
        to = b.addrs.get(kind)
        with b.cload("sink", to, 100000, 120) as sink:
            wait_ready(sink, to)
            result = _crun(name, _send_args(name, to), text, b)
            for _ in range(_runs(b)):  # each line did arrive, whole
                got = json.loads(sink.line(5))["bytes"]
                if got != len(LINE):
                    raise BenchError(f"{got} of {len(LINE)} bytes arrived")
        return result
    return once


def build(quick):
    """All topics, in the order they are run and reported."""
    relays = (*cand.RELAYS, "direct")
    rates = ("ipcat", "crelay-rw64k", "haproxy", "nginx", "socat", "ncat")
    holders = ("ipcat", "crelay-rw64k", "haproxy", "nginx", "socat", "ncat")
    reps, few, many = (3, 2, 3) if quick else (5, 4, 5)
    out = []
    for kind in ("tcp", "unix"):
        out.append(Topic(f"throughput-{kind}",
                         f"one-way relay over {kind}", relays,
                         throughput(kind), reps, "crelay-splice"))
    for kind in ("tcp", "unix"):
        out.append(Topic(f"latency-{kind}",
                         f"64-byte round trip over {kind}, all on CPU 0",
                         relays, latency(kind), many, "crelay-rw64k"))
    out.append(Topic("connrate-relay", "connections per second, relayed",
                     rates, connrate_relay, few, "haproxy"))
    out.append(Topic("connrate-echo", "connections per second, echo server",
                     tuple(cand.ECHOES), connrate_echo, few, "cecho"))
    out.append(Topic("memory", "PSS of a relay, base and per idle connection",
                     holders, memory, 1 if quick else 2, "haproxy"))
    out.append(Topic("startup-version", "start-up: print the version",
                     cand.STARTERS, startup_version, many,
                     "clibc"))
    for kind in ("tcp", "unix"):
        out.append(Topic(f"startup-send-{kind}",
                         f"start-up: send one line over {kind}",
                         cand.STARTERS, startup_send(kind), many,
                         "clibc"))
    return out
