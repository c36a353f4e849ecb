"""`tilewright db`: look into the database of tuned knobs, and carry it to other machines."""

from __future__ import annotations

import importlib
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
_Where = Annotated[
    Path | None, typer.Option("--database", help="Another file than `tilewright db path`.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.callback()
def db() -> None:
    """Show, share and clean the database of tuned knobs.

    `tilewright tune` and `tw.tune` fill it; every program uses it by itself. Its place is
    `TILEWRIGHT_DB`, or a file in the user's data folder.

    Examples:

        tilewright db list
        tilewright db export knobs.jsonl
        tilewright db import knobs.jsonl
    """


@app.command()
def path() -> None:
    """Print where the database is."""
    typer.echo(importlib.import_module("...autotune.place", __name__).default_path())


@app.command(name="list")
def list_records(database: _Where = None, as_json: _Json = False) -> None:
    """List all records, a line each."""
    with _open(database, writes=False) as opened:
        records = opened.records()
    if as_json:
        typer.echo(json.dumps([_plain(r) for r in records], indent=2))
    else:
        _print_table(records)


@app.command()
def show(
    key: Annotated[str, typer.Argument(help="The first characters of a key of `db list`.")],
    database: _Where = None,
    as_json: _Json = False,
) -> None:
    """Show a record whole: the kernel, its knobs, what was measured."""
    with _open(database, writes=False) as opened:
        found = _matching(opened.records(), key)
    if as_json:
        typer.echo(json.dumps([_plain(r) for r in found], indent=2))
        return
    for record in found:
        for name, value in _plain(record).items():
            text = str(value) if name != "kernel" else "\n" + str(value)
            typer.echo(f"{name + ':':<13}{text}")


@app.command(name="export")
def export_records(
    file: Annotated[Path | None, typer.Argument(help="A file; standard output if none.")] = None,
    database: _Where = None,
) -> None:
    """Write all records as lines of JSON."""
    with _open(database, writes=False) as opened:
        text = "".join(r.to_line() + "\n" for r in opened.records())
    if file is None:
        typer.echo(text, nl=False)
    else:
        with importlib.import_module("...dsl.atomic", __name__).written(file) as out:
            out.write(text)
        typer.echo(f"wrote {text.count(chr(10))} records to {file}")


@app.command(name="import")
def import_records(
    file: Annotated[Path, typer.Argument(help="What `db export` wrote; - is standard input.")],
    database: _Where = None,
) -> None:
    """Take records in; of two for one kernel the better one stays.

    Records of other machines are kept, but used only as places to start from.
    """
    read_lines = importlib.import_module("...autotune.database", __name__).read_lines
    if str(file) == "-":
        records = read_lines(sys.stdin)
    else:
        with open(file, encoding="utf-8", errors="replace") as lines:
            records = read_lines(lines)
    _take(records, database)


@app.command()
def merge(
    other: Annotated[Path, typer.Argument(help="Another database.")], database: _Where = None
) -> None:
    """Take in the records of another database; of two for one kernel the better one stays."""
    if not other.is_file():
        raise FileNotFoundError(f"there is no file {other}")
    with _open(other, writes=False) as opened:
        records = opened.records()
    _take(records, database)


@app.command()
def remove(
    key: Annotated[str, typer.Argument(help="The first characters of a key of `db list`.")],
    database: _Where = None,
) -> None:
    """Forget the records of one kernel; it is compiled with the analytic knobs again."""
    with _open(database) as opened:
        found = _matching(opened.records(), key)
        count = opened.remove({r.structure for r in found})
    typer.echo(f"removed {count} records")


@app.command()
def prune(
    older_than: Annotated[
        int | None, typer.Option(min=0, help="Remove what was measured so many days ago.")
    ] = None,
    other_machines: Annotated[
        bool, typer.Option("--other-machines", help="Remove what is of other machines.")
    ] = False,
    database: _Where = None,
) -> None:
    """Remove old records, or those of other machines."""
    if older_than is None and not other_machines:
        raise typer.BadParameter("say --older-than DAYS, --other-machines, or both")
    before, environment = "", ""
    if older_than is not None:
        moment = datetime.now(UTC) - timedelta(days=min(older_than, 36500))
        before = moment.isoformat(timespec="seconds")
    if other_machines:
        environment = importlib.import_module("...autotune.tune", __name__).present_environment()
    with _open(database) as opened:
        count = opened.prune(older_than=before, other_than=environment)
    typer.echo(f"removed {count} records")


# --------------------------------------------------------------------------- helpers


def _open(database: Path | None, *, writes: bool = True) -> Any:
    place = importlib.import_module("...autotune.place", __name__)
    module = importlib.import_module("...autotune.database", __name__)
    return module.Database(database or place.default_path(), writes=writes)


def _take(records: list[Any], database: Path | None) -> None:
    with _open(database) as opened:
        kept = opened.put_all(records)
    typer.echo(f"kept {kept} of {len(records)} records")


def _matching(records: list[Any], key: str) -> list[Any]:
    found = [r for r in records if r.structure.startswith(key.lower())]
    kinds = {r.structure for r in found}
    errors = importlib.import_module("...dsl.errors", __name__)
    if len(key) < 4 or len(kinds) != 1:
        raise errors.ArgumentError(
            f"db: got key {key!r}, which fits {len(kinds)} kernels; give more characters of a key "
            "of `tilewright db list`, 4 at least"
        )
    return found


def _plain(record: Any) -> dict[str, Any]:
    told = {n: getattr(record, n) for n in record.__dataclass_fields__}
    return {**told, "knobs": record.knobs, "speedup": round(record.speedup, 4)}


def _print_table(records: list[Any]) -> None:
    table = importlib.import_module("rich.table").Table(box=None, padding=(0, 2, 0, 0))
    duration = importlib.import_module("...autotune.report", __name__).duration
    for title in ("key", "kernel", "untuned", "best", "faster", "measured", "environment"):
        table.add_column(title, overflow="fold" if title == "environment" else "ellipsis")
    for r in records:
        times = [duration(r.untuned), duration(r.best), f"{r.speedup:.2f}x"]
        table.add_row(r.structure[:10], r.name, *times, r.measured[:16], r.environment)
    console = importlib.import_module("rich.console").Console()
    console.print(table if records else "no records; `tilewright tune` makes some")
