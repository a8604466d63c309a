"""Runs programs and measures them: wall seconds, processor seconds of the process and its children,
resident memory over time. And says which machine that was.
"""
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("TPT_CACHE", Path.home() / ".cache" / "tpt"))


def library_settings():
    """What scripts/setup wrote down: names and paths."""
    text = (CACHE / "libraries.cmake").read_text()
    return dict(re.findall(r'set\((\w+) "([^"]*)"\)', text))


def machine():
    """One line that names the processor, how many of them, and how busy they are."""
    line = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    for row in Path("/proc/cpuinfo").read_text().splitlines():
        if row.startswith("model name"):
            return row.split(":")[1].strip() + ", " + line
    return line


def commit():
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, text=True, capture_output=True)
    return found.stdout.strip()


def run(command, **options):
    """Its stdout; ends this program with the command's last words where it fails."""
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True, **options)
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{(done.stderr or done.stdout)[-3000:]}")
    return done.stdout


def on_core(core, command):
    """The command kept on one core, so that client and server do not take each other's time."""
    words = [str(part) for part in command]
    return ["taskset", "-c", str(core), *words] if (os.cpu_count() or 1) > core else words


def memory_of(pid):
    """(resident bytes now, most bytes ever) of a process; zeros where it is gone."""
    found = {}
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(("VmRSS:", "VmHWM:")):
                found[line[:5]] = int(line.split()[1]) * 1024
    except OSError:
        pass
    return found.get("VmRSS", 0), found.get("VmHWM", 0)


@dataclass
class Measured:
    status: int
    output: str
    errors: str
    seconds: float
    cpu_seconds: float
    peak_bytes: int  # of the process itself, its children left out
    samples: list = field(default_factory=list)  # (seconds since the start, resident bytes)

    def last_json(self):
        """The last line of stdout that is a JSON object, or the whole of it."""
        try:
            return json.loads(self.output)
        except ValueError:
            lines = [line for line in self.output.splitlines() if line.startswith("{")]
            return json.loads(lines[-1])


def measure(command, environment=None, sample_every=0.2, timeout=None):
    """Runs to its end; the caller looks at the status. Every `sample_every` seconds its memory is read: the
    kernel's own account of the peak (ru_maxrss) begins with what this program held when it started the other.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.monotonic()
        child = subprocess.Popen([str(part) for part in command], stdout=output, stderr=errors,
                                 stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
        samples, peaks, ended = [], [0], threading.Event()

        def watch():
            while not ended.wait(sample_every):
                resident, peak = memory_of(child.pid)
                samples.append((time.monotonic() - started, resident))
                peaks.append(peak)

        watcher = threading.Thread(target=watch)
        watcher.start()
        guard = threading.Timer(timeout, child.kill) if timeout else None
        if guard:
            guard.start()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        ended.set()
        if guard:
            guard.cancel()
            guard.join()
        watcher.join()
        output.seek(0)
        errors.seek(0)
        return Measured(child.returncode, output.read().decode(errors="replace"),
                        errors.read().decode(errors="replace"), seconds, usage.ru_utime + usage.ru_stime,
                        max(peaks), samples)


def slope(samples):
    """Least-squares growth of (x, y) points: y per x; 0 for fewer than two points."""
    if len(samples) < 2:
        return 0.0
    mean_x = sum(x for x, _ in samples) / len(samples)
    mean_y = sum(y for _, y in samples) / len(samples)
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread if spread else 0.0


def write_result(build, name, result):
    """BUILD/bench/NAME.json; the parts of an earlier run that this one did not measure stay."""
    folder = Path(build) / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    return path
