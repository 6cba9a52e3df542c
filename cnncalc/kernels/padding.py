import numpy as np


def padded(x, pads, mode="constant", value=0.0):
    if not any(map(any, pads)):
        return x
    r = len(pads)
    pos = [(max(b, 0), max(a, 0)) for b, a in pads]
    y = np.pad(
        x,
        [(0, 0)] * (x.ndim - r) + pos,
        mode={
            "constant": "constant",
            "reflect": "reflect",
            "replicate": "edge",
            "circular": "wrap",
        }[mode],
    )
    return y[(..., *(slice(max(-b, 0), n - max(-a, 0)) for (b, a), n in zip(pads, y.shape[-r:])))]


def padded_gradient(dy, pads, mode="constant"):
    return padded(dy, [(-b, -a) for b, a in pads])
