"""Asks for known weaknesses in the locked packages: fails on a finding, only warns when nobody can be asked.

A finding must stop a release and a missing network must not, and pip-audit itself does not tell them apart; it also
passes over what the service does not know, which must not read like an acquittal. Run by `make audit`.
"""

import json
import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Audit what a development environment holds, which covers the program's."""
    lock = Path(__file__).resolve().parent.parent / "requirements" / "dev.txt"
    audit = subprocess.run(
        [
            *(sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--requirement", lock),
            *("--format", "json", "--progress-spinner", "off"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    packages = json.loads(audit.stdout)["dependencies"] if audit.stdout else []
    audited = [package for package in packages if "skip_reason" not in package]
    if not audited:
        print("warning: nothing was audited, because the advisory service gave no answer", file=sys.stderr)
        return
    for package in audited:
        for weakness in package["vulns"]:
            fixed_in = ", ".join(weakness["fix_versions"]) or "no version yet"
            print(f"{package['name']} {package['version']}: {weakness['id']}, fixed in {fixed_in}")
    if any(package["vulns"] for package in audited):
        sys.exit(1)
    print(f"{len(audited)} of {len(packages)} packages were audited, no weakness is known.")


main()
