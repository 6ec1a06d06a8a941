#!/usr/bin/env python3
"""Kills the command and breaks its disk, and checks that nothing which was complete is lost and that whatever was cut off can be done again.

Five jobs: `train` from nothing, `train --resume` of a run that has a checkpoint, `sample` over an older file (.npy, .csv with its record beside
it), `export`, `import`. Three kinds of harm:

  kills     SIGKILL at random instants, `--kills` of them
  faults    every K-th call that changes the disk, K = 1, 2, … until a run passes without harm: it fails once with EIO or ENOSPC, or all
            writes from there on fail (a full disk), or a write is torn, or the process is killed there (fault.c, preloaded)
  full      a file system of 64 KiB, then larger, until the job passes (where this machine lets it be mounted)

After each: the exit is an ordinary one (never a panic); what a run folder's `latest` names is whole by its own hashes and no older than before;
a file is the old one or the new one, byte for byte; and the job, done again without harm, ends in the bytes of one that was never disturbed.

    python3 scripts/reliability/crash.py --binary target/release/scorefield --kills 500 --markdown docs/reliability.md
    python3 scripts/reliability/crash.py --quick          # half a minute, as CI runs it
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from table import replace_table

HERE = Path(__file__).resolve().parent
SMALL = "--width 16 --depth 1 --embedding 8 --batch 16 --warmup 2 --log-every 1".split()
UNET = "--net unet --width 8 --depth 1 --embedding 8 --batch 2 --steps 1 --warmup 0".split()


class Broken(Exception):
    """What must never happen."""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tree(folder: Path) -> dict[str, str]:
    return {str(f.relative_to(folder)): digest(f) for f in sorted(folder.rglob("*")) if f.is_file()}


def latest(run: Path) -> tuple[int, dict[str, str]] | None:
    """The step and the tensors of the checkpoint that `latest` names, checked against its hashes; None if there is none."""
    if not (run / "latest").exists():
        return None
    folder = run / "checkpoints" / (run / "latest").read_text().strip()
    state = json.loads((folder / "state.json").read_text())
    found = {}
    for name, mark in state["files"].items():
        found[name] = digest(folder / name)
        if found[name] != mark["sha256"]:
            raise Broken(f"{folder / name} is not what was written")
    if len(found) != 3:
        raise Broken(f"{folder} lacks files")
    return state["step"], found


def losses(run: Path) -> list:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [(r["step"], r["loss"], r["lr"], r["grad_norm"]) for r in rows]


class Job:
    """Something that writes; `world` is the folder in which it runs."""

    name = ""

    def __init__(self, lab):
        self.lab = lab

    def prepare(self, world: Path) -> None: ...

    def command(self, world: Path) -> list[str]: ...

    def again(self, world: Path) -> list[str]:
        """The command that does it after a crash."""
        return self.command(world)

    def inspect(self, world: Path) -> bool:
        """Raises Broken if something complete was lost; says whether the job is wholly done."""
        raise NotImplementedError

    def result(self, world: Path):
        """What must be equal at the end, whatever happened."""
        raise NotImplementedError


class Train(Job):
    name = "train"
    steps, every, before = 12, 4, 0

    def flags(self):
        return ["toy:two-moons", "--steps", str(self.steps), "--checkpoint-every", str(self.every), "--keep", "2", *SMALL]

    def command(self, world):
        return ["train", *self.flags(), "--out", "run"]

    def again(self, world):
        return ["train", *self.flags(), "--out", "run", "--resume"]

    def inspect(self, world):
        found = latest(world / "run")
        if self.before and (found is None or found[0] < self.before):
            raise Broken(f"the checkpoint of step {self.before} is gone: latest is {found}")
        return found is not None and found[0] == self.steps and (world / "run/README.md").exists()

    def result(self, world):
        return latest(world / "run"), losses(world / "run")


class Resume(Train):
    name = "train --resume"
    before = 4

    def prepare(self, world):
        shutil.copytree(self.lab.half, world / "run")

    def command(self, world):
        return self.again(world)


class LongTrain(Train):
    """The same for kills, which need time to fall into."""

    steps, every = 600, 5


class Sample(Job):
    extension = "npy"

    @property
    def name(self):
        return f"sample to .{self.extension}"

    @property
    def file(self):
        return f"x.{self.extension}"

    n = 300

    def prepare(self, world):
        for path in self.lab.old.glob(f"{self.file}*"):
            shutil.copy(path, world / path.name)

    def command(self, world):
        return ["sample", str(self.lab.run), "-n", str(self.n), "--steps", "3", "-o", self.file]

    def pair(self, folder):
        return [digest(p) if (p := folder / name).exists() else None for name in (self.file, self.file + ".json")]

    def inspect(self, world):
        file, record = self.pair(world)
        old, new = self.pair(self.lab.old), self.lab.reference.get(self.name)
        if new is None:
            return True
        if file == old[0]:
            # The moment before the new file has its name; its own record, never another's.
            if record not in (old[1], None):
                raise Broken("the old file has the new one's record")
            return False
        if file != new[0] or record not in (new[1], None):
            raise Broken(f"{self.file} is neither the old nor the new one")
        return record == new[1]

    def result(self, world):
        return self.pair(world)


class SampleCsv(Sample):
    extension = "csv"


class Export(Job):
    name = "export"

    def command(self, world):
        return ["export", str(self.lab.unet), "--format", "diffusers", "out"]

    def inspect(self, world):
        if not (world / "out").exists():
            return False
        whole = self.lab.reference.get(self.name)
        if whole is not None and tree(world / "out") != whole:
            raise Broken("the exported folder is there and not whole")
        return True

    def result(self, world):
        return tree(world / "out")


class Import(Job):
    name = "import"

    def command(self, world):
        return ["import", str(self.lab.exported), "--out", "run"]

    def inspect(self, world):
        return latest(world / "run") is not None

    def result(self, world):
        kept = tree(world / "run")
        # Its state has the moment in it, its lock the process.
        return {name: mark for name, mark in kept.items() if not name.endswith(("state.json", ".lock"))}


class Lab:
    def __init__(self, binary: Path, folder: Path):
        self.binary, self.folder, self.worlds = binary, folder, 0
        self.reference = {}
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("SCOREFIELD_")} | {"RAYON_NUM_THREADS": "1"}
        self.shim = folder / "fault.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self.shim, HERE / "fault.c"], check=True)
        self.run, self.old, self.unet, self.exported = (folder / n for n in ("model", "old", "unet", "exported"))
        self.half = folder / "half"
        self.ok(folder, ["train", "toy:two-moons", "--steps", "2", *SMALL, "--out", str(self.run)])
        half = Train(self)
        # The first checkpoint of the run that will be resumed: a kill at the first call after it has its name.
        self.stop_at_first_checkpoint(half)
        self.ok(folder, ["train", "digits", *UNET, "--out", str(self.unet)])
        self.old.mkdir()
        for extension in ("npy", "csv"):
            self.ok(self.old, ["sample", str(self.run), "-n", "50", "--seed", "9", "--steps", "3", "-o", f"x.{extension}"])
        self.ok(folder, ["export", str(self.unet), "--format", "diffusers", str(self.exported)])

    def stop_at_first_checkpoint(self, job: Train) -> None:
        for k in range(1, 1000):
            world = self.world()
            self.harmed(world, job.command(world), "kill", k)
            if (found := latest(world / "run")) is not None:
                assert found[0] == job.every, found
                shutil.move(world / "run", self.half)
                return
        raise Broken("no checkpoint in a thousand calls")

    def world(self) -> Path:
        self.worlds += 1
        world = self.folder / f"world-{self.worlds}"
        world.mkdir()
        return world

    def start(self, world: Path, arguments: list[str], **more) -> subprocess.Popen:
        env = self.env | more
        return subprocess.Popen([self.binary, *arguments, "--quiet"], cwd=world, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def finish(self, process: subprocess.Popen, what) -> tuple[int, str]:
        try:
            _, stderr = process.communicate(timeout=120)
        except subprocess.TimeoutExpired as e:
            process.kill()
            raise Broken(f"{what} hangs") from e
        said = stderr.decode(errors="replace")
        if process.returncode not in (0, 1, 2, -signal.SIGKILL) or "panicked" in said:
            raise Broken(f"{what}: exit {process.returncode}: {said}")
        return process.returncode, said

    def ok(self, world: Path, arguments: list[str]) -> None:
        code, said = self.finish(self.start(world, arguments), arguments)
        if code != 0:
            raise Broken(f"{' '.join(arguments)}: exit {code}: {said}")

    def harmed(self, world: Path, arguments: list[str], kind: str, k: int) -> tuple[int, str, str]:
        """Exit code, stderr and the name of the call that was harmed ('-' if the run had fewer calls)."""
        log = self.folder / "calls"
        log.unlink(missing_ok=True)
        fault = {"LD_PRELOAD": str(self.shim), "FAULT_DIR": str(world), "FAULT_AT": str(k), "FAULT_KIND": kind, "FAULT_LOG": str(log)}
        code, said = self.finish(self.start(world, arguments, **fault), f"{arguments} with {kind} at call {k}")
        return code, said, log.read_text().split()[1]

    def whole(self, job: Job) -> float:
        """Does the job undisturbed, keeps its result, and says how long it took."""
        world = self.world()
        job.prepare(world)
        begun = time.monotonic()
        self.ok(world, job.command(world))
        seconds = time.monotonic() - begun
        result = job.result(world)
        if self.reference.setdefault(job.name, result) != result:
            raise Broken(f"{job.name}: two undisturbed runs differ")
        shutil.rmtree(world)
        return seconds

    def recover(self, job: Job, world: Path, what: str) -> None:
        """Looks at what a crash left, does the job again, compares."""
        try:
            if not job.inspect(world):
                self.ok(world, job.again(world))
            if job.result(world) != self.reference[job.name]:
                raise Broken("the end is not that of an undisturbed run")
        except (Broken, OSError, ValueError, KeyError) as e:
            raise Broken(f"{job.name}, {what}, in {world}: {e}") from e
        shutil.rmtree(world)


def kills(lab: Lab, count: int, seed: int) -> Counter:
    """SIGKILL at random instants; every other crash of training is followed by a second one while it resumes."""
    rng, done = random.Random(seed), Counter()

    class LongSample(Sample):
        n = 60_000

    class LongCsv(SampleCsv):
        n = 30_000

    jobs = [LongTrain(lab), LongSample(lab), LongCsv(lab), Export(lab), Import(lab)]
    lab.reference.clear()
    seconds = {job.name: lab.whole(job) for job in jobs}
    weights = [6, 1, 1, 1, 1]
    while done.total() < count:
        job = rng.choices(jobs, weights)[0]
        world = lab.world()
        job.prepare(world)
        arguments = job.command(world)
        crashed = 0
        for _ in range(2):
            process = lab.start(world, arguments)
            time.sleep(rng.uniform(0.0, seconds[job.name]))
            process.send_signal(signal.SIGKILL)
            code, _ = lab.finish(process, arguments)
            crashed += code == -signal.SIGKILL
            if job.inspect(world) or rng.random() < 0.5:
                break
            arguments = job.again(world)
        done[job.name] += crashed
        lab.recover(job, world, f"after {crashed} kills")
    lab.reference.clear()
    return done


KINDS = ["eio", "enospc", "full", "torn", "kill"]


def faults(lab: Lab, stride: int) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Every call in turn: for each job and kind, how many calls a whole run makes, how many were tried, and after how many failures the command itself went on to the end."""
    table = {}
    for job in [Train(lab), Resume(lab), Sample(lab), SampleCsv(lab), Export(lab), Import(lab)]:
        lab.whole(job)
        for number, kind in enumerate(KINDS):
            # With a stride each kind begins elsewhere, so that together they try more of the calls.
            k, tries, survived = 1 + number * (stride // len(KINDS)), 0, 0
            while True:
                world = lab.world()
                job.prepare(world)
                code, said, call = lab.harmed(world, job.command(world), kind, k)
                what = f"{kind} at call {k} ({call})"
                if kind != "kill" and code == 0 and call != "-":
                    survived += 1
                    if not job.inspect(world):
                        raise Broken(f"{job.name}, {what}, in {world}: exit 0 with the work not done")
                if kind != "kill" and code != 0 and len([l for l in said.splitlines() if not l.startswith("hint:")]) != 1:
                    raise Broken(f"{job.name}, {what}: not one clear line: {said!r}")
                lab.recover(job, world, what)
                if call == "-":
                    break
                k, tries = k + stride, tries + 1
            table[job.name, kind] = (k - 1, tries, survived)
    return table


def small_disks(lab: Lab) -> list[str]:
    """Jobs on file systems that are too small, made larger until the job passes."""
    rows = []
    for job in [Train(lab), Resume(lab), Sample(lab), SampleCsv(lab), Export(lab), Import(lab)]:
        sizes = []
        world = lab.world()
        size = 64
        while True:
            mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", world], capture_output=True)
            if mounted.returncode != 0:
                return []
            try:
                try:
                    job.prepare(world)
                except OSError:
                    size *= 2
                    continue
                code, said = lab.finish(lab.start(world, job.command(world)), f"{job.name} on {size} KiB")
                if code != 0:
                    sizes.append(size)
                    if "space" not in said:
                        raise Broken(f"{job.name} on {size} KiB does not say what is full: {said}")
                    subprocess.run(["mount", "-o", "remount,size=64m", world], check=True)
                if not job.inspect(world):
                    lab.ok(world, job.again(world))
                if job.result(world) != lab.reference[job.name]:
                    raise Broken(f"{job.name} on {size} KiB ends differently")
            finally:
                subprocess.run(["umount", world], check=True)
            if code == 0:
                break
            size *= 2
        rows.append(f"{job.name}: full at {', '.join(map(str, sizes)) or 'no size'} KiB, passed at {size} KiB")
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/scorefield")
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="10 kills, and every 17th call")
    parser.add_argument("--markdown", type=Path, help="puts the figures into this file")
    options = parser.parse_args()
    count, stride = (10, 17) if options.quick else (options.kills, 1)
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="scorefield-crash-"))
    try:
        lab = Lab(Path(options.binary).resolve(), folder)
        table = faults(lab, stride)
        disks = small_disks(lab)
        done = kills(lab, count, options.seed)
    except Broken as e:
        print(f"BROKEN: {e}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    lines = ["| job | calls that change the disk | " + " | ".join(KINDS) + " | kills at random |", "|---" * (len(KINDS) + 3) + "|"]
    names = list(dict.fromkeys(name for name, _ in table))
    for name in names:
        calls = max(table[name, kind][0] for kind in KINDS)
        cells = [f"{table[name, kind][1]} tried" + (f", {table[name, kind][2]} borne" if kind != "kill" else "") for kind in KINDS]
        lines.append(f"| {name} | {calls} | " + " | ".join(cells) + f" | {done.get(name, 0)} |")
    lines += ["", *(f"- a small disk, {row}" for row in disks or ["not tried: this machine lets nobody mount one"])]
    tried = sum(tries for _, tries, _ in table.values())
    lines += [f"- {tried} single faults and {done.total()} kills at random instants, {time.monotonic() - begun:.0f} s: nothing was lost, and every job ended in the bytes of an undisturbed one"]
    text = "\n".join(lines)
    print(text)
    print(f"acceptance: {tried + done.total()} passed, 0 failed")
    if options.markdown:
        replace_table(options.markdown, "crash", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
