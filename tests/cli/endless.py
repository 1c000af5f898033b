"""Feeds a document without an end, for codec.bats.

    endless.py PEAK_KIB FIRST UNIT MIB CMD...

Writes FIRST, then UNIT again and again (both in hexadecimal) to the standard
input of CMD: MIB of it, or until CMD ends.  Its output goes where ours goes;
the exit status is that of CMD, or 99 when it ever had more memory than
PEAK_KIB.
"""
import resource
import subprocess
import sys


def main():
    peak, mib = int(sys.argv[1]), int(sys.argv[4])
    first, unit = (bytes.fromhex(a) for a in sys.argv[2:4])
    block = unit * (65536 // len(unit))
    child = subprocess.Popen(sys.argv[5:], stdin=subprocess.PIPE)
    try:
        child.stdin.write(first)
        for _ in range((mib << 20) // len(block)):
            child.stdin.write(block)
        child.stdin.close()
    except BrokenPipeError:
        pass
    status = child.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    if used > peak:
        print(f"{used} KiB, more than {peak}", file=sys.stderr)
        return 99
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
