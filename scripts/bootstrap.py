#!/usr/bin/env python3
"""Makes .venv ready: `bootstrap.py run` for the program, `bootstrap.py dev` for working on it.

Installs exactly what the hashed lock names, once; a stamp makes every later call a matter of reading two files, without
network. Never touches anything outside .venv. The Makefile calls it before each target.
Uses the standard library alone, in the Python of ten years ago, so that an old one gets a sentence and not a traceback.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "topup.json"
# What a lock also covers: an environment for working on the program can run it.
COVERED = {"run": ["run"], "dev": ["run", "dev"]}
OLDEST = (3, 11)
NEWEST = (3, 14)

LAUNCHER = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys

from topup.cli import main

sys.argv[0] = "topup"
sys.exit(main())
"""


def main(arguments: "list[str]") -> None:
    """Make the environment named by the one argument ready."""
    if len(arguments) != 1 or arguments[0] not in COVERED:
        sys.exit("usage: bootstrap.py {}".format(" | ".join(COVERED)))
    kind = arguments[0]
    if is_ready(kind):
        return
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        hand_over(arguments)
    with (ROOT / "requirements" / (kind + ".txt")).open() as turn:
        wait_for(turn)
        if not is_ready(kind):
            make_environment()
            install(kind)
            link_sources()
            write_stamp(kind)


def is_ready(kind: str) -> bool:
    """Whether .venv has what the lock names, still stands where it was made, and still has its Python."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return stamp["place"] == str(VENV) and stamp["python"] == python_name() and stamp["locks"].get(kind) == lock(kind)


def hand_over(arguments: "list[str]") -> None:
    """Run this again with a Python that will do, if there is one; go on with one that is too new."""
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        python = shutil.which("python3.{}".format(minor))
        # A version manager's shim is found whether or not there is a Python behind it.
        if python and subprocess.call([python, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            os.execv(python, [python, __file__, *arguments])
    if sys.version_info[:2] < OLDEST:
        found = ".".join(map(str, sys.version_info[:2]))
        sys.exit("Topup needs Python 3.11 or newer and found {}: install one, or name it with PYTHON=...".format(found))


def wait_for(turn: TextIO) -> None:
    """Let two calls at once go one after the other."""
    fcntl.flock(turn, fcntl.LOCK_EX)


def make_environment() -> None:
    """Make .venv, keeping one that works."""
    if is_usable():
        return
    try:
        import ensurepip  # noqa: F401 - Debian packs it apart from Python
        import venv
    except ImportError:
        sys.exit(
            "This Python {}.{} has no venv and ensurepip: install them (Debian and Ubuntu: "
            "apt install python3-venv) and run this again.".format(*sys.version_info[:2])
        )
    venv.EnvBuilder(clear=True, symlinks=True, with_pip=True).create(str(VENV))


def is_usable() -> bool:
    """Whether .venv has a Python that runs pip, is new enough, and was made for this place."""
    script = "import pip, sys; sys.exit(sys.version_info < {!r} or sys.prefix != {!r})".format(OLDEST, str(VENV))
    try:
        launcher_is_ours = str(VENV) in (VENV / "bin" / "pip").read_text(encoding="utf-8")
        return launcher_is_ours and subprocess.call([str(python()), "-c", script], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def install(kind: str) -> None:
    """Install what the lock names and nothing else."""
    path = ROOT / "requirements" / (kind + ".txt")
    count = sum("==" in line and "win32" not in line for line in path.read_text(encoding="utf-8").splitlines())
    say("Installing {} packages into .venv, once ...".format(count))
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PIP_USER")}
    pip = subprocess.run(
        [
            *(str(python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"),
            *("--require-hashes", "--only-binary=:all:", "--requirement", str(path)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        check=False,
    )
    if pip.returncode:
        said = pip.stdout.decode("utf-8", "replace").strip().splitlines()[-5:]
        sys.exit(
            "pip could not install requirements/{}.txt (is the network there?); it said:\n  {}".format(
                kind, "\n  ".join(said)
            )
        )


def link_sources() -> None:
    """Make `import topup` and the command `topup` work from the checkout, without building anything."""
    (site_packages,) = (VENV / "lib").glob("python3.*/site-packages")
    (site_packages / "topup-checkout.pth").write_text("{}\n".format(ROOT / "src"), encoding="utf-8")
    command = VENV / "bin" / "topup"
    command.write_text(LAUNCHER.format(python=python()), encoding="utf-8")
    command.chmod(0o755)


def write_stamp(kind: str) -> None:
    """Remember what is installed, for the next call."""
    locks = {name: lock(name) for name in COVERED[kind]}
    stamp = {"place": str(VENV), "python": python_name(), "locks": locks}
    STAMP.write_text(json.dumps(stamp), encoding="utf-8")


def lock(kind: str) -> str:
    """What the lock says, as a digest."""
    return hashlib.sha256((ROOT / "requirements" / (kind + ".txt")).read_bytes()).hexdigest()


def python() -> Path:
    """The environment's Python."""
    return VENV / "bin" / "python"


def python_name() -> str:
    """The version it really is, without running it: python3.11 behind the links; empty if it is gone."""
    real = Path(os.path.realpath(str(python())))
    return real.name if real.exists() else ""


def say(line: str) -> None:
    """Tell a person, without getting between a program and what it prints."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


main(sys.argv[1:])
