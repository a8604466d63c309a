"""The cases in which the program itself is ended: kill -9 at random moments, Ctrl-C, SIGTERM, and
two at once in one folder.
"""
import signal
import time

from stress_rig import KILL, Finding, Rig, lasting, wait_until

KILLS_A_RUN = 20


def wait_for_moment(rig, running, mock, full_seconds):
    """Returns at the moment of the next kill, drawn anew each time, or when the program has ended.

    A fifth of them anywhere in a run's time, most in the midst of the answers, and a fifth after the
    last answer was asked for, when rows, cards and manifests are written.
    """
    draw = rig.random.random()
    if draw < 0.2:
        pause = rig.random.uniform(0, full_seconds)
    else:
        begun = mock.statistics()["begun"] - rig.begun_before
        more = rig.random.expovariate(1 / (rig.documents / KILLS_A_RUN))
        target = min(rig.documents, begun + more) if draw < 0.8 else rig.documents
        wait_until(lambda: not running.running() or mock.statistics()["begun"] - rig.begun_before >= target, 60, 0.002)
        pause = rig.random.uniform(0, 0.02 if draw < 0.8 else 0.3)
    wait_until(lambda: not running.running(), pause, 0.001)


def kill_and_go_on(rig, finding, mock, most_kills, full_seconds):
    """One run, killed at up to `most_kills` random moments and then left to end; its outcome."""
    kills = 0
    while kills < most_kills:
        running = rig.start()
        wait_for_moment(rig, running, mock, full_seconds)
        if not running.running():
            return running.finish(), kills
        running.signal(KILL)
        outcome = running.finish()
        if outcome.status != 128 + KILL:
            return outcome, kills  # it ended by itself in that moment
        kills += 1
    return rig.run(), kills


def killed_at_random(program, folder, size):
    """kill -9 at random moments of runs of 2,000 documents, each gone on with until it ends."""
    finding = Finding(f"`kill -9` at {size.kills} random moments")
    started = time.monotonic()
    rig = Rig(program, folder / "kills", size.kill_documents, latency_seconds=0.01, latency_spread="lognormal")
    full_seconds = rig.learn(finding)
    with rig.mock() as mock:
        while finding.kills < size.kills and len(finding.wrong) < 5:
            rig.clear()
            rig.begun_before = mock.statistics()["begun"]
            outcome, kills = kill_and_go_on(rig, finding, mock, min(KILLS_A_RUN, size.kills - finding.kills), full_seconds)
            finding.kills += kills
            paid = mock.statistics()["begun"] - rig.begun_before
            rig.judge(finding, outcome, paid, rig.documents + kills * rig.in_flight)
    again = (finding.paid - finding.documents) / max(1, finding.kills)
    finding.note = (f"{size.kill_documents} documents a run, {rig.in_flight} in flight; {again:.1f} answers were paid "
                    f"for again at a kill")
    finding.seconds = time.monotonic() - started
    return finding


def stopped_by_signal(program, folder, size):
    """SIGINT and SIGTERM in the middle: what is in flight is waited for and kept, exit status 130."""
    finding = Finding("Ctrl-C and SIGTERM in the middle")
    started = time.monotonic()
    rig = Rig(program, folder / "signals", size.documents, latency_seconds=0.02)
    rig.learn(finding)
    for number in (signal.SIGINT, signal.SIGTERM) * size.rounds:
        rig.clear()
        with rig.mock() as mock:
            running = rig.start()
            wait_until(lambda: mock.statistics()["begun"] > rig.documents / 4)
            running.signal(number)
            outcome = running.finish(60)
            if outcome.status != 130:
                finding.wrong.append(f"{signal.Signals(number).name}: exit status {outcome.status}")
            rig.judge(finding, rig.run(), mock.statistics()["begun"], rig.documents)
    finding.note = "drained: no answer is paid for twice"
    finding.seconds = time.monotonic() - started
    return finding


def used_by_a_second(program, folder, size):
    """The same command while the first still runs: refused at once, and the first is not disturbed."""
    finding = Finding("the folder in use by a second process")
    started = time.monotonic()
    rig = Rig(program, folder / "second", size.documents, **lasting(size.documents))
    rig.learn(finding)
    for _ in range(size.rounds):
        rig.clear()
        with rig.mock() as mock:
            running = rig.start()
            wait_until(lambda: mock.statistics()["begun"] > rig.documents / 8)
            second = rig.run(timeout=60)
            if second.status != 2:
                finding.wrong.append(f"the second ended with {second.status}: {second.last_error()}")
            said = second.last_error().replace(str(rig.folder) + "/", "")
            finding.note = f"the second says: \"{said}\""
            rig.judge(finding, running.finish(), mock.statistics()["begun"], rig.documents)
    finding.seconds = time.monotonic() - started
    return finding
