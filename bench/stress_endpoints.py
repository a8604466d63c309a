"""The cases in which the servers misbehave: every fault of the mock at a tenth of the requests,
servers that die and come back, all of them gone at once, and a list of them that changes.
"""
import threading
import time

from loopback import free_port
from stress_rig import KILL, Finding, Rig, lasting, wait_until

SHARE = 0.1
# Faults that leave the program waiting end by these; a healthy answer takes a tenth of them.
DEADLINES = ["--idle-seconds", 1, "--request-seconds", 4]
STREAM_ONLY = ("error_inside", "no_done", "double_done", "extra_lines")
FAULTS = ("busy", "busy_date", "500", "502", "503", "504", "html", "html_200", "redirect",
          "stall", "freeze", "drip", "cut", "torn_json", "long_length", "short_length", "reset", "reset_midway", "close",
          "garbage", "error_inside", "empty_choices", "null_content", "bad_utf8", "no_usage", "no_done", "double_done",
          "extra_lines")
# Whose rows are not those of an undisturbed run: without counts of the server the client counts itself, bytes that
# are not UTF-8 become U+FFFD, and a redirect is not followed: the document is set aside with that reason.
OTHER_ROWS = ("no_usage", "bad_utf8", "redirect")


def one_fault(rig, fault):
    """A tenth of the requests meets the fault: once in whole answers, once in streams."""
    finding = Finding(f"`{fault}` at {SHARE:.0%} of the requests")
    started, met = time.monotonic(), 0
    for stream in ("--no-stream", "--stream"):
        if stream == "--no-stream" and fault in STREAM_ONLY:
            continue
        rig.clear()
        with rig.mock(fault=f"{fault}={SHARE}") as mock:
            outcome = rig.run(rig.command(settings=[stream, *DEADLINES]))
            counted = mock.statistics()
            faults = sum(counted["faults"].values())
            met += faults
            # An answer that went wrong on its way was computed all the same.
            rig.judge(finding, outcome, counted["begun"], rig.documents + faults, same_bytes=fault not in OTHER_ROWS)
    if not met:
        finding.wrong.append("no request met the fault")
    finding.note = f"{met} requests met it"
    finding.seconds = time.monotonic() - started
    return finding


def every_fault(program, folder, size):
    # Answers of one length: the shortest, of a word or two, may be empty without being wrong.
    rig = Rig(program, folder / "faults", size.fault_documents, length_spread="fixed", retry_after_seconds=1,
              fault_limit=2, drip_seconds=0.3)
    rig.learn(Finding("faults"))
    return [one_fault(rig, fault) for fault in size.faults]


def all_at_once(program, folder, size):
    """Every fault together, each at one hundredth to three hundredths."""
    finding = Finding("all faults together, at 60 % of the requests in all")
    started = time.monotonic()
    share = round(0.6 / len(FAULTS), 4)
    rig = Rig(program, folder / "together", size.documents, retry_after_seconds=1, drip_seconds=0.3)
    rig.learn(finding)
    rig.clear()
    # A list option of the mock is given once for each entry.
    mock = rig.mock()
    for fault in FAULTS:
        mock.command += ["--fault", f"{fault}={share}"]
    with mock:
        outcome = rig.run(rig.command(settings=["--stream", *DEADLINES]))
        counted = mock.statistics()
        faults = sum(counted["faults"].values())
        rig.judge(finding, outcome, counted["begun"], rig.documents + faults, same_bytes=False)
        finding.note = f"{faults} faults met"
    finding.seconds = time.monotonic() - started
    return finding


def server_killed(program, folder, size):
    """kill -9 of the only server in the middle, and a new one on the same port after a while."""
    finding = Finding(f"the only server killed, back after {size.gone_seconds} s")
    started = time.monotonic()
    rig = Rig(program, folder / "gone", size.documents, latency_seconds=0.02)
    rig.learn(finding)
    rig.clear()
    mock = rig.mock()
    mock.start()
    running = rig.start()
    wait_until(lambda: mock.statistics()["begun"] > rig.documents / 3)
    paid = mock.statistics()["begun"]
    mock.stop(KILL)
    time.sleep(size.gone_seconds)
    still = running.running()
    mock.start()
    outcome = running.finish()
    paid += mock.statistics()["begun"]
    mock.stop()
    if not still:
        finding.wrong.append("the program gave up while the server was gone")
    # Between the last look at its counts and its end the server may have begun some more.
    rig.judge(finding, outcome, paid, rig.documents + 2 * rig.in_flight)
    finding.seconds = time.monotonic() - started
    return finding


def one_of_three_dies(program, folder, size):
    """Three servers, of which one is slow, one answers nothing but 500, and one is killed midway."""
    finding = Finding("three servers: one slow, one failing, one killed")
    started = time.monotonic()
    rig = Rig(program, folder / "three", size.documents, latency_seconds=0.02)
    rig.learn(finding)
    rig.clear()
    slow = rig.mock(latency_seconds=0.2)
    failing = rig.mock(port=free_port(), fault="500=1", fault_limit=0)
    dying = rig.mock(port=free_port())
    with slow, failing, dying:
        running = rig.start(rig.command(urls=[slow.url, failing.url, dying.url]))
        wait_until(lambda: dying.statistics()["begun"] > rig.documents / 8)
        paid = dying.statistics()["begun"]
        dying.stop(KILL)
        outcome = running.finish()
        failed = failing.statistics()
        paid += slow.statistics()["begun"] + failed["begun"]
        rig.judge(finding, outcome, paid, rig.documents + 2 * rig.in_flight + failed["faults"].get("500", 0))
        finding.note = f"the failing one was asked {failed['requests']} times"
    finding.seconds = time.monotonic() - started
    return finding


def list_rewritten(program, folder, size):
    """The file of endpoints is rewritten while the run reads it: another server, half a line, nothing."""
    finding = Finding("the file of endpoints rewritten while running")
    started = time.monotonic()
    rig = Rig(program, folder / "list", size.documents, **lasting(size.documents))
    rig.learn(finding)
    rig.clear()
    listed = rig.folder / "endpoints.txt"
    first, second = rig.mock(), rig.mock(port=free_port())
    with first, second:
        listed.write_text(f"{first.url}\n")
        command = rig.command(urls=[], settings=["--urls-file", listed, "--urls-refresh-seconds", 0.5])
        running = rig.start(command)
        wait_until(lambda: first.statistics()["begun"] > rig.documents / 8)
        for text in (f"{first.url}\nhttp://127.0", "", f"{second.url}\n"):
            listed.write_text(text)
            time.sleep(1.5)
        outcome = running.finish()
        asked = [server.statistics()["begun"] for server in (first, second)]
        if not asked[1]:
            finding.wrong.append("the second server was never asked")
        rig.judge(finding, outcome, sum(asked), rig.documents + rig.in_flight)
        finding.note = f"{asked[0]} and {asked[1]} answers"
    finding.seconds = time.monotonic() - started
    return finding


class Flapping(threading.Thread):
    """Ends a server and starts it again, over and over, until told to stop."""

    def __init__(self, mock, up_seconds, down_seconds):
        super().__init__()
        self.mock, self.up_seconds, self.down_seconds = mock, up_seconds, down_seconds
        self.done, self.times = threading.Event(), 0

    def run(self):
        while not self.done.wait(self.up_seconds):
            self.mock.stop(KILL)
            self.done.wait(self.down_seconds)
            self.mock.start()
            self.times += 1


def server_flaps(program, folder, size):
    """A server that is killed and comes back all the time."""
    finding = Finding("a server that is killed every four seconds, and comes back")
    started = time.monotonic()
    rig = Rig(program, folder / "flaps", size.documents, in_flight=8, latency_seconds=0.3)
    rig.learn(finding)
    rig.clear()
    mock = rig.mock()
    mock.start()
    flapping = Flapping(mock, 3, 1)
    running = rig.start()
    wait_until(lambda: mock.statistics()["begun"] > 0)
    flapping.start()
    outcome = running.finish()
    flapping.done.set()
    flapping.join()
    mock.stop()
    rig.judge(finding, outcome)
    finding.note = f"{flapping.times} times"
    finding.seconds = time.monotonic() - started
    return finding
