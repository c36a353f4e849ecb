"""`python -m benchmarks [NAME ...]`: measure, and say what missed its goal."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

from rich.console import Console

from . import machine

SCRIPTS = ("chain", "matmul", "sorting", "training", "overhead")
WIDTH = 150  # of the tables


def main() -> int:
    """Run the scripts that are named, or all."""
    options = _arguments()
    machine.restart_fairly(options.threads)  # before NumPy is loaded
    harness = importlib.import_module(".harness", __package__)
    report = importlib.import_module(".report", __package__)
    torch = None if options.no_torch else machine.torch_module(options.threads)
    given = harness.Options(options.rounds, options.threads, torch, options.patience)
    console = Console(stderr=options.markdown)
    console.width = max(console.width, WIDTH)
    told = report.facts(given)
    report.show_facts(console, told)
    results = {}
    before = machine.usage()
    for name in options.scripts or SCRIPTS:
        cases = importlib.import_module(f".{name}", __package__).cases(given)
        with console.status(f"{name} ..."):
            results[name] = list(harness.measure(cases, given))
        console.print(report.table(results[name], f"\n{name}"))
    load = machine.load_text(machine.others_share(before, machine.usage()))
    console.print(f"\n{load}", highlight=False)
    if options.json:
        options.json.write_text(json.dumps(report.plain(results, told), indent=2) + "\n")
    if options.markdown:
        print(f"{told['processor']}, {given.threads} threads; {load}.\n")
        print(report.markdown(results))
    wrong = [r.case.name for found in results.values() for r in found if r.error]
    return 1 if wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("scripts", nargs="*", help=f"of {', '.join(SCRIPTS)}; all by default")
    parser.add_argument("--rounds", type=int, default=15, help="turns of each contender")
    parser.add_argument("--threads", type=int, default=machine.cores(), help="for every contender")
    parser.add_argument("--patience", type=int, default=3, help="tries for a case while others run")
    parser.add_argument("--no-torch", action="store_true", help="leave PyTorch out")
    parser.add_argument("--json", type=Path, help="write all turns to this file")
    parser.add_argument(
        "--markdown", action="store_true", help="print the table of benchmarks/README.md"
    )
    options = parser.parse_args()
    unknown = set(options.scripts) - set(SCRIPTS)
    if unknown:
        parser.error(f"got {', '.join(sorted(unknown))}; the scripts are {', '.join(SCRIPTS)}")
    if min(options.rounds, options.threads, options.patience) < 1:
        parser.error("--rounds, --threads and --patience must be at least 1")
    return options


if __name__ == "__main__":
    sys.exit(main())
