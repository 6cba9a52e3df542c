"""What Keras puts out for given weights: `python tests/keras_values.py` writes the table of it.

Needs keras and torch. The table is tests/data/published/keras_values.csv: for each network its
input, what it is set to, and the sums over eight equal parts of its last map, as (C, H, W).
Weights and input are no random numbers but a formula, so that both sides can make them.
"""

import csv
import os
from math import prod
from pathlib import Path

import numpy as np

TABLE = Path(__file__).parent / "data" / "published" / "keras_values.csv"
PARTS = 8

NASNET = {"penultimate_filters": 192, "num_blocks": 3, "stem_block_filters": 8}
MODELS = [  # sides that are odd and even, and where Keras has names for it, a small network
    ("VGG16", (64, 75), {}),
    ("ResNet50", (64, 75), {}),
    ("ResNet50V2", (64, 75), {}),
    ("DenseNet121", (64, 75), {}),
    ("InceptionV3", (79, 96), {}),
    ("InceptionResNetV2", (79, 96), {}),
    ("Xception", (79, 96), {}),
    ("MobileNet", (64, 75), {"alpha": 0.25}),
    ("MobileNetV2", (64, 75), {"alpha": 0.35}),
    ("NASNetLarge", (64, 75), {**NASNET, "skip_reduction": True}),
    ("NASNetLarge", (64, 75), {**NASNET, "skip_reduction": False}),
]


def _noise():
    """Numbers in (-1, 1): powers of 75 modulo 65537; as many as a prime, so as not to line up."""
    powers = [1]
    while len(powers) < 65_521:
        powers.append(75 * powers[-1] % 65_537)
    return 2 * np.array(powers) / 65_537 - 1


NOISE = _noise()


def drawn(place, name, shape):
    """The tensor number `place` of a network, by torch's name and shape of it."""
    values = np.resize(np.roll(NOISE, -101 * place), shape)
    if len(shape) > 1:
        return values * np.sqrt(3 / prod(shape[1:]))
    return 1 + values / 2 if name in ("weight", "running_var") else values / 4


def image(height, width):
    """The input, (1, 3, H, W)."""
    return np.resize(NOISE, (1, 3, height, width))


def sums(output):
    """Sums over equal parts of an output (1, C, H, W)."""
    return [float(part.sum()) for part in np.array_split(output.ravel(), PARTS)]


NAMES = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean"}
NAMES |= {"moving_variance": "running_var"}


def _of_keras(place, layer, weight):
    """A tensor as Keras has it: (H, W, in, out), depthwise (H, W, channels, 1)."""
    name, shape = weight.name, tuple(weight.shape)
    if len(shape) == 1:
        return drawn(place, NAMES.get(name, name), shape)
    depthwise = name == "depthwise_kernel" or type(layer).__name__ == "DepthwiseConv2D"
    there, back = ((2, 3, 0, 1), (2, 3, 0, 1)) if depthwise else ((3, 2, 0, 1), (2, 3, 1, 0))
    return drawn(place, "weight", tuple(shape[i] for i in there)).transpose(back)


def _computed(name, size, settings):
    """The last map of a network of Keras, (1, C, H, W)."""
    import keras
    import torch
    from keras.src.applications.nasnet import NASNet
    from keras.src.layers.layer import Layer

    called, call = [], Layer.__call__

    def recorded(self, *args, **kwargs):  # the order of the code, which is that of the spec
        result = call(self, *args, **kwargs)
        called.extend([self] if self.weights else [])
        return result

    Layer.__call__ = recorded
    network = NASNet if name == "NASNetLarge" else getattr(keras.applications, name)
    model = network(include_top=False, weights=None, input_shape=(*size, 3), **settings)
    Layer.__call__ = call
    place = 0
    for layer in called:
        tensors = enumerate(layer.weights, place)
        layer.set_weights([_of_keras(i, layer, one) for i, one in tensors])
        place += len(layer.weights)
    x = torch.tensor(image(*size).transpose(0, 2, 3, 1))
    return model(x, training=False).detach().numpy().transpose(0, 3, 1, 2)


def main():
    os.environ["KERAS_BACKEND"] = "torch"
    import keras
    from keras.src import backend

    backend.result_type = lambda *_: "float64"  # Keras's batch norm would work in float32
    keras.backend.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["name", "input_hwc", "set", "sums", "source"])
        for name, size, settings in MODELS:
            values = " ".join(map(repr, sums(_computed(name, size, settings))))
            written = " ".join(f"{key}={value}" for key, value in settings.items())
            source = f"keras {keras.__version__} on torch in float64, include_top=False"
            table.writerow([name, f"{size[0]}x{size[1]}x3", written, values, source])


if __name__ == "__main__":
    main()
