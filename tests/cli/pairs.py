#!/usr/bin/python3
"""Every bridge: messages of every size from each kind of place to each other.

    pairs.py IPCAT FOLDER FROM...

FROM is what feeds the bridge (a word of KINDS), or `all`.  For each TO one
`ipcat relay FROM TO` runs between a feeder and a collector that are not
ipcat.  All sizes go in one run; message i of N bytes is always the same, so
that the collector can say of each message what became of it: it arrived
whole and in order, or the bridge named it as one that TO cannot carry.
Nothing else is right.  Exits 1 and prints a line for each pair that is not.
"""
import concurrent.futures
import errno
import hashlib
import os
import re
import select
import socket
import struct
import subprocess
import sys
import threading
import time

SIZES = [0, 1, 125, 126, 127, 255, 256, 65535, 65536, 65537, 1 << 20, 3]
DEADLINE = 60
PAUSE = threading.Event()         # never set
CHUNK = 256
UDP_MOST, GRAM_MOST = 65507, 1 << 20


def payload(i, size):
    """No byte that a delimiter has; JSON, where it is long enough."""
    if size < 2:
        return b"7" * size
    word = hashlib.md5(b"%d.%d" % (i, size)).hexdigest().encode()
    return b'"' + (word * (size // len(word) + 1))[:size - 2] + b'"'


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


WRAP = {
    "line": lambda m: m + b"\n",
    "nul": lambda m: m + b"\0",
    "delim:--": lambda m: m + b"--",
    "len16": lambda m: struct.pack(">H", len(m)) + m,
    "len32": lambda m: struct.pack(">I", len(m)) + m,
    "len32le": lambda m: struct.pack("<I", len(m)) + m,
    "varint": lambda m: varint(len(m)) + m,
    "netstring": lambda m: b"%d:%s," % (len(m), m),
    "json": lambda m: m + b"\n",
    "chunk:%d" % CHUNK: lambda m: m,
}
FRAMINGS = list(WRAP)

# Where the frames are when it is not the framing that is tried.
PLACES = ["udp", "unixgram", "unixpacket", "tcp", "unix", "file", "exec"]
KINDS = FRAMINGS + PLACES


def framing_of(kind):
    return kind if kind in WRAP else "len32"


def carries(kind, m):
    """Can a message of this kind be m?"""
    if kind == "udp":
        return len(m) <= UDP_MOST
    if kind == "len16":
        return len(m) <= 65535
    if kind == "json":
        return len(m) > 0
    if kind.startswith("chunk"):
        return 0 < len(m) <= CHUNK
    return len(m) <= GRAM_MOST or kind not in ("unixgram", "unixpacket")


def can_pass(kind, m):
    """The bytes of a chunk: a stream without boundaries takes any message."""
    return True if kind.startswith("chunk") else carries(kind, m)


def messages(kind, to):
    """What FROM is fed with, by index."""
    out = [(i, payload(i, n)) for i, n in enumerate(SIZES)]
    if kind.startswith("chunk"):        # whole chunks, and a shorter last
        return [(i, payload(i, n)) for i, n in enumerate([CHUNK] * 7 + [9])]
    if kind == "line" and to == "line":  # a zero byte passes between lines
        out.append((len(out), b"a\0b"))
    if to in ("line", "nul", "delim:--") and kind not in WRAP \
            or kind.startswith(("len", "varint", "net")):
        bad = {"line": b"a\nb", "nul": b"a\0b", "delim:--": b"a--b"}
        if to in bad:
            out.append((len(out), bad[to]))
    if to == "json" and kind != "json":
        out.append((len(out), b"{no json"))
    return [(i, m) for i, m in out if carries(kind, m)]


def expected(msgs, to):
    """What arrives, and which (numbered from 1) cannot."""
    bad = {"line": b"\n", "nul": b"\0", "delim:--": b"--"}.get(to)
    good, wrong = [], []
    for n, (_, m) in enumerate(msgs, 1):
        if not can_pass(to, m) or (bad and bad in m) or \
                (to == "json" and m.startswith(b"{")):
            wrong.append(n)
        else:
            good.append(m)
    return good, wrong


# --- the bridge and what is around it -----------------------------------------

def wait_for(what, seconds=DEADLINE):
    end = time.monotonic() + seconds
    while True:
        got = what()
        if got:
            return got
        if time.monotonic() > end:
            raise RuntimeError("not within %d s" % seconds)
        PAUSE.wait(0.002)


class Collector:
    """Takes all that arrives: a byte string, or a list of messages."""

    def __init__(self, kind, folder):
        self.kind, self.sock, self.data = kind, None, []
        self.path = os.path.join(folder, "to")
        if kind == "udp":
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            self.sock.bind(("127.0.0.1", 0))
            self.endpoint = "udp://127.0.0.1:%d" % self.sock.getsockname()[1]
        elif kind in ("unixgram", "unixpacket"):
            self.sock = socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM if kind == "unixgram" else
                socket.SOCK_SEQPACKET)
            self.sock.bind(self.path)
            self.endpoint = "%s:%s?sndbuf=4M" % (kind, self.path)
        elif kind == "unix":
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.bind(self.path)
            self.endpoint = "unix:" + self.path
        elif kind == "file":
            self.endpoint = "file:%s?append" % self.path
        elif kind == "exec":
            self.endpoint = "sh:cat >" + self.path
        else:
            self.sock = socket.socket()
            self.sock.bind(("127.0.0.1", 0))
            self.endpoint = "tcp://127.0.0.1:%d" % self.sock.getsockname()[1]
        if self.sock and kind not in ("udp", "unixgram"):
            self.sock.listen(1)

    def collect(self, n, over):
        """n messages are expected of who cannot say that it ended."""
        s = self.sock
        if s is None:
            wait_for(over)
            if not os.path.exists(self.path):
                return b""
            with open(self.path, "rb") as f:
                return f.read()
        s.settimeout(DEADLINE)
        if self.kind in ("udp", "unixgram"):
            while len(self.data) < n:
                self.data.append(s.recv(1 << 21))
            wait_for(over)
            while select.select([s], [], [], 0)[0]:
                self.data.append(s.recv(1 << 21))
            return self.data
        while not select.select([s], [], [], 0.05)[0]:
            if over():
                return [] if self.kind == "unixpacket" else b""
        c = s.accept()[0]
        c.settimeout(DEADLINE)
        if self.kind == "unixpacket":
            # Empty messages look like the end: credentials tell.
            c.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            while True:
                data, anc, _, _ = c.recvmsg(1 << 21, 64)
                if not data and not anc:
                    break
                self.data.append(data)
        else:
            while True:
                data = c.recv(1 << 18)
                if not data:
                    break
                self.data.append(data)
            self.data = b"".join(self.data)
        c.close()
        return self.data

    def close(self):
        if self.sock:
            self.sock.close()


def source(kind, folder, data):
    """FROM as it is written, and whether ipcat binds it."""
    path = os.path.join(folder, "from")
    if kind == "udp":
        return "udp://127.0.0.1:0?rcvbuf=1M", True
    if kind in ("unixgram", "unixpacket", "unix"):
        return "%s:%s" % (kind, path), True
    if kind in ("file", "exec"):
        with open(path, "wb") as f:
            f.write(data)
        return (("file:" if kind == "file" else "sh:cat ") + path), False
    return "tcp://127.0.0.1:0", True


def feed(kind, endpoint, msgs):
    where = endpoint.split(":", 1)[1]
    if kind == "udp":
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        s.connect(("127.0.0.1", int(where.rsplit(":", 1)[1])))
    elif kind in ("unixgram", "unixpacket"):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM
                          if kind == "unixgram" else socket.SOCK_SEQPACKET)
        for name in (socket.SO_SNDBUF, 32):     # 32: SO_SNDBUFFORCE
            try:
                s.setsockopt(socket.SOL_SOCKET, name, 3 << 20)
            except PermissionError:
                pass
        s.connect(where.replace("//", "", 1))
    elif kind == "unix":
        s = socket.socket(socket.AF_UNIX)
        s.connect(where.replace("//", "", 1))
    else:
        s = socket.create_connection(("127.0.0.1",
                                      int(where.rsplit(":", 1)[1])))
    s.settimeout(DEADLINE)
    if kind in ("udp", "unixgram", "unixpacket"):
        for _, m in msgs:
            s.send(m)
    else:
        s.sendall(b"".join(WRAP[framing_of(kind)](m) for _, m in msgs))
    if kind not in ("udp", "unixgram"):
        try:
            s.shutdown(socket.SHUT_WR)
        except OSError as e:
            if e.errno != errno.ENOTCONN:       # it had enough and went
                raise
    return s


def most_of(kind, folder):
    """The longest message that the system lets a unix socket send."""
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    most = a.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) - 32
    a.close()
    b.close()
    return most


def fits(kind, m, most):
    return kind not in ("unixgram", "unixpacket") or len(m) <= most


def bridge(ipcat, folder, kind, to):
    os.mkdir(folder)
    most = most_of(kind, folder)
    forced = os.geteuid() == 0
    msgs = [(i, m) for i, m in messages(kind, to)
            if forced or fits(kind, m, most)]
    good, wrong = expected(msgs, to)
    late = [n for n, (_, m) in enumerate(msgs, 1)
            if n not in wrong and not fits(to, m, most)]
    good = [m for n, (_, m) in enumerate(msgs, 1)
            if n not in wrong and n not in late]
    wrong += late
    data = b"".join(WRAP[framing_of(kind)](m) for _, m in msgs)
    col = Collector(to, folder)
    frm, binds = source(kind, folder, data)
    argv = [ipcat, "relay", "--ready-fd", "9",
            "--from-pipe", "frame:" + framing_of(kind),
            "--to-pipe", "frame:" + framing_of(to),
            "--on-error", "skip", "--number", str(len(msgs)),
            "--timeout", "%ds" % DEADLINE, frm, col.endpoint]
    ready = os.path.join(folder, "ready")
    err = os.path.join(folder, "err")
    with open(ready, "wb") as r, open(err, "wb") as e:
        p = subprocess.Popen(["/bin/sh", "-c", 'exec "$@" 9>"$0"', ready] +
                             argv, stdin=subprocess.DEVNULL, stderr=e)
    try:
        client = None
        if binds:
            def is_ready():
                if p.poll() is not None:
                    raise RuntimeError("ended at once")
                with open(ready) as f:
                    text = f.read()
                return text if text.endswith("\n") else None
            # At once with the collecting: buffers do not hold it all.
            feeder = concurrent.futures.ThreadPoolExecutor(1)
            client = feeder.submit(feed, kind, wait_for(is_ready).split()[0],
                                   msgs)
            feeder.shutdown(wait=False)
        got = col.collect(len(good), lambda: p.poll() is not None)
        code = p.wait(DEADLINE)
        if client:
            client.result().close()
    finally:
        if p.poll() is None:
            p.kill()
        p.wait()
        col.close()
    with open(err, "rb") as f:
        said = f.read().decode()
    return judge(to, msgs, good, wrong, got, code, said)


def judge(to, msgs, good, wrong, got, code, said):
    named = {int(n) for n in re.findall(r"message (\d+)[: ]", said)}
    if code != (3 if wrong else 0):
        return "exit %d: %s" % (code, said)
    if named != set(wrong):
        return "named %s, not %s: %s" % (sorted(named), sorted(wrong), said)
    if to in ("udp", "unixgram", "unixpacket"):
        want = good
    else:
        want = b"".join(WRAP[framing_of(to)](m) for m in good)
    if got == want:
        return None
    if isinstance(want, list):
        return "lengths %s instead of %s: %s" % (
            [len(m) for m in got], [len(m) for m in want], said)
    at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b),
              min(len(got), len(want)))
    return "%d bytes instead of %d, differ at %d: %r instead of %r: %s" % (
        len(got), len(want), at, got[at:at + 20], want[at:at + 20], said)


def main(ipcat, folder, *kinds):
    kinds = KINDS if kinds == ("all",) else kinds
    pairs = [(a, b) for a in kinds for b in KINDS]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        jobs = [(pool.submit(bridge, ipcat, "%s/%d" % (folder, i), a, b), a,
                 b) for i, (a, b) in enumerate(pairs)]
        for job, a, b in jobs:
            try:
                why = job.result()
            except (RuntimeError, OSError,
                    subprocess.TimeoutExpired) as e:
                why = repr(e)
            if why:
                failed += 1
                print("# %s to %s: %s" % (a, b, why), file=sys.stderr)
    return failed > 0


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
