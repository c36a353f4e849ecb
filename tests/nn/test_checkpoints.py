"""Checkpoints: round trips, other programs' files, damage, and a writer that is killed."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import safetensors.numpy

import tilewright as tw
from tilewright import nn

DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
]  # fmt: skip


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.safetensors"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)], ids=str)
def test_every_dtype_round_trips(path, dtype, shape):
    host = (np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2).astype(np.float32)
    x = tw.asarray(host).astype(dtype)
    nn.save(path, {"x": x})
    found = nn.load(path)["x"]
    assert (found.dtype, found.shape) == (x.dtype, x.shape)
    assert found.tolist() == x.tolist()


def test_complex_names_are_checked(path):
    data = {"x": np.zeros((3, 2)), "y": np.zeros(3)}
    for names in ('["y"]', '["z"]', "3", "{"):
        path.write_bytes(safetensors.numpy.save(data, {"complex128": names}))
        with pytest.raises(tw.ArtifactError, match="no proper complex128"):
            nn.load(path)
    path.write_bytes(safetensors.numpy.save(data, {"complex128": '["x"]'}))
    assert nn.load(path)["x"].dtype is tw.complex128


def test_views_are_saved_as_what_they_show(path):
    x = tw.arange(12).reshape((3, 4))
    nn.save(path, {"turned": x.T, "part": x[1:, ::2]})
    found = nn.load(path)
    assert found["turned"].tolist() == x.T.tolist()
    assert found["part"].tolist() == [[4, 6], [8, 10]]


def make(seed):
    tw.seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    return model, nn.Adam(model.parameters(), lr=0.01)


def step(model, optimizer):
    x = tw.asarray(np.linspace(-1, 1, 15, dtype=np.float32).reshape(5, 3))
    optimizer.zero_grad()
    nn.cross_entropy(model(x), tw.asarray([0, 1, 0, 1, 1])).backward()
    optimizer.step()


def test_model_and_optimizer_continue_exactly(path):
    model, optimizer = make(0)
    step(model, optimizer)
    nn.save(path, {"model": model, "optimizer": optimizer, "epoch": tw.asarray(3)})
    other, other_optimizer = make(1)
    into = {"model": other, "optimizer": other_optimizer, "epoch": tw.asarray(0)}
    arrays = nn.load(path, into=into)
    assert arrays["epoch"].item() == into["epoch"].item() == 3
    for _ in range(3):
        step(model, optimizer)
        step(other, other_optimizer)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert np.array_equal(a.numpy(), b.numpy())


def test_a_checkpoint_that_does_not_fit_changes_nothing(path):
    model, optimizer = make(0)
    nn.save(path, {"model": model})
    other, _ = make(1)
    before = [p.numpy() for p in other.parameters()]
    with pytest.raises(tw.ArtifactError, match="missing optimizer"):
        nn.load(path, into={"model": other, "optimizer": optimizer})
    for a, b in zip(before, other.parameters(), strict=True):
        assert np.array_equal(a, b.numpy())


def test_other_programs_read_ours_and_we_theirs(path):
    nn.save(path, {"x": tw.asarray([1.0, 2.0])})
    assert safetensors.numpy.load_file(path)["x"].tolist() == [1.0, 2.0]
    safetensors.numpy.save_file({"y": np.arange(3, dtype=np.int16)}, path)
    assert nn.load(path)["y"].tolist() == [0, 1, 2]


def test_every_damaged_byte_and_every_cut_is_refused(path):
    nn.save(path, {"weight": tw.asarray([1.0, 2.0, 3.0]), "flag": tw.asarray([True, False])})
    good = path.read_bytes()
    expected = {name: value.tolist() for name, value in nn.load(path).items()}
    for position in range(len(good)):
        damaged = bytearray(good)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        try:
            found = nn.load(path)
        except tw.ArtifactError as error:
            assert "state.safetensors" in str(error)
        else:  # a changed byte in a metadata key or a space says nothing about the arrays
            assert {name: value.tolist() for name, value in found.items()} == expected
    for length in range(len(good)):
        path.write_bytes(good[:length])
        with pytest.raises(tw.ArtifactError):
            nn.load(path)


def test_an_unknown_type_is_named(path):
    header = json.dumps({"x": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0")
    with pytest.raises(tw.ArtifactError, match=r"x in .* is F8_E4M3"):
        nn.load(path)


def test_wrong_arguments(path, tmp_path):
    with pytest.raises(TypeError, match="got int"):
        nn.save(path, 3)
    with pytest.raises(FileNotFoundError):
        nn.load(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        nn.save(tmp_path / "no folder" / "x", {"x": tw.zeros(1)})
    with pytest.raises(tw.ArtifactError, match="__metadata__"):
        nn.save(path, {"__metadata__": tw.zeros(1)})


def test_a_failed_save_leaves_the_old_file_and_nothing_else(path, monkeypatch):
    nn.save(path, {"x": tw.asarray([1.0])})

    def fail(source, target):
        raise OSError("no")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no"):
        nn.save(path, {"x": tw.asarray([2.0])})
    assert nn.load(path)["x"].item() == 1.0
    assert os.listdir(path.parent) == [path.name]


def test_a_link_is_written_through(path, tmp_path):
    link = tmp_path / "latest"
    nn.save(path, {"x": tw.asarray([1.0])})
    link.symlink_to(path.name)
    nn.save(link, {"x": tw.asarray([2.0])})
    assert link.is_symlink()
    assert nn.load(path)["x"].item() == 2.0


WRITER = """
import sys
import tilewright as tw
from tilewright import nn
states = [{"x": tw.full((500_000,), float(i))} for i in range(2)]
i = 0
while True:
    nn.save(sys.argv[1], states[i % 2])
    if i == 0:
        print("ready", flush=True)
    i += 1
"""


def test_a_killed_writer_leaves_the_old_file_or_the_new_one(path):
    for delay in (0.0, 0.003, 0.011, 0.02, 0.035):
        command = [sys.executable, "-c", WRITER, os.fspath(path)]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE)
        try:
            assert writer.stdout.readline() == b"ready\n"
            time.sleep(delay)
        finally:
            writer.send_signal(signal.SIGKILL)
            writer.wait()
            writer.stdout.close()
        values = np.unique(nn.load(path)["x"].numpy())
        assert values.tolist() in ([0.0], [1.0])
