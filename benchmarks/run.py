"""Measure the scripts that are asked for, and say what missed its goal."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

import tilewright as tw
from tilewright.dsl.atomic import check_place, written

from . import machine

WIDTH = 150  # of the tables
_VALUES = ("rounds", "threads", "patience", "json", "html", "profile", "tune_seconds", "only")


@dataclass(frozen=True)
class Plan:
    """What the command line says."""

    scripts: tuple[str, ...]
    rounds: int
    threads: int
    patience: int
    torch: bool
    markdown: bool
    json: Path | None
    profile: Path | None
    tune_seconds: float = 30.0
    only: str = ""
    html: Path | None = None
    peers: tuple[str, ...] = ()

    def words(self) -> list[str]:
        """The command line that says it."""
        words = [*self.scripts, "--torch" if self.torch else "--no-torch"]
        words += ["--markdown"] if self.markdown else []
        for name in _VALUES:
            value = getattr(self, name)
            words += [] if value in (None, "") else [f"--{name.replace('_', '-')}={value}"]
        return words + [f"--peer={peer}" for peer in self.peers]


def scripts() -> dict[str, str]:
    """The modules of this package that have cases, with what they say of themselves; read, not
    imported, as they load what they measure."""
    found = {}
    folder = Path(__file__).parent
    for path in sorted([*folder.glob("*.py"), *folder.glob("*/__init__.py")]):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "cases" for node in tree.body):
            name = path.parent.name if path.stem == "__init__" else path.stem
            found[name] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


def run(plan: Plan) -> int:
    """Run the plan, if need be in a process whose environment is the same for all contenders:
    libraries read it when they are loaded. The exit code is 1 if a result was wrong."""
    known = scripts()
    unknown = sorted(set(plan.scripts) - known.keys())
    if unknown:
        raise tw.ArgumentError(
            f"bench: got {', '.join(unknown)}; the benchmarks are {', '.join(known)}"
        )
    try:
        re.compile(plan.only)
    except re.error as error:
        raise tw.ArgumentError(
            f"bench: got --only {plan.only!r}, which is no regular expression: {error}"
        ) from None
    for path in (plan.json, plan.html, plan.profile):
        if path is not None:
            check_place("bench", path)
    variables = machine.fair_environment(plan.threads)
    if variables != dict(os.environ):
        command = [sys.executable, "-m", "tilewright", "bench", *plan.words()]
        return subprocess.run(command, env=variables, check=False).returncode
    with nullcontext() if plan.profile is None else tw.profile(plan.profile):
        return _measure(plan, plan.scripts or tuple(known))


def _measure(plan: Plan, chosen: Sequence[str]) -> int:
    harness = importlib.import_module(".harness", __package__)
    report = importlib.import_module(".report", __package__)
    torch = machine.torch_module(plan.threads) if plan.torch else None
    options = harness.Options(
        plan.rounds, plan.threads, torch, plan.patience, plan.tune_seconds, plan.only, plan.peers
    )
    console = Console(stderr=plan.markdown)
    console.width = max(console.width, WIDTH)
    told = report.facts(options)
    report.show_facts(console, told)
    results: dict[str, list[Any]] = {}
    before = machine.usage()
    for name in chosen:
        script = importlib.import_module(f".{name}", __package__)
        found = results[name] = []
        with console.status(f"{name} ...") as status:
            for result in harness.measure(script.cases(options), options):
                found.append(result)
                status.update(f"{name}, after {len(found)} cases: {result.case.name} ...")
        console.print(report.table(found, f"\n{name}"))
        if plan.json:  # after each script: a run that is ended early keeps what it has
            with written(plan.json) as file:
                file.write(json.dumps(report.plain(results, told), indent=2) + "\n")
    load = machine.load_text(machine.others_share(before, machine.usage()))
    console.print(f"\n{load}", highlight=False)
    if plan.markdown:
        print(f"{told['processor']}, {options.threads} threads; {load}.\n")
        print(report.markdown(results))
    return int(any(r.error for found in results.values() for r in found))
