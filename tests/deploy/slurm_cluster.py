"""A Slurm of one node, of its own folder and ports, that ends with the process that started it."""
import ctypes
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36

CONFIG = """
ClusterName=tpt-test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=2
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MailProg=/bin/true
SchedulerParameters=sched_interval=2
KillWait=5
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=4000 State=UNKNOWN
PartitionName=test Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tool(name):
    for folder in ("/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        if os.access(f"{folder}/{name}", os.X_OK):
            return f"{folder}/{name}"
    return None


def missing():
    """What keeps a Slurm from being started here; "" for nothing."""
    lacking = [name for name in ("munged", "slurmctld", "slurmd", "sbatch", "scontrol") if not tool(name)]
    if lacking:
        return f"not installed: {', '.join(lacking)} (Debian: slurm-wlm, munge)"
    return "" if os.geteuid() == 0 else "Slurm's daemons are started as root only"


class Cluster:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.daemons = []

    def __enter__(self):
        # What the daemons leave behind becomes a child of this process, and is ended with it.
        self.not_ours = set(children())
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        host = socket.gethostname().split(".")[0]
        config = self.folder / "slurm.conf"
        config.write_text(CONFIG.format(host=host, folder=self.folder, controller_port=free_port(), node_port=free_port()))
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
        self.environment["SLURM_CONF"] = str(config)
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(1024))
        self.daemon("munged", "--foreground", "--force", f"--key-file={key}", f"--socket={self.folder}/munge.socket",
                    f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/munged.log",
                    f"--seed-file={self.folder}/munge.seed")
        self.wait_for(lambda: (self.folder / "munge.socket").exists(), "munged")
        self.daemon("slurmctld", "-D", "-f", str(config))
        self.daemon("slurmd", "-D", "-f", str(config), "-N", host)
        self.wait_for(lambda: "idle" in self.run("sinfo", "-h", "-o", "%T", check=False), "an idle node")

    def daemon(self, name, *arguments):
        with open(self.folder / f"{name}.out", "w") as output:
            self.daemons.append(subprocess.Popen([tool(name), *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                                                 stdout=output, stderr=subprocess.STDOUT))

    def wait_for(self, condition, what, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return
            for daemon in self.daemons:
                if daemon.poll() is not None:
                    raise RuntimeError(f"{daemon.args[0]} ended: {self.logs()}")
            time.sleep(0.2)
        raise RuntimeError(f"waited {seconds} s for {what}: {self.logs()}")

    def logs(self):
        tails = [f"{log.name}: {log.read_text(errors='replace')[-1500:]}" for log in sorted(self.folder.glob("*.log")) +
                 sorted(self.folder.glob("*.out"))]
        return "\n".join(tails)

    def run(self, name, *arguments, check=True):
        done = subprocess.run([tool(name), *arguments], env=self.environment, capture_output=True, text=True)
        if check and done.returncode:
            raise RuntimeError(f"{name} {arguments}: {done.stderr}")
        return done.stdout

    def submit(self, *arguments):
        return self.run("sbatch", "--parsable", *arguments).strip()

    def state(self, task):
        """(state, how often it was put back into the queue) of JOB_TASK."""
        shown = self.run("scontrol", "-o", "show", "job", task)
        return (re.search(r"JobState=(\w+)", shown).group(1), int(re.search(r"Restarts=(\d+)", shown).group(1)))

    def __exit__(self, *_error):
        if len(self.daemons) == 3:
            self.run("scancel", "--full", "--signal=KILL", "--user=root", check=False)
        for daemon in reversed(self.daemons):
            daemon.terminate()
        for daemon in reversed(self.daemons):
            try:
                daemon.wait(15)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for _round in range(50):
            left = set(children()) - self.not_ours
            if not left:
                return
            for child in left:
                try:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                except (ProcessLookupError, ChildProcessError):
                    pass


def children():
    own = os.getpid()
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == own:
            found.append(int(status.parent.name))
    return found
