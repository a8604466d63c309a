"""What is compared: programs that build one network, warm up, and then train some seconds at a time
when they are told to. All sides of a case stand ready at once and take turns.
"""
import json
import os
import selectors
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from measuring import ROOT, library_settings, memory_of

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
PEERS = {"eager": ("lean", False), "compiled": ("lean", True), "transformers": ("llama", False)}


@dataclass(frozen=True)
class Case:
    name: str
    shape: dict  # with the names of the model's options
    rows: int  # of a step
    seq_length: int
    text: str = "random"
    peers: tuple = ("eager", "compiled")
    goal: float = None  # ours over the better peer
    goal_gemm_share: float = None
    recompute: bool = False

    @property
    def tokens(self):
        return self.rows * self.seq_length


class SideFailed(Exception):
    pass


class Side:
    """One such program. Leaves with `stop()`."""

    def __init__(self, name, command, threads, inductor_cache=None):
        self.name = name
        self.errors = tempfile.TemporaryFile()
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
        if inductor_cache:
            environment["TORCHINDUCTOR_CACHE_DIR"] = str(inductor_cache)
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True, bufsize=1,
                                        env=environment)
        self.facts = None

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    def answer(self, most_cpu_seconds=None):
        """The next line it prints; None where it used more processor time than that before it."""
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            while not ready.select(0.1):
                if most_cpu_seconds is not None and self.cpu_seconds() > most_cpu_seconds:
                    return None
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise SideFailed(f"{self.name}: {self.errors.read().decode(errors='replace')[-3000:]}")
        return json.loads(line)

    def warm_up(self, most_cpu_seconds=None):
        """Waits until it stands ready; False where it was too slow."""
        self.facts = self.answer(most_cpu_seconds)
        return self.facts is not None

    def train(self, seconds, most_cpu_seconds=None):
        """{"tokens", "steps", "seconds"}, or None where it was too slow."""
        self.process.stdin.write(f"{seconds}\n")
        return self.answer(most_cpu_seconds)

    def gemm_flops(self, precision):
        self.process.stdin.write(f"gemm {precision}\n")
        return self.answer()["flops"]

    def peak_bytes(self):
        return memory_of(self.process.pid)[1]

    def stop(self):
        self.process.kill()
        self.process.communicate()
        self.errors.close()


def start(case, name, precision, threads, build, folder):
    """The side `name` ("ours" or a peer) of a case, not warm yet."""
    if name == "ours":
        settings = {"text": case.text,
                    "train": {"precision": precision, "threads": threads, "batch_rows": case.rows,
                              "seq_length": case.seq_length, "recompute_layers": case.recompute},
                    "model": {**case.shape, "max_positions": max(2048, case.seq_length)}}
        work = tempfile.mkdtemp(prefix="ours-", dir=folder)
        return Side(name, [build / "tpt_train_bench", json.dumps(settings), work], threads)
    module, is_compiled = PEERS[name]
    settings = {"shape": case.shape, "module": module, "compiled": is_compiled, "precision": precision,
                "threads": threads, "rows": case.rows, "seq_length": case.seq_length}
    command = [library_settings()["TPT_TEST_PYTHON"], ROOT / "bench/train_peer.py", json.dumps(settings)]
    return Side(name, command, threads, build / "bench" / "inductor")


def try_precision(side, seconds, most_cpu_seconds=None):
    """(tokens a second or None where too slow, processor seconds used); the side is stopped."""
    try:
        done = side.warm_up(most_cpu_seconds) and side.train(seconds, most_cpu_seconds)
        return (done["tokens"] / done["seconds"] if done else None), side.cpu_seconds()
    finally:
        side.stop()


