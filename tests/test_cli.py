"""The command line: help, info, errors, exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from trace_format import validate
from typer.testing import CliRunner

import tilewright as tw
from tilewright import cli, demo
from tilewright.peaks import record

run = CliRunner().invoke


def command(*arguments, **environment):
    """`python -m tilewright` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tilewright", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"NO_COLOR": "1"} | environment,
        check=False,
    )


def test_help_names_the_commands():
    result = run(cli.app, ["--help"])
    assert result.exit_code == 0
    for word in ("demo", "info", "TILEWRIGHT_DEBUG"):
        assert word in result.output
    assert "scikit-learn" in run(cli.app, ["demo", "--help"]).output
    assert "--json" in run(cli.app, ["info", "-h"]).output


def test_version():
    assert run(cli.app, ["--version"]).output == f"tilewright {tw.__version__}\n"


@pytest.mark.parametrize(
    "name", [c.name or c.callback.__name__ for c in cli.app.registered_commands]
)
def test_every_command_explains_itself_with_an_example(name):
    result = run(cli.app, [name, "--help"])
    assert result.exit_code == 0
    assert f"tilewright {name}" in result.output.partition("Examples:")[2]


def test_wrong_usage_has_exit_code_2():
    for arguments in (["nonsense"], ["demo", "--threads", "0"], ["info", "--nonsense"]):
        assert run(cli.app, arguments).exit_code == 2


def test_a_command_that_there_is_not_suggests_the_nearest():
    result = run(cli.app, ["inof"])
    assert result.exit_code == 2
    assert "info" in result.output.partition("Did you mean")[2]


def test_info_tells_the_machine_and_the_libraries():
    facts = json.loads(run(cli.app, ["info", "--json"]).output)
    assert facts["tilewright"] == tw.__version__
    assert facts["cores"] >= 1
    assert facts["libraries"]["numpy"]
    assert facts["cache"]["folder"]
    assert facts["database"]["file"].endswith(".db")
    assert facts["database"]["records"] >= 0
    text = run(cli.app, ["info"]).output
    assert facts["target"] in text
    assert "apache-tvm" in text
    assert [d["name"] for d in facts["devices"]] == [d.name for d in tw.devices()]
    assert all(d["available"] or d["why"] for d in facts["devices"])
    assert "cpu: " in text


def test_info_tells_a_database_that_cannot_be_read(tmp_path):
    result = command("info", "--json", TILEWRIGHT_DB=str(tmp_path))
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)["database"]
    assert told["records"] is None
    assert str(tmp_path) in told["problem"]
    wide = {"TILEWRIGHT_DB": str(tmp_path), "COLUMNS": "400"}
    assert told["problem"] in command("info", **wide).stdout


def test_info_remembers_the_peaks(tmp_path):
    place = {"TILEWRIGHT_CACHE_DIR": str(tmp_path)}
    assert "not measured yet: tilewright info --peak" in command("info", **place).stdout
    assert json.loads(command("info", "--json", **place).stdout)["peak"] is None
    text = command("info", "--peak", **place).stdout
    wanted = ["peak float32", "peak float64", "GFLOP/s on one core", "GB/s"]
    moves = ("reads", "writes", "copies")
    wanted += [f"peak {what}, {level}" for what in moves for level in ("L1", "L2")]
    for word in wanted:
        assert word in text
    peak = json.loads(command("info", "--json", **place).stdout)["peak"]
    assert peak["flops"]["float32"]["one"] > 1e9
    for what in ("reads", "writes", "copies"):
        assert peak[what]["L1"]["all"] > 1e9
    assert f"{peak['flops']['float32']['one'] / 1e9:.0f} GFLOP/s" in text


def test_a_damaged_record_of_peaks_is_none_at_all(tmp_path):
    path = tmp_path / "peaks.json"
    rates = {"x": record.Rate(2.0, 3.0)}
    good = record.Peaks("2026-01-01", 2, rates, rates, None)
    record.save(good, path)
    assert record.find(path) == good
    text = path.read_text()
    broken = [text[:-9], "[]", "1", "null", "[" * 100_000, text.replace("2.0", "-1")]
    broken += [text.replace("2.0", "NaN"), text.replace("2.0", '"x"')]
    broken += [text.replace('"format": ', '"format": 9')]
    for damaged in broken:
        path.write_text(damaged)
        assert record.find(path) is None
    path.write_bytes(b"\xff")
    assert record.find(path) is None
    assert record.find(tmp_path / "none") is None


def test_bench_lists_what_there_is():
    told = run(cli.app, ["bench", "--list"]).output
    folder = Path(tw.__file__).parent / "benchmarks"
    files = [*folder.glob("*.py"), *folder.glob("*/__init__.py")]
    found = [p for p in files if "\ndef cases(" in p.read_text()]
    wanted = {p.parent.name if p.stem == "__init__" else p.stem for p in found}
    assert {line.split()[0] for line in told.splitlines()} == wanted
    assert all(len(line.split()) > 3 for line in told.splitlines())
    assert "chain" in wanted


def test_bench_measures_and_writes(tmp_path):
    turns, trace = tmp_path / "turns.json", tmp_path / "trace.json"
    options = ["--rounds", "1", "--patience", "1", "--no-torch", "--threads", "1"]
    result = command("bench", "chain", *options, "--json", str(turns), "--profile", str(trace))
    assert result.returncode == 0, result.stdout + result.stderr
    (found,) = json.loads(turns.read_text())["results"]
    assert found["script"] == "chain"
    assert found["error"] == ""
    assert {n: len(s["turns"]) for n, s in found["seconds"].items()} == {
        "NumPy": 1,
        "tilewright": 1,
    }
    assert any(e["cat"] == "kernel" for e in validate(trace) if e["ph"] == "X")


def test_bench_refuses_before_it_measures(tmp_path):
    result = command("bench", "chain", "nonsense", "none")
    assert result.returncode == 1
    assert "bench: got none, nonsense; the benchmarks are " in result.stderr
    assert "no regular expression" in command("bench", "chain", "--only", "(").stderr
    assert "chain" in result.stderr
    for option in ("--json", "--profile"):
        result = command("bench", "chain", option, str(tmp_path / "no" / "x.json"))
        assert (result.returncode, result.stdout) == (1, "")
        assert "there is no folder" in result.stderr


def test_the_checkout_runs_the_same_benchmarks():
    module = [sys.executable, "-m", "benchmarks", "--list"]
    root = Path(__file__).parent.parent
    told = subprocess.check_output(module, text=True, cwd=root)
    assert told == run(cli.app, ["bench", "--list"]).output


@pytest.mark.parametrize("words", [["--help"], ["info"], ["bench", "--list"], ["tune", "--help"]])
def test_looking_around_loads_no_compiler(words):
    code = (
        "import sys\nfrom tilewright import cli\n"
        f"try:\n    cli.app({words})\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'tvm', 'sklearn', 'torch'} & set(sys.modules)\nassert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.fixture
def broken(monkeypatch):
    def fail(*args):
        raise tw.DeviceError("demo: it is\nbroken")

    monkeypatch.setattr("tilewright.demo.run", fail)
    monkeypatch.setattr(sys, "argv", ["tilewright", "demo"])


def test_our_errors_are_one_line(broken, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    assert capsys.readouterr().err == "error: demo: it is broken\n"


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (FileNotFoundError(2, "No such file", "x.npy"), "No such file: 'x.npy'"),
        (KeyError("nonsense"), "error: KeyError: 'nonsense'; TILEWRIGHT_DEBUG=1"),
        (MemoryError(), "error: MemoryError"),
    ],
)
def test_any_error_is_one_line(error, wanted, broken, monkeypatch, capsys):
    def fail(*args):
        raise error

    monkeypatch.setattr("tilewright.demo.run", fail)
    with pytest.raises(SystemExit) as end:
        cli.main()
    told = capsys.readouterr().err
    assert (end.value.code, told.count("\n")) == (1, 1)
    assert wanted in told


def test_debug_shows_the_traceback(broken, monkeypatch):
    monkeypatch.setenv("TILEWRIGHT_DEBUG", "1")
    with pytest.raises(tw.DeviceError):
        cli.main()


def test_a_failed_check_is_exit_code_1(monkeypatch):
    monkeypatch.setattr("tilewright.demo.run", lambda *args: False)
    assert run(cli.app, ["demo"]).exit_code == 1
    monkeypatch.setattr("tilewright.demo.run", lambda *args: True)
    assert run(cli.app, ["demo"]).exit_code == 0


def test_a_missing_scikit_learn_is_told(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(tw.DeviceError, match=r"pip install 'tilewright\[demo\]'"):
        demo.run()


def test_as_a_module():
    result = command("--version")
    assert (result.returncode, result.stdout) == (0, f"tilewright {tw.__version__}\n")


def test_the_demo_passes():
    pytest.importorskip("sklearn")
    result = command("demo", "--no-table", "--no-tuning")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "checks passed" in result.stdout
