"""Layers computed one number at a time, from their definitions: nothing here is shared."""

from itertools import product

import numpy as np


def convolution(x, weight, bias, stride, pads, dilation, groups):
    """Cross-correlation of x (N, C, *n), zeros around it; a plain loop over every index."""
    x = np.pad(x, ((0, 0), (0, 0), *pads))
    batch, _, *n = x.shape
    out_channels, each, *kernel = weight.shape
    out = [
        (size - d * (f - 1) - 1) // s + 1
        for size, f, s, d in zip(n, kernel, stride, dilation, strict=True)
    ]
    y = np.zeros((batch, out_channels, *out), x.dtype)
    for image, o in product(range(batch), range(out_channels)):
        first = o // (out_channels // groups) * each
        for place in product(*map(range, out)):
            total = bias[o] if bias is not None else 0
            for c, tap in product(range(each), product(*map(range, kernel))):
                at = tuple(
                    p * s + t * d for p, s, t, d in zip(place, stride, tap, dilation, strict=True)
                )
                total += weight[(o, c, *tap)] * x[(image, first + c, *at)]
            y[(image, o, *place)] = total
    return y


def transposed_convolution(x, weight, bias, stride, pads, dilation, groups, output_padding):
    """Every input value adds its multiple of the kernel to the output; then the padding is cut."""
    batch, channels, *n = x.shape
    _, each, *kernel = weight.shape
    full = [
        (size - 1) * s + d * (f - 1) + 1 + extra
        for size, f, s, d, extra in zip(n, kernel, stride, dilation, output_padding, strict=True)
    ]
    y = np.zeros((batch, each * groups, *full), x.dtype)
    for image, c in product(range(batch), range(channels)):
        group = c // (channels // groups)
        for place in product(*map(range, n)):
            for o, tap in product(range(each), product(*map(range, kernel))):
                at = tuple(
                    p * s + t * d for p, s, t, d in zip(place, stride, tap, dilation, strict=True)
                )
                y[(image, group * each + o, *at)] += x[(image, c, *place)] * weight[(c, o, *tap)]
    if bias is not None:
        y += bias.reshape(-1, *(1,) * len(n))
    cut = tuple(slice(b, size - a) for size, (b, a) in zip(full, pads, strict=True))
    return y[(slice(None), slice(None), *cut)]
