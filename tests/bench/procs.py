"""Processes of the benchmark: start, watch, measure and end them.

Every process is the leader of a session of its own, so that its children can
be found again.  Only processes found that way are ever signalled, by pid.
Nothing here knows what is measured or why.
"""
import ctypes
import os
import resource
import select
import signal
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_live = []


class BenchError(Exception):
    """A measurement that could not be made, with the reason."""


class Skip(Exception):
    """Something that the measurement needs is not installed."""


class NoAnswer(BenchError):
    """A line that has not come yet; the process may still be at work."""


def raise_nofile():
    """Soft descriptor limit to the hard one; returns it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _stat_table():
    """{pid: (ppid, session, cpu ticks with waited-for children)}"""
    table = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as f:
                rest = f.read().rpartition(b") ")[2].split()
        except OSError:
            continue
        table[int(name)] = (int(rest[1]), int(rest[3]),
                            sum(int(v) for v in rest[11:15]))
    return table


class Proc:
    """A started command; use as a context manager or call stop()."""

    def __init__(self, argv, log, cpu=None, stdin=False, stdout=None,
                 pass_fds=()):
        """`stdin` is True for a pipe, or a file; `stdout` a file instead of
        the pipe that line() reads."""
        self.name = os.path.basename(argv[0])
        self.log = log
        self._out = b""

        def in_child():
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if cpu is not None:
                os.sched_setaffinity(0, {cpu})

        with open(log, "wb") as err:
            self.popen = subprocess.Popen(
                argv, stderr=err, pass_fds=pass_fds,
                stdout=subprocess.PIPE if stdout is None else stdout,
                stdin=subprocess.PIPE if stdin is True
                else stdin or subprocess.DEVNULL,
                start_new_session=True, preexec_fn=in_child)
        self.pid = self.popen.pid
        _live.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()

    def complaint(self):
        """The last two lines that it wrote to stderr, for reports."""
        try:
            with open(self.log, "r", errors="replace") as f:
                lines = [l.strip() for l in f if l.strip()]
        except OSError:
            lines = []
        return " | ".join(lines[-2:])[:240] if lines \
            else "nothing on stderr"

    def line(self, timeout):
        """The next line of stdout, or BenchError."""
        end = time.monotonic() + timeout
        fd = self.popen.stdout.fileno()
        while b"\n" not in self._out:
            left = end - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                raise NoAnswer(f"{self.name}: no answer in {timeout:g} s "
                               f"({self.complaint()})")
            data = os.read(fd, 65536)
            if not data:
                raise BenchError(f"{self.name}: ended ({self.complaint()})")
            self._out += data
        line, _, self._out = self._out.partition(b"\n")
        return line.decode()

    def finish(self, timeout):
        """Wait for exit status 0, or BenchError."""
        pidfd = os.pidfd_open(self.pid)  # wait(timeout) would poll
        try:
            if not select.select([pidfd], [], [], timeout)[0]:
                raise NoAnswer(f"{self.name}: not done in {timeout:g} s "
                               f"({self.complaint()})")
        finally:
            os.close(pidfd)
        status = self.popen.wait()
        if status != 0:
            raise BenchError(f"{self.name}: exit status {status} "
                             f"({self.complaint()})")

    def stderr(self):
        with open(self.log, "r", errors="replace") as f:
            return f.read()

    def members(self):
        """{pid: cpu ticks} of the command and everything it started."""
        table = _stat_table()
        found = {p for p, v in table.items() if v[1] == self.pid}
        if self.pid in table:
            found.add(self.pid)
        grown = True
        while grown:
            more = {p for p, v in table.items() if v[0] in found} - found
            found |= more
            grown = bool(more)
        return {p: table[p][2] for p in found}

    def cpu_seconds(self):
        return sum(self.members().values()) / TICKS

    def pss_kib(self):
        """(sum of PSS in KiB, number of processes)"""
        total = count = 0
        for pid in self.members():
            try:
                with open(f"/proc/{pid}/smaps_rollup") as f:
                    text = f.read()
            except OSError:
                continue
            for line in text.splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
                    count += 1
        if count == 0:
            raise BenchError(f"{self.name}: no smaps_rollup to read")
        return total, count

    def _signal(self, sig):
        for pid in self.members():
            try:
                os.kill(pid, sig)
            except ProcessLookupError:
                pass

    def _gone(self, timeout):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if self.popen.poll() is not None and not self.members():
                return True
            time.sleep(0.01)
        return False

    def stop(self):
        """TERM twice (the first may drain), then KILL; bounded."""
        if self not in _live:
            return
        _live.remove(self)
        for sig, wait in ((signal.SIGTERM, 0.5), (signal.SIGTERM, 1.0),
                          (signal.SIGKILL, 5.0)):
            self._signal(sig)
            if self._gone(wait):
                break
        for stream in (self.popen.stdin, self.popen.stdout):
            if stream:
                stream.close()


def stop_all():
    for proc in list(_live):
        proc.stop()


class Addr:
    """A place to listen: a TCP port on 127.0.0.1 or a unix socket path."""

    def __init__(self, kind, where):
        self.kind = kind
        self.where = where

    def __str__(self):
        if self.kind == "tcp":
            return f"tcp:127.0.0.1:{self.where}"
        return f"unix:{self.where}"

    def connect(self):
        if self.kind == "tcp":
            s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            where = ("127.0.0.1", self.where)
        else:
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            where = self.where
        with s:
            s.settimeout(1.0)
            s.connect(where)


class AddrSource:
    """Fresh addresses: each is given out once in a run.

    Ports are taken below the ephemeral range, so that no outgoing connection
    of the benchmark can sit on one that is about to be listened on.
    """

    def __init__(self, tmp):
        self._tmp = tmp
        self._serial = 0
        with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
            low = int(f.read().split()[0])
        self._ports = (10000, low) if low > 12000 else (61000, 65535)
        self._port = self._ports[0] + os.getpid() % 5000

    def get(self, kind):
        self._serial += 1
        if kind == "unix":
            return Addr(kind, os.path.join(self._tmp, f"s{self._serial}"))
        for _ in range(2000):
            self._port += 1
            if self._port >= self._ports[1]:
                self._port = self._ports[0]
            with socket.socket() as s:
                try:
                    s.bind(("127.0.0.1", self._port))
                except OSError:
                    continue
            return Addr(kind, self._port)
        raise BenchError("no free port")


def wait_ready(proc, addr, timeout=3.0):
    """Connect until it works; then let the probe connection go away."""
    end = time.monotonic() + timeout
    while True:
        try:
            addr.connect()
            break
        except OSError as e:
            if proc.popen.poll() is not None:
                raise BenchError(f"{proc.name}: ended with "
                                 f"{proc.popen.returncode} "
                                 f"({proc.complaint()})") from e
            if time.monotonic() > end:
                raise BenchError(f"{proc.name}: not listening after "
                                 f"{timeout:.0f} s ({proc.complaint()})") \
                    from e
            time.sleep(0.01)
    time.sleep(0.05)
