"""What layers say when they do not fit."""

import pytest

from cnncalc import layers
from cnncalc.layer import LayerError


def make(name, **arguments):
    return layers.find(name)(**arguments)


WRONG = [
    ("Linear", {"in_features": 7, "out_features": 2}, [(5,)], "CNN101", ["7", "5"]),
    ("Flatten", {"start_dim": 0}, [(2, 3)], "CNN007", ["start_dim 0 is the batch"]),
    ("Flatten", {"end_dim": 4}, [(2, 3)], "CNN007", ["end_dim 4", "[2, 3]"]),
    ("Flatten", {"start_dim": 2, "end_dim": 1}, [(2, 3)], "CNN007", ["2", "1"]),
    ("Unflatten", {"unflattened_size": [4, 2]}, [(9,)], "CNN101", ["[4, 2]", "8", "9"]),
    ("Unflatten", {"unflattened_size": [-1, -1]}, [], "CNN007", ["[-1, -1]"]),
    ("Unflatten", {"unflattened_size": [0, 3]}, [], "CNN007", ["[0, 3]"]),
    ("PReLU", {"num_parameters": 3}, [(5,)], "CNN101", ["3", "5"]),
    ("CELU", {"alpha": 0}, [], "CNN007", ["alpha", "0"]),
    ("Hardtanh", {"min_val": 2, "max_val": 1}, [], "CNN007", ["2", "1"]),
    ("Softmax", {"dim": 3}, [(2, 3)], "CNN007", ["dim 3", "[2, 3]"]),
    ("Softmax", {"dim": -3}, [(2, 3)], "CNN007", ["dim -3 is the batch"]),
    ("Maxout", {"pieces": 4}, [(6,)], "CNN103", ["4", "6"]),
    ("Upsample", {}, [], "CNN005", ["size", "scale_factor"]),
    ("Upsample", {"size": 2, "scale_factor": 2}, [], "CNN005", ["both"]),
    ("Upsample", {"size": 2, "align_corners": False}, [], "CNN007", ["nearest"]),
    ("Upsample", {"size": 2, "recompute_scale_factor": True}, [], "CNN007", ["size"]),
    ("Upsample", {"size": 2, "mode": "bilinear"}, [(2, 3)], "CNN101", ["bilinear", "[2, 3]"]),
    ("Upsample", {"size": 2}, [(2,)], "CNN101", ["[2]"]),
    ("Upsample", {"size": [2, 2]}, [(2, 3)], "CNN101", ["[2, 2]", "2", "1"]),
    ("Upsample", {"scale_factor": 0.2}, [(2, 3)], "CNN102", ["0.2", "3"]),
    ("PixelShuffle", {"upscale_factor": 2}, [(6, 2, 2)], "CNN103", ["6", "4"]),
    ("PixelShuffle", {"upscale_factor": 2}, [(4, 2)], "CNN101", ["[4, 2]"]),
    ("PixelUnshuffle", {"downscale_factor": 2}, [(1, 4, 5)], "CNN102", ["width 5", "2"]),
    ("ChannelShuffle", {"groups": 4}, [(6, 2)], "CNN103", ["4", "6"]),
    ("ChannelShuffle", {"groups": 2}, [(6,)], "CNN101", ["[6]"]),
    ("CenterCrop", {"size": 5}, [(1, 6, 4)], "CNN102", ["5", "4"]),
    ("CenterCrop", {"size": [5]}, [(1, 6, 8)], "CNN101", ["[5]", "2 spatial axes"]),
    ("Split", {"split_size_or_sections": [1, 2]}, [(5,)], "CNN101", ["[1, 2]", "3", "5"]),
    ("Permute", {"dims": [0, 2]}, [(2, 3)], "CNN101", ["[0, 2]", "[2, 3]"]),
    ("Permute", {"dims": [1, 0]}, [(2,)], "CNN007", ["[1, 0]", "batch"]),
    ("Add", {}, [(8, 4, 4), (8, 2, 4)], "CNN101", ["[8, 4, 4]", "[8, 2, 4]", "height 4 against 2"]),
    ("Add", {}, [(8, 4, 4), (2, 1, 1)], "CNN101", ["[2, 1, 1]", "(channels 8 against 2)"]),
    ("Maximum", {}, [(4,), (4,), (5,)], "CNN101", ["input 3", "features 4 against 5"]),
    ("Mul", {}, [(8, 4, 4), (8,)], "CNN101", ["[8, 4, 4]", "[8]", "axes"]),
    ("Mul", {}, [(1, 4), (8, 3), (7, 1)], "CNN101", ["input 2", "input 3", "8 against 7"]),
    ("Concat", {}, [(1, 4, 4), (2, 4, 5)], "CNN101", ["(width 4 against 5)", "dim 1"]),
    ("Concat", {"dim": 0}, [(1, 4), (2, 4)], "CNN007", ["dim 0 is the batch"]),
    ("MultiMarginLoss", {}, [(5, 2)], "CNN101", ["[5, 2]"]),
    ("MultiMarginLoss", {"p": 3}, [], "CNN007", ["1 to 2", "3"]),
    ("CrossEntropyLoss", {"reduction": "none"}, [], "CNN007", ["mean, sum", "none"]),
    ("Opaque", {"output": 1, "params": 0, "macs": 5, "flops": 9}, [], "CNN007", ["9", "10"]),
    ("Opaque", {"output": 1, "params": -1, "macs": 5}, [], "CNN007", ["params", "-1"]),
]


@pytest.mark.parametrize(("name", "arguments", "xs", "code", "parts"), WRONG)
def test_messages_quote_what_is_wrong(name, arguments, xs, code, parts):
    with pytest.raises(LayerError) as caught:
        make(name, **arguments).infer(*xs)
    error = caught.value
    assert error.code == code
    assert all(part in error.message for part in parts), error.message
    assert not error.message.endswith(".")
    assert error.argument is None or error.argument in layers.find(name).arguments


def test_help_of_a_merge_depends_on_what_differs():
    def help_for(*xs):
        with pytest.raises(LayerError) as caught:
            make("Add").infer(*xs)
        return caught.value.help

    assert "Conv2d with kernel_size 1" in help_for((4, 3, 3), (8, 3, 3))
    assert "Conv1d with kernel_size 1" in help_for((4, 3), (8, 3))
    assert "Linear" in help_for((4,), (8,))
    assert "strides" in help_for((4, 3, 3), (8, 2, 2))
    assert "Unflatten" in help_for((4, 3, 3), (4,))
