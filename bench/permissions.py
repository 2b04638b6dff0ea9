"""The race of bench/permissions: FILES ROUNDS WORK HOLDFAST NAME. Writes a table to docs/benchmarks.md; the last line printed sums it up."""

import datetime
import hashlib
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import time

FILES, ROUNDS, WORK, HOLDFAST, NAME = int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3]), os.path.abspath(sys.argv[4]), sys.argv[5]
MOUNTED = WORK / "mounted"
TREE = MOUNTED / "tree"
ONE, OTHER = "u=rwX,g=rX,o=", "u=rwX,g=,o="
os.environ["HOLDFAST_STATE_DIR"] = str(WORK / "state")


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def make(file_system):
    """An image with a tree of files whose names are hashes: neighbours in a directory lie far from each other on the disk."""
    image = WORK / f"{file_system}.img"
    with open(image, "wb") as handle:
        handle.truncate((2 << 30) + FILES * 5000)
    run("mkfs.ext4", "-q", "-N", str(FILES + FILES // 4 + 10000), str(image)) if file_system == "ext4" else run("mkfs.xfs", "-q", str(image))
    MOUNTED.mkdir(exist_ok=True)
    mount(image)
    side = 64 if FILES >= 1_000_000 else 20
    for a in range(side):
        for b in range(side):
            os.makedirs(TREE / f"{a:02x}" / f"{b:02x}")
    for i in range(FILES):
        digest = hashlib.md5(str(i).encode()).hexdigest()
        path = f"{TREE}/{int(digest[:4], 16) % side:02x}/{int(digest[4:8], 16) % side:02x}/{digest[8:24]}"
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))
    run("sync", "-f", str(MOUNTED))
    return image


def mount(image):
    run("mount", "-o", "loop,noatime", str(image), str(MOUNTED))


def cool(image):
    run("sync")
    run("umount", str(MOUNTED))
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
    mount(image)
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")


class Measured:
    peak = 0

    @classmethod
    def time(cls, command, ours=False):
        """Seconds, with making it durable."""
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, shell=isinstance(command, str))
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            sys.exit(f"bench: {command} ended with {os.waitstatus_to_exitcode(status)}")
        run("sync", "-f", str(MOUNTED))
        if ours:
            cls.peak = max(cls.peak, usage.ru_maxrss)
        return time.monotonic() - began


def ours(*arguments):
    return Measured.time([HOLDFAST, "permissions", "apply", str(TREE), "--quiet", *arguments], ours=True)


def peers(mode):
    return {"chmod -R": ["chmod", "-R", mode, str(TREE)], "xargs -P 20": f"find '{TREE}' -print0 | xargs -0 -n 500 -P 20 chmod {mode}"}


figures = {}


def note(case, who, seconds):
    figures.setdefault(case, {}).setdefault(who, []).append(seconds)


def everything(case, image=None):
    """All peers and ours change every entry, forth and back."""
    mode = [ONE, OTHER]
    Measured.time(["chmod", "-R", mode[0], str(TREE)])
    for who, command in [("ours", None), *peers("").items()]:
        mode.reverse()
        if image:
            cool(image)
        note(case, who, ours("--mode", mode[0]) if command is None else Measured.time(peers(mode[0])[who]))


def ratio(case, who=None):
    times = {name: statistics.median(values) for name, values in figures[case].items()}
    return (times[who] if who else min(value for name, value in times.items() if name != "ours")) / times["ours"]


ext4 = make("ext4")
for _ in range(ROUNDS):
    everything("ext4, warm, everything changes")
    # Owners: there is no second peer.
    Measured.time(["chown", "-R", "1000:1000", str(TREE)])
    note("ext4, warm, every owner changes", "ours", ours("--owner", "2000", "--group", "2000"))
    note("ext4, warm, every owner changes", "chown -R", Measured.time(["chown", "-R", "3000:3000", str(TREE)]))
    everything("ext4, cold, everything changes", ext4)
    Measured.time(["chmod", "-R", ONE, str(TREE)])
    note("ext4, warm, nothing changes", "ours", ours("--mode", ONE))
    note("ext4, warm, nothing changes", "chmod -R", Measured.time(["chmod", "-R", ONE, str(TREE)]))
    note("20 threads allowed, against one", "ours", ours("--mode", OTHER, "--threads", "20"))
    note("20 threads allowed, against one", "ours, one thread", ours("--mode", ONE, "--threads", "1"))
run("umount", str(MOUNTED))
ext4.unlink()
make("xfs")
for _ in range(ROUNDS):
    everything("xfs, warm, everything changes")
run("umount", str(MOUNTED))

rows = []
for case, times in figures.items():
    for who, values in times.items():
        by = "" if who == "ours" else f"{ratio(case, who):.2f}"
        rows.append(f"| {case} | {who} | {statistics.median(values):.1f} | {min(values):.1f} to {max(values):.1f} | {by} |")
warm = min(ratio("ext4, warm, everything changes"), ratio("ext4, warm, every owner changes"))
line = (f"warm {warm:.2f} cold {ratio('ext4, cold, everything changes'):.2f} nothing-to-do {ratio('ext4, warm, nothing changes'):.2f} xfs {ratio('xfs, warm, everything changes'):.2f} "
        f"threads-20-vs-1 {ratio('20 threads allowed, against one'):.2f} rss-mb {Measured.peak * 1024 / 1e6:.0f}")
cpu = next(text.split(":")[1].strip() for text in open("/proc/cpuinfo") if text.startswith("model name"))
text = f"""<!-- {NAME} begin -->
## Permissions of {FILES:,} files

- Date: {datetime.date.today()}, {ROUNDS} rounds, {cpu}, {os.cpu_count()} cores; load before the end {open('/proc/loadavg').read().split()[0]}
- Seconds, durable (sync); ours with the pass that verifies. By: the peer's time by ours.

| case | who | median | lowest to highest | by |
|---|---|---:|---:|---:|
""" + "\n".join(rows) + f"\n\n    {line}\n<!-- {NAME} end -->"
path = pathlib.Path("docs/benchmarks.md")
document = path.read_text()
pattern = re.compile(rf"<!-- {NAME} begin -->.*?<!-- {NAME} end -->", re.S)
path.write_text(pattern.sub(lambda _: text, document) if pattern.search(document) else document.rstrip() + "\n\n" + text + "\n")
print(line)
