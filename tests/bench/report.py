"""Results: medians, the JSON lines, the tables, and the targets.

A target compares ipcat's median with that of a reference from the same run,
or with a fixed figure.  Ratios of single rounds are shown beside it, because
on a shared machine their spread says how far the verdict can be trusted.
"""
import json
import statistics

from topics import unit_of


class Results:
    """values[topic][candidate][metric] = one value (or None) per round."""

    def __init__(self):
        self.values = {}
        self.skipped = []
        self.failed = {}

    def add(self, topic, name, metrics, rnd):
        slot = self.values.setdefault(topic, {}).setdefault(name, {})
        for metric, value in metrics.items():
            column = slot.setdefault(metric, [])
            column.extend([None] * (rnd - len(column)))
            column.append(value)

    def skip(self, topic, name, reason):
        self.skipped.append((topic, name, reason))

    def fail(self, topic, name, reason):
        """Count a failed round; returns how many there are now."""
        reasons = self.failed.setdefault((topic, name), [])
        reasons.append(reason)
        return len(reasons)

    def column(self, topic, name, metric):
        return self.values.get(topic, {}).get(name, {}).get(metric, [])

    def median(self, topic, name, metric):
        some = [v for v in self.column(topic, name, metric) if v is not None]
        return statistics.median(some) if some else None


def num(v):
    if v >= 1000:
        return f"{v:,.0f}"
    return f"{v:.1f}" if v >= 100 else f"{v:.2f}" if v >= 1 else f"{v:.3f}"


def write_json(path, meta, results, verdicts):
    with open(path, "w") as f:
        def emit(**kw):
            f.write(json.dumps({"run": meta["run"], **kw}) + "\n")

        emit(machine=meta)
        for topic, names in results.values.items():
            for name, metrics in names.items():
                for metric, column in metrics.items():
                    some = [v for v in column if v is not None]
                    emit(topic=topic, candidate=name, metric=metric,
                         unit=unit_of(metric),
                         median=round(statistics.median(some), 4),
                         min=round(min(some), 4), max=round(max(some), 4),
                         n=len(some), values=[
                             v if v is None else round(v, 4) for v in column])
        for topic, name, reason in results.skipped:
            emit(topic=topic, candidate=name, skipped=reason)
        for (topic, name), reasons in results.failed.items():
            emit(topic=topic, candidate=name, failed=reasons)
        for v in verdicts:
            emit(**v)


def print_topic(topic, results):
    names = results.values.get(topic.name, {})
    metrics = list(dict.fromkeys(m for v in names.values() for m in v))
    print(f"\n## {topic.name}: {topic.title}")
    for metric in metrics:
        base = results.median(topic.name, topic.base, metric)
        print(f"\n{metric + ' (' + unit_of(metric) + ')':<26}"
              f"{'median':>10}  {'min - max':>21}  n  vs {topic.base}")
        for name in topic.names:
            some = [v for v in results.column(topic.name, name, metric)
                    if v is not None]
            if not some:
                continue
            mid = statistics.median(some)
            ratio = f"{mid / base:8.3f}" if base else "       -"
            print(f"  {name:<24}{num(mid):>10}  "
                  f"{num(min(some)) + ' - ' + num(max(some)):>21}  "
                  f"{len(some)}  {ratio}")
    for where, name, reason in results.skipped:
        if where == topic.name:
            print(f"  {name}: skipped: {reason}")
    for (where, name), reasons in results.failed.items():
        if where == topic.name:
            print(f"  {name}: FAILED in {len(reasons)} of {topic.reps} rounds:"
                  f" {reasons[-1]}")


# Ratio targets: (topic, metric, "<=" or ">=", factor, reference).
RATIO_TARGETS = [
    (f"throughput-{k}", m, op, f, "crelay-splice")
    for k in ("tcp", "unix")
    for m, op, f in (("cpu_s_per_gb", "<=", 1.1), ("mb_s", ">=", 0.95))
] + [
    (f"latency-{k}", m, "<=", f, ref)
    for k in ("tcp", "unix")
    for m, f, ref in (("p50_us", 1.05, "crelay-rw64k"),
                      ("p99_us", 1.0, "haproxy"))
] + [
    ("connrate-relay", "conn_s", ">=", 1.0, "haproxy"),
    ("connrate-echo", "conn_s", ">=", 0.9, "cecho"),
] + [
    (f"startup-{k}", m, "<=", f, ref)
    for k in ("version", "send-tcp", "send-unix")
    for m, f, ref in (("wall_ms", 1.5, "clibc"), ("peak_kib", 2.0, "nc"))
]

# Messages.  Those of 64 bytes have a fixed target instead, below.
RATIO_TARGETS += [
    (f"messages-{k}-{s}", "msg_s", ">=", 4.0, "zmq")
    for k in ("unix", "tcp") for s in ("1k", "64k")
] + [
    (f"reqrep-{w}", "p50_us", "<=", 1.1, "cecho") for w in ("1cpu", "idle")
] + [
    (f"fanout-{k}", "deliveries_s", ">=", 3.0, "mosquitto")
    for k in ("unix", "tcp")
] + [
    (f"convert-{to}", "lines_s", ">=", f, ref) for to in ("cbor", "msgpack")
    for f, ref in ((3.0, "jq"), (2.0, "jansson"))
]

# Fixed targets: (topic, metric, "<=" or ">=", limit).  Constant memory is
# what stays below a limit whatever the input.
FIXED_TARGETS = [
    ("messages-unix-64", "msg_s", ">=", 10_000_000),
    ("convert-memory-cbor", "peak_big_kib", "<=", 8192),
    ("convert-memory-msgpack", "peak_big_kib", "<=", 8192),
    ("memory", "pss_per_conn_2000", "<=", 2000),
    ("memory", "pss_per_conn_9500", "<=", 2000),
    ("memory", "base_pss_kib", "<=", 4096),
    ("connrate-relay", "errors", "<=", 0),
    ("connrate-echo", "errors", "<=", 0),
]


def _holds(value, op, limit):
    return value <= limit if op == "<=" else value >= limit


def _round_ratios(results, topic, metric, ref):
    ours = results.column(topic, "ipcat", metric)
    theirs = results.column(topic, ref, metric)
    return [a / b for a, b in zip(ours, theirs) if a is not None and b]


def evaluate(results, topics):
    """One dict per target that belongs to a topic of this run."""
    run = {t.name for t in topics}
    out = []
    for topic, metric, op, factor, ref in RATIO_TARGETS:
        if topic not in run:
            continue
        ours = results.median(topic, "ipcat", metric)
        theirs = results.median(topic, ref, metric)
        v = {"topic": topic, "metric": metric,
             "target": f"{op} {factor} x {ref}"}
        if ours is None or not theirs:
            missing = "ipcat" if ours is None else ref
            v.update(verdict="not measured", why=f"no figure for {missing}")
        else:
            each = _round_ratios(results, topic, metric, ref)
            v.update(verdict="met" if _holds(ours / theirs, op, factor)
                     else "missed", value=round(ours / theirs, 3),
                     rounds=[round(r, 3) for r in each])
        out.append(v)
    for topic, metric, op, limit in FIXED_TARGETS:
        if topic not in run:
            continue
        ours = results.median(topic, "ipcat", metric)
        v = {"topic": topic, "metric": metric,
             "target": f"{op} {limit} {unit_of(metric)}"}
        if ours is None:
            v.update(verdict="not measured", why="no figure for ipcat")
        else:
            v.update(verdict="met" if _holds(ours, op, limit) else "missed",
                     value=round(ours, 2))
        out.append(v)
    for v in out:
        bad = results.failed.get((v["topic"], "ipcat"))
        if bad:  # a figure of the rounds that went well is not a target met
            v.update(verdict="missed", why=f"failed in {len(bad)} rounds")
    return out


def print_verdicts(verdicts):
    print(f"\n## targets\n\n{'':2}{'topic':<23}{'metric':<19}"
          f"{'target':<25}{'ipcat':>9}  verdict")
    for v in verdicts:
        value = num(v["value"]) if "value" in v else "-"
        note = f" ({v['why']})" if "why" in v else ""
        if v.get("rounds"):
            note = f" (rounds {min(v['rounds'])} - {max(v['rounds'])})"
        print(f"  {v['topic']:<23}{v['metric']:<19}{v['target']:<25}"
              f"{value:>9}  {v['verdict']}{note}")
    count = {k: sum(v["verdict"] == k for v in verdicts)
             for k in ("met", "missed", "not measured")}
    print("\n" + ", ".join(f"{n} {k}" for k, n in count.items()))
