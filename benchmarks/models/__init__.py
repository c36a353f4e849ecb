"""ResNet-50, MobileNetV2, BERT-base, MiniLM and a step of GPT-2 small, with random weights."""

from __future__ import annotations

from collections.abc import Iterator

from ..contest import Contest
from ..harness import Options
from . import images, transformers

BATCHES = (1, 8)


def cases(options: Options) -> Iterator[Contest]:
    """Every model at every batch size, the transformers first."""
    for make in (transformers.encoders, transformers.decoders, images.classifiers):
        for batch in BATCHES:
            yield from make(batch)
