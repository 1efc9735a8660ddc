#!/usr/bin/env bash
# Builds a service author's package on the cache product alone, proves that nothing of the network stack was compiled
# for it, and runs it. The folder for build products is the only argument.
set -euo pipefail
cd "$(dirname "$0")"
scratch="${1:?usage: check.sh BUILD_FOLDER}"
guide=../../Sources/CacheStack/CacheStack.docc/GettingStarted.md
# The guide's Swift blocks that begin with imports, one after another, are the files compiled here.
sed -n '/^import CacheStack$/,/^```$/p' "$guide" | sed '/^```$/d' \
    | diff - <(cat Sources/CacheConsumer/AccountService.swift Sources/CacheConsumer/Servers.swift) \
    || { echo "the example in the guide is not the one compiled here"; exit 1; }
lines="$(grep -cvE '^ *(//.*)?$' Sources/CacheConsumer/AccountService.swift)"
[ "$lines" -le 40 ] || { echo "the example has $lines lines of code, more than 40"; exit 1; }
start=$SECONDS
swift build -c release --scratch-path "$scratch" --product CacheConsumer
echo "built in $((SECONDS - start)) s"
# Folders are planned for every target of the graph; what was compiled left a module or an object file.
compiled="$(find -L "$scratch" -name '*.swiftmodule' -printf '%f\n' -o -path '*.build/*.o' -printf '%P\n' \
    | sed -E 's|^.*/([^/]+)\.build/.*\.o$|\1|; s|\.swiftmodule$||' | sort -u)"
grep -qx CacheStack <<<"$compiled" || { echo "no module of the cache was found: the check is blind"; exit 1; }
if unwanted="$(grep -iE '^(C?_?NIO|GRPC|Gateway|FIX|Services|Yams|ArgumentParser)' <<<"$compiled")"; then
    echo "compiled for the cache product, but not part of it:" && echo "$unwanted"
    exit 1
fi
echo "compiled:" $compiled
"$(swift build -c release --scratch-path "$scratch" --show-bin-path)/CacheConsumer"
