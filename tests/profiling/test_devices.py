"""The timeline on devices with a queue of their own: each that is there."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from trace_format import validate

import tilewright as tw

DEVICES = [d.name for d in tw.devices() if d.available and d.name != "cpu"]


@pytest.mark.parametrize("name", DEVICES)
def test_kernels_and_copies_are_on_the_queue_of_the_device(name, tmp_path):
    staged = tw.jit(lambda x: tw.tanh(x @ x) + 1)
    host = np.full((32, 32), 0.1, np.float32)
    expected = np.tanh(host @ host) + 1
    with tw.device(name):
        staged(tw.asarray(host)).numpy()
        for number in range(2):  # the second finds a queue that was untimed again
            path = tmp_path / f"{number}.json"
            with tw.profile(path) as p:
                x = tw.asarray(host)
                results = [staged(x) for _ in range(3)]
            for result in results:
                np.testing.assert_allclose(result.numpy(), expected, rtol=1e-5)
            _check(p, host.nbytes)
            validate(path)
            assert "queue" in str(p)


def _check(p, n_bytes):
    (queue,) = [t for t in p.events.tracks if not t.thread]
    launches = {e.launch: e for e in p.events if e.category == "launch"}
    there = [e for e in p.events if e.track == queue.number]
    kernels = [e for e in there if e.category == "kernel"]
    assert len(launches) == 3
    assert {e.launch for e in kernels} == set(launches)
    assert all(launches[e.launch].start <= e.start for e in kernels)
    assert n_bytes in [e.value for e in there if e.category == "copy"]
    for before, after in pairwise(there):
        assert before.end <= after.start


@pytest.mark.parametrize("name", DEVICES)
def test_more_work_than_is_kept_unread(name):
    with tw.device(name):
        x = tw.ones((4,), dtype="float32")
        x + 1
        with tw.profile() as p:
            for _ in range(4200):
                y = x + 1
    assert y.tolist() == [2, 2, 2, 2]
    queues = {t.number for t in p.events.tracks if not t.thread}
    assert sum(e.category == "kernel" and e.track in queues for e in p.events) == 4200
