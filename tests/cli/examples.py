"""Takes the examples out of a page, for docs.bats.

    examples.py PAGE DIR

PAGE is a man page or README.md.  An example is a literal block with a line
before it that says how it is run:

    .\\" test: GROUP HOW [ARG...]        in a man page
    <!-- test: GROUP HOW [ARG...] -->   in README.md, before a ``` block

HOW is `run` (to its end, status 0), `serve` (in the background, ended by a
signal after the group) or `bg` (in the background, ends by itself).  A line
that begins with `$ ` is a command, continued by a backslash; other lines are
what it prints.  A block without such a line before it is an error within
EXAMPLES, and in README.md when it has a command.

Writes, for each group, in order, DIR/GROUP/ with

    ports           lines `9000 NUMBER`: each four-digit port and a free one
    NN.HOW          the commands
    NN.args         the arguments, one a line
    NN.out          what is printed; empty: anything

and the names of the groups to stdout.  Ports, /run, /tmp, /var/log, /dev/tty
and abstract names are replaced so that they lie in DIR/GROUP.
"""
import os
import re
import socket
import sys

MARK = re.compile(r'^(?:\.\\"|<!--) test: (.*?)(?: -->)?$')
ESCAPES = {r"\e": "\\", r"\-": "-", r"\(aq": "'", r"\(ga": "`",
           r"\(ha": "^", r"\(ti": "~", r"\(dq": '"', r"\&": ""}


def troff_text(line):
    return re.sub(r"\\(?:\(..|.)", lambda m: ESCAPES[m.group()], line)


def blocks(path):
    """(line number, mark or None, lines) of every literal example block."""
    mark, body, examples = None, None, path.endswith(".md")
    begin, end = ("```", "```") if examples else (".Bd -literal", ".Ed")
    for n, line in enumerate(open(path, encoding="utf-8"), 1):
        line = line.rstrip("\n")
        found = MARK.match(line)
        if body is not None:
            if line == end:
                yield n, mark, body
                mark, body = None, None
            else:
                body.append(line if path.endswith(".md")
                            else troff_text(line))
        elif found:
            mark = found.group(1).split()
        elif line.startswith(".Sh "):
            examples = line == ".Sh EXAMPLES"
        elif line.startswith(begin) and (examples or mark):
            body = []


def split(lines):
    """Commands and what they print."""
    commands, out, more = [], [], False
    for line in lines:
        if more or line.startswith("$ "):
            commands.append(line if more else line[2:])
            more = line.endswith("\\")
        else:
            out.append(line)
    return commands, out


class Group:
    def __init__(self, where):
        self.dir = where
        self.steps = 0
        self.ports = {}
        for sub in ("run", "tmp", "var/log", "dev"):
            os.makedirs(os.path.join(where, sub))

    def port(self, match):
        name = match.group()
        if name not in self.ports:
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("127.0.0.1", 0))
                self.ports[name] = str(s.getsockname()[1])
        return self.ports[name]

    def place(self, text):
        text = re.sub(r"(?<=[:=])[1-9][0-9]{3}\b", self.port, text)
        text = re.sub(r"(?<![\w.-])/(?=(run|tmp|var/log)/|dev/ttyUSB)",
                      self.dir + "/", text)
        return re.sub(r"@ipcat-example", "@ipcat-%d" % os.getpid(), text)

    def write(self, name, lines):
        with open(os.path.join(self.dir, name), "w") as f:
            f.writelines(line + "\n" for line in lines)

    def step(self, how, args, lines):
        commands, out = split(lines)
        self.steps += 1
        name = "%02d" % self.steps
        self.write(name + "." + how, [self.place(c) for c in commands])
        self.write(name + ".args", [self.place(a) for a in args])
        self.write(name + ".out", [self.place(o) for o in out])
        self.write("ports", ["%s %s" % p for p in self.ports.items()])
        return commands


def main(page, where):
    groups = {}
    for n, mark, lines in blocks(page):
        if mark is None and not any(s.startswith("$ ") for s in lines) \
                and page.endswith(".md"):
            continue
        if mark is None or len(mark) < 2 or \
                mark[1] not in ("run", "serve", "bg"):
            sys.exit("%s:%d: this example is not tested" % (page, n))
        if mark[0] not in groups:
            groups[mark[0]] = Group(os.path.join(where, mark[0]))
        if not groups[mark[0]].step(mark[1], mark[2:], lines):
            sys.exit("%s:%d: no command in this example" % (page, n))
    print("\n".join(groups))


main(*sys.argv[1:])
