"""The cases of the disk and the clock: a full disk, a journal that was torn, cut or has a bit
turned, and a clock that jumps.
"""
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from stress_rig import KILL, Finding, Rig, wait_until

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


def mount(*words):
    return subprocess.run(["mount", *words], capture_output=True, text=True).returncode == 0


def disk_full(program, folder, size):
    """A disk too small for the rows; then more room, and the same command again."""
    finding = Finding("disk full, then room again")
    started = time.monotonic()
    rig = Rig(program, folder / "full", size.documents, answer_bytes=3000)
    rig.learn(finding)
    for kibibytes in size.disks:
        rig.clear()
        rig.out.mkdir()
        if not mount("-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", str(rig.out)):
            finding.skipped = "a small disk needs the right to mount"
            return finding
        try:
            with rig.mock() as mock:
                full = rig.run()
                if full.status != 1 or not re.search("full|space", full.errors):
                    finding.wrong.append(f"{kibibytes} KiB: status {full.status}, \"{full.last_error()}\"")
                begun = mock.statistics()["begun"]
                mount("-o", "remount,size=512m", str(rig.out))
                outcome = rig.run()
                paid = mock.statistics()["begun"]
                # What had not reached the journal when the disk was full is asked for again.
                rig.judge(finding, outcome, paid, rig.documents + min(begun, 2 * rig.in_flight + 256))
        finally:
            subprocess.run(["umount", str(rig.out)], check=False)
    said = full.last_error().replace(str(rig.folder) + "/", "")
    finding.note = f"\"{said}\""
    finding.seconds = time.monotonic() - started
    return finding


def journal_files(folder):
    return [path for path in sorted(Path(folder).glob("journal*")) if path.is_file() and path.stat().st_size]


def tear(random, path):
    """Cuts the file at a random byte."""
    os.truncate(path, random.randrange(path.stat().st_size))


def turn_bit(random, path):
    """Turns one bit of the file."""
    with open(path, "r+b") as file:
        at = random.randrange(path.stat().st_size)
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << random.randrange(8)]))


def blank_page(random, path):
    """Writes zeros over a block, as a disk that lost a write does."""
    block = 4096
    with open(path, "r+b") as file:
        file.seek(random.randrange(max(1, path.stat().st_size // block)) * block)
        file.write(bytes(block))


def damaged_journal(program, folder, size, what, damage):
    """Killed midway, the journal damaged, and gone on with: the same rows, or a refusal that says why."""
    finding = Finding(f"the journal {what} after a `kill -9`")
    started = time.monotonic()
    rig = Rig(program, folder / "journal", size.fault_documents, latency_seconds=0.01)
    rig.learn(finding)
    rig.clear()
    refused, said = 0, ""
    kept = rig.folder / "kept"
    with rig.mock() as mock:
        running = rig.start()
        wait_until(lambda: mock.statistics()["begun"] > rig.documents * 0.6)
        running.signal(KILL)
        running.finish()
        shutil.copytree(rig.out, kept)
        for _ in range(size.damages):
            rig.clear()
            shutil.copytree(kept, rig.out)
            damage(rig.random, rig.random.choice(journal_files(rig.out)))
            outcome = rig.run()
            if outcome.status in (1, 2, 3) and "journal" in outcome.errors:
                finding.runs += 1
                refused, said = refused + 1, outcome.last_error().replace(str(rig.folder) + "/", "")
            else:
                rig.judge(finding, outcome)
    finding.note = f"{refused} of {finding.runs} refused" + (f": \"{said}\"" if said else "; the others asked again")
    finding.seconds = time.monotonic() - started
    return finding


def every_damage(program, folder, size):
    return [damaged_journal(program, folder, size, "cut at a random byte", tear),
            damaged_journal(program, folder, size, "with one bit turned", turn_bit),
            damaged_journal(program, folder, size, "with a block of zeros", blank_page)]


def clock_jumps(program, folder, size):
    """The time of day jumps by a day, forward and back, while requests wait and retry."""
    finding = Finding("the clock jumps a day forward and a day back")
    if not Path(FAKETIME).exists():
        finding.skipped = "Debian's faketime is not installed"
        return finding
    started = time.monotonic()
    rig = Rig(program, folder / "clock", size.documents, latency_seconds=0.02, retry_after_seconds=1)
    rig.learn(finding)
    rig.clear()
    stamp = rig.folder / "faketime"
    stamp.write_text("+0\n")
    # libfaketime allocates when it is first asked for the time, and jemalloc asks for it while it allocates: libc.s
    # own malloc goes before it.
    environment = {"LD_PRELOAD": f"{FAKETIME}:libstdc++.so.6:libc.so.6", "FAKETIME_TIMESTAMP_FILE": str(stamp), "FAKETIME_NO_CACHE": "1",
                   "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with rig.mock(fault="busy=0.1") as mock:
        running = rig.start(environment=environment)
        for offset in ("+86400\n", "-86400\n", "+0\n"):
            begun = mock.statistics()["begun"]
            wait_until(lambda: mock.statistics()["begun"] > begun + rig.documents / 6, 20)
            stamp.write_text(offset)
        # Every 429 holds the endpoint back for its second of Retry-After, so this lasts.
        outcome = running.finish(600)
        rig.judge(finding, outcome, mock.statistics()["begun"], rig.documents)
    finding.seconds = time.monotonic() - started
    return finding
