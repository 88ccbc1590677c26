#!/usr/bin/env bash
# same_flags.sh SOURCE LIBTORCH WORK: what packaging/run has compiled, packaging/test does not compile again. Configures as both do and compares
# the commands that build the two programs.
set -euo pipefail
source=$1 libtorch=$2 work=$3
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work/build"' EXIT
export HALFTONE_BUILD=$work/build HALFTONE_LIBTORCH=$libtorch
. "$source/packaging/setup"
halftone_libtorch=$libtorch
commands() { ninja -C "$HALFTONE_BUILD" -t commands halftone halftone-cli | sort >"$work/$1"; }
halftone_configure
commands run
# shellcheck disable=SC2046 # the words of packaging/test's own line
halftone_configure $(sed -n 's/^halftone_configure \(.*\) "HALFTONE_INTEROP_PYTHON=.*/\1/p' "$source/packaging/test")
commands test
grep -qx 'HALFTONE_DEVELOPER:BOOL=ON' "$HALFTONE_BUILD/CMakeCache.txt" || { echo "packaging/test was not read" >&2; exit 1; }
[ "$(grep -c 'core/' "$work/run")" -gt 50 ] || { echo "hardly a command in $work/run" >&2; exit 1; }
diff "$work/run" "$work/test" >&2 || { echo "packaging/test compiles again what packaging/run has compiled" >&2; exit 1; }
