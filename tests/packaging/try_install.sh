#!/usr/bin/env bash
# try_install.sh CMAKE SOURCE BUILD WORK: installs into WORK, moves the installation elsewhere, and does the main job there with nothing of this
# tree at hand: an empty environment, its model and text copied, and programs that do not know where their source lies.
set -euo pipefail
cmake=$1 source=$2 build=$3 work=$4
fail() { printf '%s\n' "$*" >&2; exit 1; }
trap 'rm -rf "$work/here"' EXIT   # 450 MB

rm -rf "$work"
mkdir -p "$work/data"
"$cmake" --install "$build" --prefix "$work/there" >"$work/install.log" || fail "cmake --install: exit $?: $(tail -n 5 "$work/install.log")"
mv "$work/there" "$work/here"
for program in halftone halftone-cli; do
    for place in "$source/resources" "$build/bin" "$build/share" "$work/there"; do
        ! grep -qaF "$place" "$work/here/bin/$program" || fail "$program knows the folder $place"
    done
done
for file in "$work/here/lib/halftone/"*; do
    case ${file##*/} in
    libtorch.so | libtorch_cpu.so | libc10.so | libgomp*) ;;
    *) fail "nothing loads $file, but it is installed" ;;
    esac
done
cp -r "$source/tests/data/model/tiny-llama" "$source/tests/data/model/tiny-text.txt" "$work/data/"
exec_in() { (cd / && env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 "$@"); }
exec_in "$source/packaging/check-installed" "$work/here" "$work/data/tiny-llama" "$work/data/tiny-text.txt" "$work/job"

# The check finds what is missing.
mv "$work/here/share/halftone/text/sample.txt" "$work/data/"
if exec_in "$source/packaging/check-installed" "$work/here" "$work/data/tiny-llama" "$work/data/tiny-text.txt" "$work/again" 2>"$work/again.log"; then
    fail "check-installed passes an installation without its sample text"
fi
grep -q 'share/halftone/text/sample.txt is missing' "$work/again.log" || fail "check-installed says: $(cat "$work/again.log")"

# The README's line takes all of it away.
line=$(sed -n 's|^\(rm -r bin/halftone .*\) # in the prefix$|\1|p' "$source/README.md")
[ -n "$line" ] || fail "README.md does not say how to take an installation away"
(cd "$work/here" && eval "$line")
left=$(find "$work/here" -not -type d)
[ -z "$left" ] || fail "taken away as the README says, these stay: $left"
