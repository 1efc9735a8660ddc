#!/usr/bin/env bash
# The load generator beside wrk, both closed loops against a private nginx on loopback: mean, p50, p90 and p99 of the
# service time must agree within 10 %, and the requests each of them reports must be those that nginx counted. Then the
# count alone over HTTPS. The arguments are the loadgen program and, optionally, seconds a run and the number of pairs.
set -euo pipefail
cd "$(dirname "$0")"
loadgen="$(realpath "${1:?usage: check.sh LOADGEN_PROGRAM [SECONDS] [PAIRS]}")"
seconds="${2:-5}"
pairs="${3:-5}"
connections=32

missing=()
for program in nginx wrk openssl python3; do
    command -v "$program" >/dev/null || [ -x "/usr/sbin/$program" ] || missing+=("${program/#nginx/nginx-light}")
done
if [ ${#missing[@]} -gt 0 ]; then
    sudo=""
    [ "$(id -u)" = 0 ] || sudo="sudo"
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

scratch="$(mktemp -d)"
nginx=""
finish() {
    if [ -n "$nginx" ]; then
        kill -QUIT "$nginx" 2>/dev/null || true
        wait "$nginx" 2>/dev/null || true
    fi
    rm -rf "$scratch"
}
trap finish EXIT

# A server of our own with one worker; its worker runs as another user where this is root, and must find the page.
chmod 755 "$scratch"
port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
secure="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
mkdir -p "$scratch/www" "$scratch/temporary"
head -c 600 /dev/zero | tr '\0' 'x' >"$scratch/www/index.html"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=IP:127.0.0.1 -keyout "$scratch/key.pem" -out "$scratch/certificate.pem" 2>/dev/null
cat >"$scratch/nginx.conf" <<END
daemon off;
worker_processes 1;
pid $scratch/nginx.pid;
error_log $scratch/error.log;
events { worker_connections 512; }
http {
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path $scratch/temporary/a;
    proxy_temp_path $scratch/temporary/b;
    fastcgi_temp_path $scratch/temporary/c;
    uwsgi_temp_path $scratch/temporary/d;
    scgi_temp_path $scratch/temporary/e;
    server {
        listen 127.0.0.1:$port;
        listen 127.0.0.1:$secure ssl;
        ssl_certificate $scratch/certificate.pem;
        ssl_certificate_key $scratch/key.pem;
        root $scratch/www;
        location = /counted { stub_status; }
    }
}
END
PATH="$PATH:/usr/sbin" nginx -p "$scratch" -c "$scratch/nginx.conf" 2>"$scratch/nginx.err" &
nginx=$!
for _ in $(seq 100); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    kill -0 "$nginx" 2>/dev/null || { cat "$scratch/nginx.err" && exit 1; }
    sleep 0.1
done

# Requests that nginx has counted so far, this question included: the third number below "server accepts ...".
counted() {
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf 'GET /counted HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
    awk 'found {print $3; exit} /^server accepts/ {found = 1}' <&3
    exec 3>&-
}

# The scenario of a run: as many users as connections, none of them thinking.
scenario() { # port, tls
    cat <<END
version: 1
name: closed loop beside wrk
seed: 1
target: {transport: http, address: 127.0.0.1:$1, connections: $connections, pipeline: 1$2}
operations:
  page: {method: GET, path: /index.html}
scenarios:
  closed: {executor: constant-users, users: $connections, duration: ${seconds}s, think: none, mix: {page: 1}}
END
}
scenario "$port" "" >"$scratch/plain.yaml"
scenario "$secure" ", tls: {ca_file: $scratch/certificate.pem}" >"$scratch/secure.yaml"

cat >"$scratch/report.lua" <<'END'
function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format("figures %d %.3f %.3f %.3f %.3f %d\n", summary.requests, latency.mean,
        latency:percentile(50), latency:percentile(90), latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
END

# Each prints: requests, mean, p50, p90, p99 in microseconds, errors, CPU seconds.
run_wrk() {
    local TIMEFORMAT="cpu %U %S"
    { time wrk -t1 -c"$connections" -d"${seconds}s" -s "$scratch/report.lua" "http://127.0.0.1:$port/index.html" \
        >"$scratch/wrk.out" 2>&1; } 2>"$scratch/wrk.cpu"
    awk -v cpu="$(awk '/^cpu/ {print $2 + $3}' "$scratch/wrk.cpu")" \
        '/^figures/ {print $2, $3, $4, $5, $6, $7, cpu}' "$scratch/wrk.out"
}
run_loadgen() { # scenario
    local TIMEFORMAT="cpu %U %S" code=0
    rm -f "$scratch/summary.json"
    { time "$loadgen" run --scenario "$1" --json "$scratch/summary.json" >"$scratch/loadgen.out" 2>&1; } \
        2>"$scratch/loadgen.cpu" || code=$?
    # A closed loop without think time takes the whole core, which the generator says (120); the figures stand.
    [ "$code" = 0 ] || [ "$code" = 120 ] || { cat "$scratch/loadgen.out" >&2 && exit 1; }
    python3 - "$scratch/summary.json" "$(awk '/^cpu/ {print $2 + $3}' "$scratch/loadgen.cpu")" <<'END'
import json, sys
run = json.load(open(sys.argv[1]))
service = run["service"]
print(run["totals"]["sent"], service["mean_us"], service["p50_us"], service["p90_us"], service["p99_us"],
      run["totals"]["errors"] + run["totals"]["rejects"], sys.argv[2])
END
}

failed=0
: >"$scratch/figures"
measure() { # tool, command...
    local tool="$1" before line
    shift
    before="$(counted)"
    line="$("$@")"
    echo "$tool $line $(($(counted) - before - 1))" >>"$scratch/figures"
}
# Who goes first changes from pair to pair.
for pair in $(seq "$pairs"); do
    [ $((pair % 2)) = 0 ] || measure wrk run_wrk
    measure loadgen run_loadgen "$scratch/plain.yaml"
    [ $((pair % 2)) = 1 ] || measure wrk run_wrk
done
measure https run_loadgen "$scratch/secure.yaml"

python3 - "$scratch/figures" "$connections" <<'END' || failed=1
import statistics, sys
rows = [line.split() for line in open(sys.argv[1])]
connections = int(sys.argv[2])
tools = {name: [[float(x) for x in row[1:]] for row in rows if row[0] == name] for name in ("wrk", "loadgen", "https")}
bad = 0
def verdict(holds):
    global bad
    bad += not holds
    return "ok" if holds else "FAILS"
medians = {name: [statistics.median(column) for column in zip(*tools[name])] for name in tools}
print(f"{'service time':<14}{'wrk us':>10}{'loadgen us':>12}{'ratio':>8}")
for name, index in (("mean", 1), ("p50", 2), ("p90", 3), ("p99", 4)):
    ours, theirs = medians["loadgen"][index], medians["wrk"][index]
    # The median of the pairs' ratios: what slows the machine for a while slows both of a pair.
    ratio = statistics.median(a[index] / b[index] for a, b in zip(tools["loadgen"], tools["wrk"]))
    print(f"{name:<14}{theirs:>10.1f}{ours:>12.1f}{ratio:>8.3f}  {verdict(abs(ratio - 1) <= 0.10)}")
for name in tools:
    requests, cpu = medians[name][0], medians[name][6]
    print(f"{name}: {requests:.0f} requests, {cpu / requests * 1e6:.2f} us CPU each (medians)")
for name in tools:
    for run in tools[name]:
        sent, errors, log = run[0], run[5], run[7]
        # What is in flight when wrk's time is over, at most one a connection, wrk does not count.
        holds = errors == 0 and (0 <= log - sent <= connections if name == "wrk" else log == sent)
        print(f"{name}: reported {sent:.0f}, nginx counted {log:.0f}, errors {errors:.0f}  {verdict(holds)}")
sys.exit(bad > 0)
END
[ "$failed" = 0 ] || { echo "the load generator and its peers disagree"; exit 1; }
echo "the load generator agrees with wrk and with nginx's counter"
