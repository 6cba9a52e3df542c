"""What a check of gradients found: frozen rows, from a single probe to a whole network."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from cnncalc.layer import Layer, Shape


class Verdict(Enum):
    """What a check showed, from best to worst; only the first two are good."""

    PASSED = "passed"
    ZERO = "zero by structure"
    VACUOUS = "vacuous"
    INCONCLUSIVE = "inconclusive"
    NOT_CHECKED = "not checked"
    FAILED = "failed"

    @property
    def good(self) -> bool:
        """Whether nothing is left to doubt."""
        return self in (Verdict.PASSED, Verdict.ZERO)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of several verdicts; passed where all are good, or where there are none."""
    order = list(Verdict)
    found = max(verdicts, key=order.index, default=Verdict.PASSED)
    return Verdict.PASSED if found.good else found


class Probe(NamedTuple):
    """One derivative, from the backward rule and from the forward pass alone.

    `what` says along which direction or coordinate; `verdict` is of this probe.
    """

    what: str
    method: str
    analytic: float
    numeric: float
    error: float
    verdict: Verdict


class TensorCheck(NamedTuple):
    """The gradient of one tensor of a layer; `note` says why where it did not pass."""

    tensor: str
    method: str
    error: float | None
    verdict: Verdict
    note: str | None = None
    probes: tuple[Probe, ...] = ()


class LayerCheck(NamedTuple):
    """One distinct layer in one mode (None: it is the same in both), and all its tensors.

    `paths` are the layers of the network that share it.
    """

    paths: tuple[str, ...]
    layer: Layer
    type: str
    shapes: tuple[Shape, ...]
    mode: str | None
    tensors: tuple[TensorCheck, ...]

    @property
    def verdict(self) -> Verdict:
        """That of the worst tensor."""
        return worst(tensor.verdict for tensor in self.tensors)


class WiringCheck(NamedTuple):
    """A derivative of the whole network; `tensors` names what was moved."""

    what: str
    tensors: tuple[str, ...]
    probe: Probe | None
    verdict: Verdict
    note: str | None = None


class Coverage(NamedTuple):
    """How much was checked: distinct layers, and their tensors."""

    layers: int
    all_layers: int
    tensors: int
    all_tensors: int


class Shrinking(NamedTuple):
    """The inputs as written and as run, and how many images at once."""

    written: dict[str, Shape]
    run: dict[str, Shape]
    batch: int
    note: str | None = None


class GradientReport(NamedTuple):
    """All that was found on one network."""

    file: str
    name: str | None
    variant: str | None
    seed: int
    nodes: int
    shrinking: Shrinking
    layers: tuple[LayerCheck, ...]
    wiring: tuple[WiringCheck, ...]

    @property
    def coverage(self) -> Coverage:
        """What was checked: a layer or tensor counts where no mode of it was left out."""
        tensors: dict[tuple[tuple[str, ...], str], bool] = {}
        layers: dict[tuple[str, ...], bool] = {}
        for one in self.layers:
            layers.setdefault(one.paths, True)
            for tensor in one.tensors:
                checked = tensor.verdict is not Verdict.NOT_CHECKED
                key = one.paths, tensor.tensor
                tensors[key] = tensors.get(key, True) and checked
                layers[one.paths] = layers[one.paths] and checked
        return Coverage(sum(layers.values()), len(layers), sum(tensors.values()), len(tensors))

    @property
    def verdict(self) -> Verdict:
        """That of the worst layer or derivative."""
        alone = [one.verdict for one in self.layers]
        return worst([*alone, *(one.verdict for one in self.wiring)])
