"""The command line: help, info, errors, exit codes."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import tilewright as tw
from tilewright import cli, demo

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
    text = run(cli.app, ["info"]).output
    assert facts["target"] in text
    assert "apache-tvm" in text


def test_help_and_info_load_no_compiler():
    code = (
        "import sys\nfrom tilewright import cli\n"
        "try:\n    cli.app(['info'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
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
    result = command("demo", "--no-table")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "checks passed" in result.stdout
