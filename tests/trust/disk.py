"""A file system that runs full (a small tmpfs in a mount namespace of our own): exit 4 with both figures, nothing half-written, and on with more room."""
import os
import shlex
import shutil
import subprocess

from trust import Skip


def full(bench, kilobytes, script):
    """Runs a shell script with a tmpfs of that size at $disk."""
    disk = bench.path("disk")
    os.makedirs(disk, exist_ok=True)
    text = f"mount -t tmpfs -o size={kilobytes}k none {shlex.quote(disk)} || exit 99\n{script}"
    environment = {**os.environ, "disk": disk, "cli": bench.cli}
    return subprocess.run(["unshare", "-m", "sh", "-c", text], capture_output=True, text=True, errors="replace", env=environment, timeout=240, check=False)


def run(bench):
    if shutil.which("unshare") is None:
        raise Skip("there is no unshare")
    if full(bench, 64, "true").returncode != 0:
        raise Skip("a tmpfs cannot be mounted here (root or CAP_SYS_ADMIN is needed)")
    quantize = " ".join(shlex.quote(word) for word in bench.quantize("@")[:-1])
    for size in (40, 120, 260) if bench.short else range(20, 600, 20):
        # Without room it says so; with more it goes on from the blocks that are there.
        done = full(bench, size, f"""
            "$cli" {quantize} "$disk/p.halftone" --resume; code=$?
            find "$disk" -name '*.part' -o -name '*.partial' | grep . && exit 98
            if [ $code -ne 0 ]; then [ $code -eq 4 ] || exit $code
                mount -o remount,size=64m none "$disk"; "$cli" {quantize} "$disk/p.halftone" --resume -q >/dev/null || exit 97; fi
            "$cli" evaluate "$disk/p.halftone" --text {shlex.quote(bench.text)} --windows 1 --length 32 -q >/dev/null || exit 96""")
        bench.check(f"quantize with {size} kB of disk", done.returncode == 0, f"exit {done.returncode}: {done.stderr.strip()[-300:]}")
    project = bench.path("p.halftone")
    bench.must(*bench.quantize(project))
    for size in (8, 60, 200) if bench.short else range(8, 800, 24):
        done = full(bench, size, f"""
            "$cli" export {shlex.quote(project)} --format dense --dtype f32 --out "$disk/out"; code=$?
            [ $code -eq 0 ] && exit 0; [ $code -eq 4 ] || exit $code
            [ -z "$(ls -A "$disk")" ] || {{ ls -A "$disk" >&2; exit 98; }}""")
        bench.check(f"export with {size} kB of disk", done.returncode == 0 and "internal error" not in done.stderr, f"exit {done.returncode}: {done.stderr.strip()[-300:]}")
    # A folder that a file system is mounted on cannot be swapped for another: said before the work, and with what to do instead.
    done = full(bench, 4000, f"""
        "$cli" export {shlex.quote(project)} --format dense --out "$disk"; [ $? -eq 3 ] || exit 98
        "$cli" export {shlex.quote(project)} --format dense --out "$disk/out" -q >/dev/null || exit 97
        ls -A "$disk" | grep -vx out && exit 96; exit 0""")
    bench.check("export onto a mount point", done.returncode == 0 and "mounted" in done.stderr, f"exit {done.returncode}: {done.stderr.strip()[-300:]}")
    bench.check("export onto a mount point leaves nothing beside it", not os.path.exists(bench.path("disk.partial")))
