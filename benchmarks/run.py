"""Measure the scripts that are asked for, and say what missed its goal."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

import tilewright as tw
from tilewright.dsl.atomic import check_place, written

from . import machine
from .contest import PEERS

WIDTH = 170  # of the tables
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
    _refuse(plan, known)
    variables = machine.fair_environment(plan.threads)
    if variables != dict(os.environ):
        command = [sys.executable, "-m", "tilewright", "bench", *plan.words()]
        return subprocess.run(command, env=variables, check=False).returncode
    with nullcontext() if plan.profile is None else tw.profile(plan.profile):
        return _measure(plan, plan.scripts or tuple(known))


def _refuse(plan: Plan, known: Mapping[str, str]) -> None:
    """Raise ArgumentError for what a plan cannot mean."""
    if unknown := sorted(set(plan.scripts) - known.keys()):
        raise tw.ArgumentError(
            f"bench: got {', '.join(unknown)}; the benchmarks are {', '.join(known)}"
        )
    try:
        re.compile(plan.only)
    except re.error as error:
        raise tw.ArgumentError(
            f"bench: got --only {plan.only!r}, which is no regular expression: {error}"
        ) from None
    if strange := sorted(set(plan.peers) - set(PEERS)):
        raise tw.ArgumentError(
            f"bench: got --peer {', '.join(strange)}; the peers are {', '.join(PEERS)}"
        )
    for path in (plan.json, plan.html, plan.profile):
        if path is not None:
            check_place("bench", path)


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
        found = results[name] = []
        for result in _script(plan, name, options, told["kernels"], console):
            found.append(result)
        console.print(report.table(found, f"\n{name}", told))
        report.show_notes(console, found)
        _write(plan, results, told)
    for peer, kernels in told["kernels"].items():
        console.print(f"[bold]{peer}[/]: {kernels}", highlight=False)
    load = machine.load_text(machine.others_share(before, machine.usage()))
    console.print(f"\n{load}", highlight=False)
    if plan.markdown:
        print(f"{told['processor']}, {options.threads} threads; {load}.\n")
        print(report.markdown(results))
    return int(any(r.error for found in results.values() for r in found))


def _script(
    plan: Plan, name: str, options: Any, kernels: dict[str, str], console: Console
) -> Iterator[Any]:
    """The results of a script; `kernels` gets what each peer says of its kernels."""
    harness = importlib.import_module(".harness", __package__)
    referee = importlib.import_module(".referee", __package__)
    script = importlib.import_module(f".{name}", __package__)
    server = importlib.import_module(".server", __package__)
    if plan.profile and not server.has_cases(script):
        console.print(f"no timeline of {name}: each of its contenders has a process of its own")
    # A timeline is of one process.
    is_one_process = bool(getattr(script, "ONE_PROCESS", False) or plan.profile)
    with referee.Referee(options) as judge, console.status(f"{name} ...") as status:
        for result in harness.measure(
            script.cases(options), options, partial(judge.measure, name), is_one_process
        ):
            yield result
            status.update(f"{name}, after {result.case.name} ...")
        kernels.update(judge.facts())


def _write(plan: Plan, results: dict[str, list[Any]], told: dict[str, Any]) -> None:
    """After each script: a run that is ended early keeps what it has."""
    report = importlib.import_module(".report", __package__)
    plain = report.plain(results, told)
    if plan.json:
        with written(plan.json) as file:
            file.write(json.dumps(plain, indent=2) + "\n")
    if plan.html:
        page = importlib.import_module(".page", __package__)
        with written(plan.html) as file:
            file.write(page.page(plain))
