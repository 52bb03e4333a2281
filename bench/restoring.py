"""How long a backup and a restore of a large ledger take: `python -m bench.restoring [LINES]`, a million by default.

The ledger is that of bench.verifying, so the restore proves real hashes and sums.
"""

import sys
import tempfile
import time
from pathlib import Path

import uvloop

from bench import rig, verifying
from topup.runtime.backups import restoring, taking


def main(lines: int) -> None:
    """Fill, back up, restore into an erased database, and print what each took."""
    with rig.bench() as bench, tempfile.TemporaryDirectory() as folder:
        uvloop.run(verifying.fill(bench.url, lines))
        megabytes = bench.value("SELECT pg_database_size(current_database())") / 2**20
        started = time.monotonic()
        taken = uvloop.run(taking.take(bench.url, Path(folder), say=_nothing))
        size = taken.path.stat().st_size / 2**20
        print(f"{megabytes:.0f} MB backed up in {time.monotonic() - started:.1f} s, {size:.0f} MB")
        started = time.monotonic()
        wanted = restoring.Wanted(taken.path, may_erase=True)
        is_well = uvloop.run(restoring.restore(bench.url, wanted, say=print))
        print(f"restored and proven in {time.monotonic() - started:.1f} s, {'well' if is_well else 'NOT WELL'}")


def _nothing(_line: str) -> None:
    """Say nothing while the clock runs."""


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else verifying.LINES)
