#!/usr/bin/python3
"""A foreign end of messages: asks or answers by a script, without ipcat.

    service.py ROLE ADDRESS FRAMING STEP...

ROLE is `listen` (prints its address once it listens, then serves the first
client) or `connect`.  ADDRESS is PORT, HOST:PORT, unix:PATH or
unixpacket:PATH; port 0 picks one.  FRAMING is line, nul, len32, netstring, or
packet where the socket keeps boundaries.  A step is one of

    log:FILE        append each message that is taken from now on, as a line
    take:N          take N messages; the end before that is a failure
    take:all        take until the other side ends
    say:TEXT        one message
    burst:N:TEXT    N messages, with 1, 2, ... for each # of TEXT
    reply[:K[:M]]   answer what was taken, in order: K replies each [1], then M
    forget          answer none of what was taken
    reverse         the same, one reply each, the newest first
    shuffle         the same in an order that only looks random
    echo            answer one by one, until the other side ends
    bounded:N       as echo, but only when nothing more comes for a moment; more
                    than N at once, or never N, is a failure
    cut:TEXT        TEXT without a frame around it
    shut            end our sending direction
    close           close the connection
    rst             reset it
    kill            SIGKILL to ourselves
    next            serve the next client
    gone            listen no more
    wait:PATH       until PATH exists
    touch:PATH      create PATH
    idle            until the other side ends or resets

The answer to TEXT is re:TEXT; a JSON object is answered with one that has the
same "id".  The exit code is 0 unless a step failed, which is said on stderr.
"""
import json
import os
import select
import signal
import socket
import struct
import sys
import threading

PAUSE = threading.Event()
MOMENT = 200
DELIMITER = {"line": b"\n", "nul": b"\0"}


def fail(text):
    sys.exit("service: " + text)


def address(text):
    kind, _, path = text.partition(":")
    if kind in ("unix", "unixpacket"):
        return (socket.AF_UNIX, socket.SOCK_STREAM if kind == "unix" else
                socket.SOCK_SEQPACKET, path.replace("@", "\0", 1))
    host, _, port = text.rpartition(":")
    return socket.AF_INET, socket.SOCK_STREAM, (host or "127.0.0.1", int(port))


def wrap(framing, msg):
    if framing == "packet":
        return msg
    if framing == "len32":
        return struct.pack(">I", len(msg)) + msg
    if framing == "netstring":
        return b"%d:%s," % (len(msg), msg)
    return msg + DELIMITER[framing]


def unwrap(framing, buf):
    """The first message of buf and what follows it, or None."""
    if framing in DELIMITER:
        head, found, rest = buf.partition(DELIMITER[framing])
        return (head, rest) if found else None
    if framing == "len32":
        if len(buf) < 4:
            return None
        begin, end, skip = 4, 4 + struct.unpack(">I", buf[:4])[0], 0
    else:
        size, found, _ = buf.partition(b":")
        if not found:
            return None
        begin, end, skip = len(size) + 1, len(size) + 1 + int(size), 1
    if len(buf) < end + skip:
        return None
    return buf[begin:end], buf[end + skip:]


def answer(msg, i=None):
    if msg.startswith(b"{"):
        return json.dumps({"re": True, "id": json.loads(msg)["id"]}).encode()
    return b"re:" + msg + (b"" if i is None else b".%d" % i)


class Service:
    def __init__(self, role, where, framing):
        self.framing, self.log, self.todo = framing, None, []
        self.family, self.type, self.where = address(where)
        self.listener = None
        if role == "listen":
            self.listen()
        else:
            self.sock = socket.socket(self.family, self.type)
            self.sock.connect(self.where)
            self.buf = b""

    def listen(self):
        s = self.listener = socket.socket(self.family, self.type)
        if self.family == socket.AF_INET:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(self.where)
        s.listen(16)
        print(s.getsockname()[1] if self.family == socket.AF_INET else
              self.where, flush=True)
        self.accept()

    def accept(self):
        self.sock = self.listener.accept()[0]
        self.buf, self.todo = b"", []

    def message(self):
        """The next message, or None at the end."""
        while True:
            if self.framing == "packet":
                data = self.sock.recv(1 << 20)
                return data or None
            one = unwrap(self.framing, self.buf)
            if one is not None:
                self.buf = one[1]
                return one[0]
            data = self.sock.recv(1 << 16)
            if not data:
                if self.buf:
                    fail("cut off after %r" % self.buf[:40])
                return None
            self.buf += data

    def take(self):
        msg = self.message()
        if msg is None:
            return False
        if self.log is not None:
            self.log.write(msg + b"\n")
        self.todo.append(msg)
        return True

    def say(self, msg):
        self.sock.sendall(wrap(self.framing, msg))

    def answer_all(self, order=None, times=1, mark=None):
        for msg in order or self.todo:
            for i in range(times):
                self.say(answer(msg, i + 1 if times > 1 else None))
            if mark is not None:
                self.say(mark.encode())
        self.todo = []

    def more(self):
        """Something comes within a moment."""
        if unwrap(self.framing, self.buf) is not None:
            return True
        p = select.poll()
        p.register(self.sock, select.POLLIN)
        return bool(p.poll(MOMENT))

    def bounded(self, limit):
        most = 0
        while self.take():
            while len(self.todo) <= limit and self.more() and self.take():
                pass
            most = max(most, len(self.todo))
            if most > limit:
                fail("%d at once instead of %d" % (most, limit))
            self.answer_all()
        if most < limit:
            fail("never %d at once, but %d" % (limit, most))

    def step(self, verb, arg):
        if verb == "log":
            self.log = open(arg, "ab", 0)
        elif verb == "take":
            n = 0
            while (arg == "all" or n < int(arg)) and self.take():
                n += 1
            if arg != "all" and n < int(arg):
                fail("the end after %d messages of %s" % (n, arg))
        elif verb == "say":
            self.say(arg.encode())
        elif verb == "burst":
            n, _, text = arg.partition(":")
            for i in range(int(n)):
                self.say(text.replace("#", str(i + 1)).encode())
        elif verb == "reply":
            times, _, mark = arg.partition(":")
            self.answer_all(None, int(times or 1),
                            mark if ":" in arg else None)
        elif verb == "forget":
            self.todo = []
        elif verb == "reverse":
            self.answer_all(self.todo[::-1])
        elif verb == "shuffle":
            n = len(self.todo)
            step = next(k for k in range(n * 5 // 8 + 1, 2 * n + 3)
                        if coprime(k, n))
            self.answer_all([self.todo[i * step % n] for i in range(n)])
        elif verb == "echo":
            while self.take():
                self.answer_all()
        elif verb == "bounded":
            self.bounded(int(arg))
        elif verb == "cut":
            self.sock.sendall(arg.encode())
        elif verb == "shut":
            self.sock.shutdown(socket.SHUT_WR)
        elif verb == "close":
            self.sock.close()
        elif verb == "rst":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 struct.pack("ii", 1, 0))
            self.sock.close()
        elif verb == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif verb == "next":
            self.accept()
        elif verb == "gone":
            self.listener.close()
        elif verb == "wait":
            while not os.path.exists(arg):
                PAUSE.wait(0.02)
        elif verb == "touch":
            open(arg, "w").close()
        elif verb == "idle":
            p = select.poll()
            p.register(self.sock, select.POLLRDHUP)
            p.poll()
        else:
            fail("unknown step " + verb)


def coprime(a, b):
    while b:
        a, b = b, a % b
    return a == 1


def main(role, where, framing, *steps):
    s = Service(role, where, framing)
    for text in steps:
        verb, _, arg = text.partition(":")
        s.step(verb, arg)


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] not in ("listen", "connect"):
        sys.exit(__doc__)
    main(*sys.argv[1:])
