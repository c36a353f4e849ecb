"""What the tests of the neural-net library share."""

import pytest

import tilewright as tw


@pytest.fixture
def torch(oracle):
    return oracle("torch")


@pytest.fixture(autouse=True)
def seeded():
    tw.seed(0)
