#!/usr/bin/env bash
# What loadgen writes, read by programs of others: the histogram log by HdrHistogram's Java and Python readers, the JTL by
# JMeter 2.13's classes, the metrics of a running run by prometheus-client's strict OpenMetrics parser. Prints a table;
# fails where any figure differs. Arguments: the loadgen program and, optionally, seconds a run.
set -euo pipefail
cd "$(dirname "$0")"
loadgen="$(realpath "${1:?usage: readers.sh LOADGEN_PROGRAM [SECONDS]}")"
seconds="${2:-5}"

missing=()
for package in jmeter libhdrhistogram-java; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
command -v javac >/dev/null || missing+=(default-jdk-headless)
command -v python3 >/dev/null || missing+=(python3 python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
    sudo=""
    [ "$(id -u)" = 0 ] || sudo="sudo"
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

scratch="$(mktemp -d)"
server=""
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check hdrhistogram==0.10.8 prometheus-client==0.26.0
python="$scratch/venv/bin/python"

free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
port="$(free)"
page="$(free)"
"$python" readers.py serve "$port" &
server=$!
for _ in $(seq 100); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    sleep 0.1
done

scenario() { # dialect, name of the files, further outputs
    cat <<END
version: 1
name: read by others
seed: 3
target: {transport: http, address: 127.0.0.1:$port, connections: 16, pipeline: 1}
operations:
  page.get: {method: GET, path: /index.html}
  page.bad: {method: GET, path: /bad.html}
stages: [{rate: 300, hold: ${seconds}s}]
mix: {page.get: 9, page.bad: 1}
outputs:
  json: $scratch/$2.json
  hlog: $scratch/$2.hlog
  hgrm: $scratch/$2.hgrm
  csv: $scratch/$2.csv
  jtl: {file: $scratch/$2.jtl, dialect: "$1"}
$3
END
}
# The generator may have been the limit on a busy machine (120), which changes nothing about what the files must say.
run() { # scenario
    local code=0
    "$loadgen" run --scenario "$1" >"$scratch/out" 2>&1 || code=$?
    [ "$code" = 0 ] || [ "$code" = 120 ] || { cat "$scratch/out" >&2 && return 1; }
}
scenario 2 old "  openmetrics: 127.0.0.1:$page" >"$scratch/old.yaml"
scenario 5 current "" >"$scratch/current.yaml"
run "$scratch/old.yaml" &
running=$!
sleep "$(python3 -c "print(max(1, $seconds / 2))")"
"$python" readers.py scrape "$page" "$scratch/metrics.json"
wait "$running"
run "$scratch/current.yaml"

java -cp /usr/share/java/hdrhistogram.jar org.HdrHistogram.HistogramLogProcessor -i "$scratch/old.hlog" -tag all \
    -o "$scratch/java" >/dev/null
classes="$(printf '%s:' /usr/share/jmeter/lib/ext/*.jar /usr/share/jmeter/lib/*.jar /usr/share/java/*.jar)"
java -cp "$classes" readersJTL.java "$scratch/old.jtl" /usr/share/jmeter >"$scratch/jmeter.txt" 2>"$scratch/jmeter.err" ||
    { cat "$scratch/jmeter.err" >&2 && exit 1; }

"$python" readers.py check "$scratch" || { echo "a reader disagrees with the load generator"; exit 1; }
echo "all readers agree with the load generator"
