"""The programs that are compared, and how each is told to do the same job.

A relay candidate is a function (frm, to, ctx) -> argv, an echo candidate
(frm, ctx) -> argv.  haproxy and nginx get a configuration file written to the
temporary folder.  Default options, except where a comment says otherwise.
"""
import os
import shutil


class Context:
    """Where things are: programs built by us, ipcat, the temporary folder."""

    def __init__(self, build, ipcat, ipcat_opts, tmp):
        self.build = build
        self.ipcat = ipcat
        self.ipcat_opts = ipcat_opts
        self.tmp = tmp
        self.serial = 0

    def tool(self, name):
        return os.path.join(self.build, name)

    def config(self, name, text):
        self.serial += 1
        path = os.path.join(self.tmp, f"{name}{self.serial}.cfg")
        with open(path, "w") as f:
            f.write(text)
        return path


def _which(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") +
                        ":/usr/sbin:/sbin")
    return path or name


# ipcat ---------------------------------------------------------------------

def url(a):
    return f"tcp://127.0.0.1:{a.where}" if a.kind == "tcp" \
        else f"unix://{a.where}"


def relay_ipcat(frm, to, ctx):
    return [ctx.ipcat, "relay", *ctx.ipcat_opts, url(frm), url(to)]


def relay_ipcat_many(frm, to, ctx):
    return [ctx.ipcat, "relay", "--max-conn", "10000", *ctx.ipcat_opts,
            url(frm), url(to)]


def echo_ipcat(frm, ctx):
    return [ctx.ipcat, "listen", "-k", "--echo", "--max-conn", "10000",
            *ctx.ipcat_opts, url(frm)]


# socat: backlog 1024, because with its 5 lost SYNs would be measured ---------

def _socat_listen(a):
    if a.kind == "tcp":
        return (f"TCP4-LISTEN:{a.where},bind=127.0.0.1,fork,reuseaddr,"
                "backlog=1024")
    return f"UNIX-LISTEN:{a.where},fork,backlog=1024"


def socat_connect(a):
    return f"TCP4:127.0.0.1:{a.where}" if a.kind == "tcp" \
        else f"UNIX-CONNECT:{a.where}"


def relay_socat(frm, to, _ctx):
    return [_which("socat"), _socat_listen(frm), socat_connect(to)]


def relay_socat256k(frm, to, _ctx):
    return [_which("socat"), "-b", "262144", _socat_listen(frm),
            socat_connect(to)]


def echo_socat(frm, _ctx):
    return [_which("socat"), _socat_listen(frm), "PIPE"]


# ncat ------------------------------------------------------------------------

def relay_ncat(frm, to, _ctx):
    ncat = _which("ncat")
    dial = f"127.0.0.1 {to.where}" if to.kind == "tcp" else f"-U {to.where}"
    bind = ["127.0.0.1", str(frm.where)] if frm.kind == "tcp" \
        else ["-U", frm.where]
    return [ncat, "-l", "-k", "--sh-exec", f"exec {ncat} {dial}", *bind]


# haproxy: 9,700 connections fit 20,000 descriptors; with splice, which counts
# pipes as well, only fewer do, and none of its topics needs more --------------

def _haproxy(frm, to, ctx, options, maxconn):
    def at(a):
        return f"127.0.0.1:{a.where}" if a.kind == "tcp" else f"unix@{a.where}"

    cfg = ctx.config("haproxy", f"""\
global
    nbthread 1
    maxconn {maxconn}
defaults
    mode tcp
    timeout connect 5s
    timeout client 120s
    timeout server 120s
{options}
listen bench
    bind {at(frm)}
    server peer {at(to)}
""")
    return [_which("haproxy"), "-db", "-f", cfg]


def relay_haproxy(frm, to, ctx):
    return _haproxy(frm, to, ctx, "", 9700)


def relay_haproxy_splice(frm, to, ctx):
    return _haproxy(frm, to, ctx, "    option splice-auto\n"
                    "    option splice-request\n    option splice-response",
                    2000)


# nginx: one worker; user root, or the worker may not open our unix sockets ---

NGINX_STREAM = ("/usr/lib/nginx/modules/ngx_stream_module.so",
                "/usr/lib64/nginx/modules/ngx_stream_module.so")


def relay_nginx(frm, to, ctx):
    def at(a):
        return f"127.0.0.1:{a.where}" if a.kind == "tcp" else f"unix:{a.where}"

    module = next((m for m in NGINX_STREAM if os.path.exists(m)), None)
    load = f"load_module {module};" if module else ""
    user = "user root;" if os.geteuid() == 0 else ""
    cfg = ctx.config("nginx", f"""\
{load}
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {ctx.tmp}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 19900; }}
stream {{
    server {{
        listen {at(frm)};
        proxy_pass {at(to)};
        proxy_half_close on;
    }}
}}
""")
    return [_which("nginx"), "-p", ctx.tmp, "-e", "stderr", "-c", cfg]


# our own references ----------------------------------------------------------

def _crelay(mode):
    def argv(frm, to, ctx):
        return [ctx.tool("crelay"), mode, str(frm), str(to)]
    return argv


def echo_cecho(frm, ctx):
    return [ctx.tool("cecho"), str(frm)]


RELAYS = {
    "crelay-splice": _crelay("splice"),
    "crelay-rw64k": _crelay("rw64k"),
    "crelay-rw256k": _crelay("rw256k"),
    "ipcat": relay_ipcat,
    "socat": relay_socat,
    "socat256k": relay_socat256k,
    "ncat": relay_ncat,
    "haproxy": relay_haproxy,
    "haproxy-splice": relay_haproxy_splice,
    "nginx": relay_nginx,
}
ECHOES = {"cecho": echo_cecho, "ipcat": echo_ipcat, "socat": echo_socat}

# messages (topics_messages.py and topics_fanout.py say how they are run) ------

def broker_mosquitto(at, ctx):
    """No limit on queues, so that QoS 0 drops nothing."""
    where = f"{at.where} 127.0.0.1" if at.kind == "tcp" else f"0 {at.where}"
    user = "user root" if os.geteuid() == 0 else ""
    cfg = ctx.config("mosquitto", f"""\
{user}
listener {where}
allow_anonymous true
persistence false
max_queued_messages 0
set_tcp_nodelay true
log_type error
""")
    return [_which("mosquitto"), "-c", cfg]


MESSAGES = ("ipcat", "ipcat-len32", "ipcat-pipe", "c-feed", "c-batch",
            "c-each", "zmq", "nng")
REQREP = ("cecho", "ipcat", "ipcat-reply", "ipcat-bytes", "ipcat-request",
          "zmq", "nng")
FANOUT = ("ipcat", "cfan", "mosquitto")
CONVERT = ("ipcat", "jq", "jansson")

# start-up: name -> the program; the arguments are in topics.py
STARTERS = ("clibc", "ipcat", "nc", "socat", "ncat")

ALL = tuple(dict.fromkeys((*RELAYS, "direct", *ECHOES, *STARTERS, *MESSAGES,
                           *REQREP, *FANOUT, *CONVERT)))

# ours: candidate -> the program, and the library it may have been built with
TOOLS = {
    "direct": ("cload", ""), "cecho": ("cecho", ""), "clibc": ("clibc", ""),
    "c-feed": ("cmsg", ""), "c-batch": ("cmsg", ""),
    "c-each": ("cmsg", ""), "cfan": ("cfan", ""),
    "zmq": ("cpair-zmq", "libzmq3-dev"), "nng": ("cpair-nng", "libnng-dev"),
    "jansson": ("cjansson", "libjansson-dev and libmsgpack-dev"),
}


def program(name, ctx):
    """The path of a candidate's program."""
    if name == "ipcat" or name.startswith("ipcat-"):
        return ctx.ipcat
    if name.startswith("crelay"):
        return ctx.tool("crelay")
    if name in TOOLS:
        return ctx.tool(TOOLS[name][0])
    if name == "nc":  # -N is an option of the OpenBSD one
        return shutil.which("nc.openbsd") or _which("nc")
    return _which({"socat256k": "socat", "haproxy-splice": "haproxy"}.get(
        name, name))


def why_absent(name, ctx):
    """None when the candidate can run, else the reason why not."""
    path = program(name, ctx)
    if os.path.isabs(path) and os.access(path, os.X_OK):
        return None
    if path == ctx.ipcat:
        return f"{path} is not there (build it first: make)"
    if name in TOOLS:
        return f"not built: {TOOLS[name][1]} is not installed"
    return f"{name} is not installed"
