# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What ./run, ./test and ./dev have in common: how a build folder is made, and the steps of ./test. Sourced by
# them, with `set -euo pipefail` on and the variable `root` set to the folder of the checkout.
#
# A step is a function step_NAME. It runs in a process of its own (./test --step NAME), so that `set -e` holds
# inside it, writes to its stdout whatever belongs into its log, and says by `count` what it counted. It fails
# by its exit status, by counting a failure, or by counting nothing.
#
# The tests find the server's program in $RESULTD, and in $SANITIZER what it was built with (address, thread or
# nothing). Marks for API tests: `slow` is left out of ./test quick, `plain` (measures time or memory) is left
# out where a sanitizer is at work.

# shellcheck disable=SC2154  # root: set by whoever sources this
logs=$root/build/test-logs
python=/usr/bin/python3 # Debian's, which has the modules of `packages`; the first one in PATH may be another

# Tests talk to 127.0.0.1 only, whatever proxy the environment names.
export no_proxy='*' NO_PROXY='*'
export PYTHONDONTWRITEBYTECODE=1

# build_in FOLDER [MESON OPTION...]: configures the folder if it is new or the options are others, and compiles. CC
# chooses the compiler.
build_in() {
    local dir=$root/$1
    shift
    if [ ! -e "$dir/build.ninja" ] || [ "$(cat "$dir/setup.options" 2>/dev/null)" != "$*" ]; then
        mkdir -p "$dir"
        [ ! -e "$dir/build.ninja" ] || set -- --reconfigure "$@"
        if ! meson setup "$dir" "$root" "$@" >"$dir/setup.log" 2>&1; then
            cat "$dir/setup.log" >&2
            return 1
        fi
        [ "$1" != --reconfigure ] || shift
        echo "$*" >"$dir/setup.options"
    fi
    ninja -C "$dir" --quiet | sed '/^ninja: no work to do/d'
}

build_run() { build_in build -Dweb="${RESULTD_WEB:-auto}"; }
# The page is the same whatever compiles the rest: one build for tests has it.
build_test() { build_in build-test -Dwerror=true; }
build_clang() { CC=clang-14 build_in build-clang -Dwerror=true -Dweb=disabled; }
build_asan() { CC=clang-14 build_in build-asan -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1 -Dweb=disabled; }
build_tsan() { CC=clang-14 build_in build-tsan -Db_sanitize=thread -Db_lundef=false -Doptimization=1 -Dweb=disabled; }

# count PASSED FAILED [SKIPPED]: adds to what this step has counted.
count() {
    if [ -n "${COUNTS:-}" ]; then
        echo "$1 $2 ${3:-0}" >>"$COUNTS"
    fi
}

# every_c_file COMMAND...: runs it with all C files of the project as further arguments.
every_c_file() {
    (cd "$root" && find . -mindepth 2 \( -path './build*' -o -path './data' -o -name corpus \) -prune \
        -o -name '*.[ch]' -print0 | sort -z | xargs -0 -r "$@")
}

# shell_scripts: the names of all shell scripts, each ended by NUL.
shell_scripts() {
    (cd "$root" && find . \( -path './.git' -o -path './build*' -o -path './data' -o -name node_modules \) -prune \
        -o -type f -print0 | sort -z | while IFS= read -r -d '' file; do
        case $file in
        *.sh) printf '%s\0' "$file" ;;
        *) if head -c 64 "$file" | head -n 1 | grep -aEq '^#!.*[/ ](ba|da)?sh( |$)'; then printf '%s\0' "$file"; fi ;;
        esac
    done)
}

# meson_tests FOLDER SUITE [OPTION...]: the tests of one suite of meson.build, counted.
meson_tests() {
    local dir=$root/$1 suite=$2 rc=0 json passed failed skipped
    shift 2
    json=$dir/meson-logs/$suite.json
    rm -f "$json"
    meson test -C "$dir" --no-rebuild --suite "$suite" --logbase "$suite" --print-errorlogs --num-processes 2 "$@" || rc=$?
    if [ -e "$json" ]; then
        passed=$(grep -cE '"result": "(OK|EXPECTEDFAIL)"' "$json") || true
        skipped=$(grep -cE '"result": "SKIP"' "$json") || true
        failed=$(grep -cE '"result": "(FAIL|TIMEOUT|ERROR|INTERRUPT|UNEXPECTEDPASS)"' "$json") || true
        count "$passed" "$failed" "$skipped"
        [ $((passed + failed)) -gt 0 ] || rc=1
    else
        echo "no test of the suite '$suite' ran"
        rc=1
    fi
    return "$rc"
}

# python_tests SUITE FOLDER [PYTEST OPTION...]: tests/SUITE against the program of that build folder, counted.
# Paths among the options take the place of the whole suite.
python_tests() {
    local suite=$1 dir=$root/$2 rc=0 xml=$logs/$1-$2.xml what=tests/$1 numbers total failures errors skipped option
    shift 2
    mkdir -p "$logs"
    rm -f "$xml"
    for option in "$@"; do
        case $option in tests/*) what= ;; esac
    done
    (cd "$root" && RESULTD=$dir/resultd "$python" -m pytest ${what:+"$what"} -q -n 4 --junitxml="$xml" "$@") || rc=$?
    if [ -e "$xml" ]; then
        numbers=$("$python" -c '
import sys, xml.etree.ElementTree as tree
suite = tree.parse(sys.argv[1]).getroot().find("testsuite")
print(*(suite.get(name) for name in ("tests", "failures", "errors", "skipped")))' "$xml")
        read -r total failures errors skipped <<<"$numbers"
        count "$((total - failures - errors - skipped))" "$((failures + errors))" "$skipped"
    fi
    return "$rc"
}

# api_tests FOLDER [PYTEST OPTION...]: the API tests.
api_tests() { python_tests api "$@"; }

# with_s3 COMMAND...: with a bucket of its own, in a Ceph cluster that lives as long as the command.
with_s3() {
    local dir rc=0
    dir=$(mktemp -d)
    "$root/tests/services/ceph-up" "$dir/ceph" || rc=$?
    if [ "$rc" -eq 0 ]; then
        # shellcheck disable=SC1091  # made just now
        (. "$dir/ceph/env" && "$@") || rc=$?
    fi
    "$root/tests/services/ceph-down" "$dir/ceph" --rm
    rm -rf "$dir"
    return "$rc"
}

# under_sanitizer KIND COMMAND...: runs it so that the reports of the sanitizers go to files, and fails if there
# is one: a server that a test starts and stops may report at its very end, when no test looks any more.
under_sanitizer() {
    local reports=$logs/$1-reports rc=0 report
    local -x ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS
    shift
    rm -rf "$reports"
    mkdir -p "$reports"
    ASAN_OPTIONS=log_path=$reports/report:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
    UBSAN_OPTIONS=log_path=$reports/report:print_stacktrace=1:halt_on_error=1
    TSAN_OPTIONS=log_path=$reports/report:second_deadlock_stack=1:suppressions=$root/tools/tsan.supp
    "$@" || rc=$?
    for report in "$reports"/*; do
        [ -e "$report" ] || continue
        echo "--- ${report##*/}"
        head -n 60 "$report"
        count 0 1
        rc=1
    done
    return "$rc"
}

# shellcheck disable=SC2120  # arguments come from ./dev
asan_api() {
    SANITIZER=address under_sanitizer asan api_tests build-asan -m 'not plain' "$@"
}

# ThreadSanitizer of this age cannot place its memory where the kernel randomises addresses by more than 28
# bits: the tests start without that randomisation, which their children inherit.
# shellcheck disable=SC2120
tsan_api() {
    local fixed=()
    if setarch "$(uname -m)" -R true 2>/dev/null; then
        fixed=(setarch "$(uname -m)" -R)
    fi
    SANITIZER=thread under_sanitizer tsan "${fixed[@]}" "$root/test" --api-tests build-tsan -m 'not plain' "$@"
}

# --- the steps, in the order in which ./test takes them -------------------------------------------------------

# shellcheck disable=SC2034  # these three are for whoever sources this
{
    all_steps='build format sources includes shell web unit storage fault fuzz api api-s3 api-tls readers pg pg-s3 docs formats openapi browser crash cluster package container clang tidy cppcheck asan tsan'
    quick_steps='build format sources includes shell web unit docs api'
    check_steps='format sources includes shell clang tidy cppcheck'
}

step_build() {
    build_test
    count 1 0
}

step_format() {
    every_c_file clang-format-14 --dry-run -Werror
    count 1 0
}

step_sources() {
    "$root/tools/check-sources" --self-test
    count 1 0
    "$root/tools/check-sources"
    count 1 0
}

step_includes() {
    "$root/tools/check-includes" --self-test
    count 1 0
    "$root/tools/check-includes"
    count 1 0
}

step_shell() {
    (cd "$root" && shell_scripts | xargs -0 shellcheck -x)
    count 1 0
}

# page_packages: what the tests of the page need of npm, beside the bundle of the build for tests.
page_packages() { "$root/tools/page.py" --packages "$root/web" "$root/build-test/web"; }

# in_browser FILE...: by Node.js, on the build for tests.
in_browser() {
    build_test
    page_packages
    WEB_MODULES=$root/build-test/web/node_modules RESULTD=$root/build-test/resultd node "$@"
}

# The types of the page, and its size, which the build bounds.
step_web() {
    local size most
    build_test
    page_packages
    (cd "$root/build-test/web" && node node_modules/typescript/bin/tsc -p .)
    count 1 0
    read -r size most <"$root/build-test/web/size"
    echo "$size bytes compressed, of $most"
    count 1 0
}

# The page in Chromium.
step_browser() {
    local rc=0 log=$logs/browser.tap passed failed
    mkdir -p "$logs"
    # The second reporter repeats at its end what failed, so that the last lines of the log say why.
    in_browser --test --test-reporter=tap --test-reporter-destination="$log" \
        --test-reporter=spec --test-reporter-destination=stdout "$root"/tests/browser/*.test.mjs || rc=$?
    passed=$(sed -n 's/^# pass //p' "$log")
    failed=$(sed -n 's/^# \(fail\|cancelled\) //p' "$log" | awk '{ n += $1 } END { print n + 0 }')
    count "${passed:-0}" "$failed"
    return "$rc"
}

# pg_tests COMMAND...: runs it with a PostgreSQL of its own, which it ends.
pg_tests() {
    local rc=0 folder
    folder=$(mktemp -d)
    chmod 755 "$folder"
    "$root/tests/services/pg-up.sh" "$folder/pg" || rc=$?
    if [ "$rc" -eq 0 ]; then
        (
            set -a
            # shellcheck source=/dev/null
            . "$folder/pg/pg.env"
            export RESULTD_TEST_DB=pg
            "$@"
        ) || rc=$?
    fi
    "$root/tests/services/pg-down.sh" "$folder/pg" || rc=1
    rm -rf "$folder"
    return "$rc"
}

pg_steps() {
    local rc=0 suite
    for suite in unit storage fault; do
        meson_tests build-test "$suite" || rc=1
    done
    if [ -n "${QUICK:-}" ]; then
        api_tests build-test -m 'not slow' || rc=1
    else
        api_tests build-test --durations=10 || rc=1
    fi
    return "$rc"
}

# The same tests once more, on PostgreSQL.
step_pg() { build_test && pg_tests pg_steps; }

step_unit() { build_test && meson_tests build-test unit; }
step_storage() { build_test && with_s3 meson_tests build-test storage; }
step_fault() { build_test && meson_tests build-test fault; }
step_fuzz() { build_test && meson_tests build-test fuzz; }

step_api() {
    build_test
    if [ -n "${QUICK:-}" ]; then
        api_tests build-test -m 'not slow'
    else
        api_tests build-test --durations=10
    fi
}

# What is about threads for reading, on the engine that needs none; all else is tested with them on PostgreSQL.
step_readers() {
    build_test
    RESULTD_TEST_SETTINGS='readers=4 senders=2' api_tests build-test tests/api/test_readers.py
}

# The same, with all bytes in a bucket.
step_api-s3() {
    build_test
    RESULTD_TEST_BLOBS=s3 with_s3 api_tests build-test --durations=10
}

# What is about receiving and sending, with TLS below it.
step_api-tls() {
    local files=(content uploads results archive archive_tables representations rows lists jobs claims cors)
    build_test
    files=("${files[@]/#/tests/api/test_}")
    RESULTD_TEST_TLS=1 api_tests build-test "${files[@]/%/.py}"
}

# And with nothing on this machine.
step_pg-s3() {
    build_test
    RESULTD_TEST_BLOBS=s3 with_s3 pg_tests api_tests build-test --durations=10
}

# counted_test LOG PROGRAM OPTION...: counted from the last line that it prints.
counted_test() {
    local rc=0 log=$logs/$1.log program=$2 passed failed
    shift 2
    mkdir -p "$logs"
    (cd "$root" && RESULTD=$root/build-test/resultd "$python" "$program" "$@") 2>&1 | tee "$log" || rc=$?
    read -r passed failed < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p' "$log" | tail -n 1) || rc=1
    count "${passed:-0}" "${failed:-0}"
    return "$rc"
}

crash_test() { counted_test crash-rounds tests/crash/crash.py "$@"; }

cluster_test() { counted_test cluster-rounds tests/cluster/cluster.py "$@"; }

step_docs() { build_test && python_tests docs build-test; }

# The descriptions of the APIs, by public tools from npm: validated, compiled, their examples replayed.
step_openapi() { build_test && python_tests openapi build-test; }

# What is written, as other programs read it. The tools for that are built here only.
step_formats() {
    build_test && ninja -C "$root/build-test" --quiet tests/rows2xlsx && python_tests formats build-test
}

# That the test can fail is proved first, by damage that it has to report.
step_crash() {
    local rc=0
    build_test
    crash_test --prove || rc=1
    crash_test --rounds "${CRASH_ROUNDS:-300}" --seed "${CRASH_SEED:-1}" || rc=1
    return "$rc"
}

# The examples of proxies, and whole services that fail, one round of each.
step_cluster() {
    local rc=0
    build_test
    python_tests cluster build-test || rc=1
    cluster_test --rounds "${CLUSTER_ROUNDS:-1}" --seed "${CLUSTER_SEED:-1}" || rc=1
    return "$rc"
}

# The Debian packages, installed in a Debian of their own. One after the other: each test goes on from the one before.
step_package() {
    build_test
    python_tests package build-test -n 0 -rP tests/package/test_package.py tests/package/test_systemd.py
}

# And the image.
step_container() {
    build_test
    python_tests package build-test -n 0 tests/package/test_container.py
}

step_clang() {
    build_clang
    count 1 0
}

step_tidy() {
    build_clang # its list of compiler calls is in clang's own language
    # It colours its output whoever reads it.
    (cd "$root" && run-clang-tidy-14 -quiet -j 2 -p build-clang "^$root/src/") | sed 's/\x1b\[[0-9;]*m//g'
    count 1 0
}

step_cppcheck() {
    mkdir -p "$root/build-test/cppcheck"
    (cd "$root" && cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --inline-suppr \
        --std=c11 --library=posix --suppressions-list=tools/cppcheck.supp --cppcheck-build-dir=build-test/cppcheck \
        -j 2 -I src src)
    count 1 0
}

step_asan() {
    local rc=0 suite
    build_asan
    for suite in unit storage fault fuzz; do
        with_s3 under_sanitizer "asan-$suite" meson_tests build-asan "$suite" --timeout-multiplier 5 || rc=1
    done
    # shellcheck disable=SC2119
    asan_api || rc=1
    return "$rc"
}

step_tsan() {
    build_tsan
    # shellcheck disable=SC2119
    tsan_api
}
