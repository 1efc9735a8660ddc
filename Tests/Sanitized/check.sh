#!/usr/bin/env bash
# Builds the cache stack and its tests with ThreadSanitizer and with AddressSanitizer, and runs them; fails on any
# report. First each is shown faults made for it: a step that cannot go red is none. Arguments: the folder for build
# products, then `thread` or `address` for one of them alone.
set -euo pipefail
cd "$(dirname "$0")"
scratch="${1:?usage: check.sh BUILD_FOLDER [thread|address]}"
shift
sanitizers=("$@")
[ $# -gt 0 ] || sanitizers=(thread address)
for sanitizer in "${sanitizers[@]}"; do
    case "$sanitizer" in
    thread | address) ;;
    *) echo "no sanitizer is called '$sanitizer'" && exit 64 ;;
    esac
done
mkdir -p "$scratch"

# A crash is the sanitizer's to report: Swift's own backtracer would hold the output open after it.
export SWIFT_BACKTRACE=enable=no
# All races of a run are reported, not the first alone. Leaks are looked for when the address run ends.
export TSAN_OPTIONS="halt_on_error=0 exitcode=66"
export ASAN_OPTIONS="detect_leaks=1 detect_stack_use_after_return=1"
export LSAN_OPTIONS="suppressions=$PWD/leaks.supp:print_suppressions=0"

build() {
    swift build -c release --build-tests --sanitize "$1" --scratch-path "$scratch/$1" >"$scratch/$1.log" 2>&1 \
        || { cat "$scratch/$1.log" && echo "no build with --sanitize $1" && return 1; }
}

run() {
    local sanitizer="$1"
    shift
    swift test -c release --sanitize "$sanitizer" --scratch-path "$scratch/$sanitizer" --skip-build --no-parallel \
        --disable-xctest "$@"
}

# What went wrong, once more at the end, where a long log is cut to.
said() { grep -E '✘|recorded an issue|WARNING: ThreadSanitizer|ERROR: (Address|Leak)Sanitizer' "$1" | head -40 || true; }

# One fault, made on purpose: the run must fail, and with the report expected.
must_fail() {
    local sanitizer="$1" fault="$2" report="$3" log="$scratch/$1-$2.log"
    if SPRINGTIDE_FAULT="$fault" run "$sanitizer" --filter SanitizerTests >"$log" 2>&1; then
        echo "$sanitizer: the run passed with the fault '$fault' in it: the check is blind" && return 1
    fi
    grep -q "$report" "$log" || { cat "$log" && echo "$sanitizer: '$fault' is not reported as '$report'" && return 1; }
    echo "$sanitizer: the fault '$fault' made on purpose is reported"
}

start=$SECONDS
builds=()
for sanitizer in "${sanitizers[@]}"; do
    build "$sanitizer" &
    builds+=($!)
done
failed=0
for build in "${builds[@]}"; do wait "$build" || failed=1; done
[ "$failed" = 0 ] || exit 1
echo "built in $((SECONDS - start)) s: ${sanitizers[*]}"

# The made faults, then all tests, under one sanitizer.
judge() {
    local sanitizer="$1" start=$SECONDS log="$scratch/$1-tests.log"
    case "$sanitizer" in
    thread)
        must_fail thread race "WARNING: ThreadSanitizer: .* race" || return 1
        ;;
    address)
        must_fail address overflow "AddressSanitizer: heap-buffer-overflow" || return 1
        must_fail address after-free "AddressSanitizer: heap-use-after-free" || return 1
        must_fail address leak "LeakSanitizer: detected memory leaks" || return 1
        ;;
    esac
    run "$sanitizer" >"$log" 2>&1 || { cat "$log" && said "$log" && echo "$sanitizer: failed" && return 1; }
    # No report may hide behind an exit code, and no filter behind a run of nothing.
    ! grep -E 'WARNING: ThreadSanitizer|ERROR: (Address|Leak)Sanitizer' "$log" || return 1
    grep -E 'Test run with [1-9][0-9]{2,} tests' "$log" || { echo "$sanitizer: too few tests ran" && return 1; }
    echo "$sanitizer: no report in $((SECONDS - start)) s"
}

# Side by side: each uses little more than one processor.
runs=()
for sanitizer in "${sanitizers[@]}"; do
    judge "$sanitizer" >"$scratch/$sanitizer.out" 2>&1 &
    runs+=($!)
done
for place in "${!runs[@]}"; do
    wait "${runs[$place]}" || failed=1
    cat "$scratch/${sanitizers[$place]}.out"
done
[ "$failed" = 0 ] || { echo "sanitizers: failed, see above" && exit 1; }
