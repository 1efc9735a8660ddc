"""Helpers of readers.sh: a server that answers within some milliseconds, and comparisons of what others read.

serve PORT                  answers every GET; paths that begin with /bad with status 503
scrape PORT FILE            reads the metrics of a run in both formats with prometheus-client's parsers, writes the counts
check DIRECTORY             compares everything in the directory with the summaries; prints a table
"""
import csv
import json
import math
import socket
import sys
import threading
import time
import urllib.request


def serve(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(256)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=answer, args=(client,), daemon=True).start()


def answer(client):
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    rest = b""
    number = 0
    while True:
        while b"\r\n\r\n" not in rest:
            more = client.recv(65536)
            if not more:
                return
            rest += more
        head, rest = rest.split(b"\r\n\r\n", 1)
        number += 1
        time.sleep(0.002 + 0.010 * (number % 7 == 0))
        status = b"503 Service Unavailable" if head.startswith(b"GET /bad") else b"200 OK"
        client.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nok")


def scrape(port, path):
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as strict
    from prometheus_client.parser import text_string_to_metric_families as classic

    def get(accept):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=5) as reply:
            return reply.headers["Content-Type"], reply.read().decode()

    kind, text = get("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8", kind
    families = {family.name: family for family in strict(text)}
    plain_kind, plain = get("text/plain")
    assert plain_kind == "text/plain; version=0.0.4; charset=utf-8", plain_kind
    others = {family.name: family for family in classic(plain)}
    # What the strict parser lets pass: the same series twice, bounds that are not written as numbers with a point.
    series = [line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(series) == len(set(series)), "a series appears twice"
    wanted = [
        "loadgen_requests", "loadgen_request_duration_seconds", "loadgen_service_duration_seconds",
        "loadgen_send_lag_seconds", "loadgen_offered_requests_per_second", "loadgen_in_flight_requests",
        "loadgen_dropped_requests", "loadgen_users", "process_cpu_seconds", "process_open_fds",
    ]
    missing = [name for name in wanted if name not in families]
    assert not missing, missing
    samples = families["loadgen_requests"].samples
    ok = sum(sample.value for sample in samples if sample.labels["outcome"] == "ok")
    buckets = families["loadgen_request_duration_seconds"].samples
    assert any(sample.labels.get("le") == "0.05" for sample in buckets), "0.05 is no bound"
    count = sum(sample.value for sample in buckets if sample.name.endswith("_count"))
    json.dump({"families": len(families), "plain": len(others), "ok": ok, "count": count}, open(path, "w"))


class Table:
    def __init__(self):
        self.bad = 0

    def row(self, what, reader, theirs, ours, holds=None):
        holds = theirs == ours if holds is None else holds
        self.bad += not holds
        print(f"{what:<42}{reader:<30}{theirs!s:>16}{ours!s:>16}  {'ok' if holds else 'DIFFERS'}")


def at_percentile(pairs, percent):
    """The value of the least bucket that holds the rank ceil(p n), as HdrHistogram defines it."""
    total = sum(count for _, count in pairs)
    rank, seen = max(1, math.ceil(percent / 100 * total)), 0
    for value, count in pairs:
        seen += count
        if seen >= rank:
            return value
    return 0


def python_log(path):
    from hdrh.histogram import HdrHistogram
    from hdrh.log import HistogramLogReader

    reader = HistogramLogReader(path, HdrHistogram(1, 120_000_000_000, 3))
    found, intervals = {}, []
    while True:
        histogram = reader.get_next_interval_histogram()
        if not histogram:
            return found, intervals
        pairs = [(item.value_iterated_to, item.count_added_in_this_iter_step)
                 for item in histogram.get_recorded_iterator()]
        pairs = [(histogram.get_highest_equivalent_value(value), count) for value, count in pairs]
        tag = histogram.get_tag()
        if tag is None:
            intervals.append(sum(count for _, count in pairs))
        else:
            found[tag] = pairs


def close(theirs, nanoseconds):
    """Summaries have microseconds with three decimals."""
    return abs(theirs - nanoseconds) < 1


def check(directory):
    table = Table()
    print(f"{'what':<42}{'reader':<30}{'theirs':>16}{'ours':>16}")
    run = json.load(open(f"{directory}/old.json"))
    rows = {"all": run} | {row["operation"]: row for row in run["operations"]}
    found, intervals = python_log(f"{directory}/old.hlog")
    table.row("intervals of the log", "hdrhistogram (Python)", len(intervals),
              sum(1 for entry in run["series"] if entry["latency"]))
    table.row("requests in them", "hdrhistogram (Python)", sum(intervals), run["response"]["count"])
    keys = {50: "p50_us", 90: "p90_us", 99: "p99_us", 99.9: "p999_us"}
    for name, row in rows.items():
        for suffix, field in (("", "response"), (".service", "service"), (".send_lag", "send_lag")):
            statistics = row[field] if field in row else run["generator"][field]
            pairs = found[name + suffix]
            table.row(f"{name}{suffix} count", "hdrhistogram (Python)", sum(c for _, c in pairs), statistics["count"])
            for percent, key in keys.items():
                value = at_percentile(pairs, percent)
                ours = round(statistics[key] * 1000)
                table.row(f"{name}{suffix} p{percent} ns", "hdrhistogram (Python)", value, ours, close(value, ours))
    theirs = [line for line in open(f"{directory}/java.hgrm") if not line.startswith(("#[Overall", "#[StartTime"))]
    ours = list(open(f"{directory}/old.hgrm"))
    table.row("percentile table, lines", "HistogramLogProcessor (Java)", len(theirs), len(ours), theirs == ours)
    for dialect in ("old", "current"):
        jtl(table, directory, dialect)
    metrics = json.load(open(f"{directory}/metrics.json"))
    table.row("families, strict and classic parser", "prometheus-client", metrics["families"], metrics["plain"])
    table.row("requests in histogram and counters", "prometheus-client", metrics["count"], metrics["ok"],
              metrics["count"] >= metrics["ok"] > 0)
    table.row("requests so far, of the whole run", "prometheus-client", metrics["ok"], run["totals"]["answered"],
              0 < metrics["ok"] < run["totals"]["answered"])
    sys.exit(table.bad > 0)


def jtl(table, directory, dialect):
    run = json.load(open(f"{directory}/{dialect}.json"))
    started = run["started_at_us"] / 1000
    lines = list(csv.DictReader(open(f"{directory}/{dialect}.jtl", newline="")))
    readers = {"csv (Python)": {}}
    for line in lines:
        sums = readers["csv (Python)"].setdefault(line["label"], [0, 0, 0, 0, 1 << 62, 0])
        stamp = int(line["timeStamp"])
        sums[:] = [sums[0] + 1, sums[1] + (line["success"] == "false"), sums[2] + int(line["bytes"]),
                   sums[3] + int(line["elapsed"]), min(sums[4], stamp), max(sums[5], stamp)]
    if dialect == "old":
        readers["CSVSaveService of JMeter 2.13"] = {}
        for line in open(f"{directory}/jmeter.txt"):
            words = line.split()
            if words and words[0] == "label":
                numbers = [int(word) for word in words[-7:]]
                readers["CSVSaveService of JMeter 2.13"][" ".join(words[1:-7])] = numbers[:4] + numbers[5:]
    for reader, labels in readers.items():
        table.row(f"JTL {dialect}: labels", reader, ",".join(sorted(labels)),
                  ",".join(sorted(row["operation"] for row in run["operations"])))
        for row in run["operations"]:
            sums = labels.get(row["operation"], [0] * 6)
            failed = sum(row["counts"][name] for name in ("timeout", "error", "unknown", "dropped"))
            table.row(f"JTL {dialect}: {row['operation']} rows", reader, sums[0], sum(row["counts"].values()))
            table.row(f"JTL {dialect}: {row['operation']} failures", reader, sums[1], failed)
            mean, ours = sums[3] / max(sums[0], 1), row["response"]["mean_us"] / 1000
            # Whole milliseconds, cut: half a millisecond less in the mean.
            table.row(f"JTL {dialect}: {row['operation']} mean ms", reader, round(mean, 2), round(ours, 2),
                      ours - 1 <= mean <= ours)
            table.row(f"JTL {dialect}: {row['operation']} first after start ms", reader,
                      round(sums[4] - started, 1), "0 to run's end",
                      -5 <= sums[4] - started and sums[5] - started <= run["wall_seconds"] * 1000)


if __name__ == "__main__":
    {"serve": lambda: serve(int(sys.argv[2])), "scrape": lambda: scrape(int(sys.argv[2]), sys.argv[3]),
     "check": lambda: check(sys.argv[2])}[sys.argv[1]]()
