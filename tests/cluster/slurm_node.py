#!/usr/bin/env python3
"""A Slurm cluster of one node, on loopback, in a folder of its own.

    python tests/cluster/slurm_node.py install         apt-get install what is needed (as root)
    python tests/cluster/slurm_node.py check           say whether Slurm can run here
    python tests/cluster/slurm_node.py start FOLDER    print the `export` line for its users
    python tests/cluster/slurm_node.py stop FOLDER

Only `install` changes the machine. The daemons are found on the path, run as the calling user
and write into FOLDER alone: key, socket, state, logs. There is no database (no slurmdbd), as on
small clusters: Snakemake then needs `--slurm-status-command squeue`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

INSTALL = "apt-get update && apt-get install -y --no-install-recommends slurm-wlm munge"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
SEARCH_PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"

# Real enforcement without control groups: memory is sampled every second and a job above its
# request is killed; the time limit has no grace. Nodes come back by themselves (ReturnToService).
SLURM_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/controller
SlurmdSpoolDir={folder}/node
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MpiDefault=none
SwitchType=switch/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=5,bf_interval=5,batch_sched_delay=0
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobs.log
AccountingStorageType=accounting_storage/none
OverTimeLimit=0
KillWait=2
MinJobAge=7200
InactiveLimit=0
ReturnToService=2
SlurmdTimeout=60
Waittime=0
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=batch Nodes={host} Default=YES MaxTime=1-0 State=UP
"""


class SlurmUnavailableError(RuntimeError):
    """Slurm cannot run on this machine; the message says why and what to do."""


class SlurmNode:
    """One-node Slurm cluster: munged, slurmctld and slurmd with all their files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.conf = self.folder / "slurm.conf"
        self.host = socket.gethostname().split(".")[0]
        self.environment = {
            **os.environ,
            "PATH": f"{self.folder / 'bin'}:{SEARCH_PATH}",
            "SLURM_CONF": str(self.conf),
        }

    def start(self, timeout: float = 60) -> None:
        """Write the configuration, start the daemons and wait until the node is idle."""
        reason = missing()
        if reason:
            raise SlurmUnavailableError(reason)
        for name in ("bin", "munge", "controller", "node"):
            (self.folder / name).mkdir(mode=0o755, parents=True, exist_ok=True)
        key = self.folder / "munge" / "key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        self.conf.write_text(
            SLURM_CONF.format(
                host=self.host,
                controller_port=free_port(),
                node_port=free_port(),
                user=pwd.getpwuid(os.getuid()).pw_name,
                folder=self.folder,
                cpus=os.cpu_count(),
                # In MB; what the machine has, less what the system itself uses.
                memory=int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 0.9 / 2**20),
            )
        )
        # Snakemake's plugin takes SLURM_CONF away from the srun inside a job; a real cluster has
        # its configuration in /etc/slurm, this one gives srun its own.
        srun = self.folder / "bin" / "srun"
        real_srun = shutil.which("srun", path=SEARCH_PATH)
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={self.conf} exec {real_srun} "$@"\n')
        srun.chmod(0o755)
        try:
            self._spawn(
                "munged",
                *("--foreground", "--force", f"--key-file={key}"),
                *(f"--{name}={self.folder}/munge/{name}" for name in ("socket",)),
                *(f"--{name}-file={self.folder}/munge/{name}" for name in ("pid", "log", "seed")),
            )
            self._wait_until(lambda: (self.folder / "munge/socket").exists(), "munged", timeout)
            self.start_controller()
            self._spawn("slurmd", "-D", "-f", str(self.conf))
            self._wait_until(lambda: self.node_state() == "idle", "the node", timeout)
        except Exception:
            self.stop()
            raise

    def start_controller(self) -> None:
        """Start slurmctld, on the saved state if there is one."""
        self._spawn("slurmctld", "-D", "-f", str(self.conf))

    def stop_controller(self) -> None:
        """Stop slurmctld alone; jobs on the node go on."""
        self._end("slurmctld")

    def stop(self) -> None:
        """Cancel all jobs and stop the daemons that `start` started."""
        with contextlib.suppress(subprocess.SubprocessError, OSError):
            self.call("scancel", "--user", pwd.getpwuid(os.getuid()).pw_name, timeout=15)
        for program in ("slurmd", "slurmctld", "munged"):
            self._end(program)

    def call(self, *command: str, timeout: float = 60) -> str:
        """Return the output of a Slurm command, asked of this cluster."""
        return subprocess.run(
            command,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=timeout,
        ).stdout.strip()

    def node_state(self) -> str:
        """Return the state of the node as sinfo prints it, empty while nobody answers."""
        try:
            return self.call("sinfo", "--noheader", "--format=%T", timeout=15)
        except subprocess.SubprocessError:
            return ""

    def jobs(self) -> dict[str, dict[str, str]]:
        """Return what slurmctld knows of each job it remembers: id -> {key: value}."""
        text = self.call("scontrol", "--oneliner", "show", "job")
        records = [
            dict(word.split("=", 1) for word in line.split() if "=" in word)
            for line in text.splitlines()
        ]
        return {record["JobId"]: record for record in records if "JobId" in record}

    def _spawn(self, program: str, *arguments: str) -> None:
        path = shutil.which(program, path=SEARCH_PATH)
        with (self.folder / f"{program}.out").open("ab") as output:
            process = subprocess.Popen(
                [str(path), *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        (self.folder / f"{program}.process").write_text(str(process.pid))

    def _end(self, program: str) -> None:
        """End the process that `_spawn` noted, by its number, and wait for it."""
        note = self.folder / f"{program}.process"
        if not note.exists():
            return
        number = int(note.read_text())
        for how in (signal.SIGTERM, signal.SIGKILL):
            if not is_running(number, program):
                break
            os.kill(number, how)
            for _ in range(100):
                if not is_running(number, program):
                    break
                time.sleep(0.1)
        note.unlink()

    def _wait_until(self, ready, what: str, timeout: float) -> None:
        end = time.monotonic() + timeout
        while not ready():
            if time.monotonic() > end:
                logs = [*self.folder.glob("*.out"), *self.folder.glob("*.log")]
                tails = "\n".join(f"{path}:\n{path.read_text()[-800:]}" for path in logs)
                raise SlurmUnavailableError(f"{what} did not come up in {timeout:.0f} s\n{tails}")
            time.sleep(0.3)


def missing() -> str:
    """Return why Slurm cannot run here and what to do about it, or an empty text."""
    if not sys.platform.startswith("linux"):
        return f"Slurm needs Linux; this is {sys.platform}"
    absent = [name for name in PROGRAMS if shutil.which(name, path=SEARCH_PATH) is None]
    return f"{', '.join(absent)} not found; as root: {INSTALL}" if absent else ""


def free_port() -> int:
    """Return a port of the loopback device that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_running(number: int, program: str) -> bool:
    """Tell whether process `number` runs `program` (and is not another's, or a zombie)."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(number, os.WNOHANG)
    try:
        status = Path(f"/proc/{number}/status").read_text()
    except OSError:
        return False
    return f"Name:\t{program}" in status and "State:\tZ" not in status


@contextlib.contextmanager
def one_node_cluster(folder: Path) -> Iterator[SlurmNode]:
    """Run a one-node cluster in `folder` for the duration of a with block, SIGTERM included."""

    def leave(*_: object) -> None:
        raise SystemExit("terminated")

    before = signal.signal(signal.SIGTERM, leave)
    node = SlurmNode(folder)
    try:
        node.start()
        yield node
    finally:
        node.stop()
        signal.signal(signal.SIGTERM, before)


def main() -> None:
    """Run one of the commands of the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("install", "check", "start", "stop"))
    parser.add_argument("folder", nargs="?", type=Path)
    arguments = parser.parse_args()
    if arguments.command in ("start", "stop") and arguments.folder is None:
        parser.error(f"{arguments.command} needs a folder")
    if arguments.command == "install":
        if missing():
            print(INSTALL, flush=True)
            subprocess.run(INSTALL, shell=True, check=True)
        return
    if missing() and arguments.command != "stop":
        print(f"SKIPPED: no Slurm on this machine: {missing()}")
        return
    if arguments.command == "start":
        SlurmNode(arguments.folder).start()
        folder = arguments.folder.resolve()
        print(f"export SLURM_CONF={folder / 'slurm.conf'} PATH={folder / 'bin'}:$PATH")
    elif arguments.command == "stop":
        SlurmNode(arguments.folder).stop()
    else:
        print("Slurm is installed")


if __name__ == "__main__":
    main()
