"""The test cases that ship in the `onnx` package, and the list of those that we do not run."""

import warnings
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import yaml
from onnx import numpy_helper
from onnx.backend.test import loader
from onnx_mapping import evaluated

TOLERANCE = 1e-5
LIST = Path(__file__).with_name("data") / "onnx_skipped.yaml"
SKIPPED = yaml.safe_load(LIST.read_text(encoding="utf-8"))


class Case(NamedTuple):
    """A graph, and arrays to put in and to get out."""

    model: Any
    inputs: list[Any]
    outputs: list[Any]

    def evaluated(self):
        return evaluated(self.model, self.inputs)


def node_cases():
    """By name. The package makes them from seeded random numbers; there are no files."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, of overflows in casts and the like
        found = loader.load_model_tests(kind="node")
    return {one.name: Case(one.model, *map(arrays, one.data_sets[0])) for one in found}


def model_cases(kind):
    """By name: models that PyTorch exported, in files, each with one set of data."""
    return {folder.name: _read(folder) for folder in sorted(Path(loader.DATA_DIR, kind).glob("*/"))}


def _read(folder):
    sides = (sorted(folder.glob(f"*/{side}_*.pb")) for side in ("input", "output"))
    tensors = ([onnx.load_tensor(path) for path in paths] for paths in sides)
    return Case(onnx.load(folder / "model.onnx"), *map(arrays, tensors))


def arrays(values):
    return [
        numpy_helper.to_array(one) if isinstance(one, onnx.TensorProto) else one for one in values
    ]


def matching(patterns, names):
    """The names that match; raises AssertionError for a pattern that matches none."""
    found = set()
    for pattern in patterns:
        some = {name for name in names if fnmatchcase(name, pattern)}
        assert some, f"{pattern} matches no case"
        found |= some
    return found


def listed(reasons, names):
    """The reason of each listed name, which has only one."""
    found = {}
    for reason, patterns in reasons.items():
        some = matching(patterns, names)
        assert not some & found.keys(), f"listed twice: {some & found.keys()}"
        found |= dict.fromkeys(some, reason)
    return found


def agree(found, expected, tolerance=TOLERANCE):
    """Check outputs against the published ones: their number, shapes, types and values."""
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        if other.dtype in (np.float32, np.float64, bool):
            assert one.dtype == other.dtype
        other = other.astype(one.dtype)  # bfloat16 is foreign to NumPy
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
