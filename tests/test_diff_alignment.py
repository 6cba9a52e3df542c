"""Alignment, held against plain recursion over all ways; and one edit of a chain, marked alone."""

from functools import cache
from unittest import mock

import pytest
from helpers import good
from hypothesis import given, settings, strategies as st

from cnncalc.analysis import alignment
from cnncalc.analysis.alignment import GAP, align
from cnncalc.analysis.difference import difference

PRICES = {("a", "b"): GAP // 2, ("A", "a"): 1, ("b", "c"): 3 * GAP // 2, ("c", "d"): GAP - 1}
WORDS = st.text("abcdA", max_size=9)


def price(one, other):
    """Symmetric; what is not in the table is dearer than to drop one and add the other."""
    return 0 if one == other else PRICES.get(tuple(sorted((one, other))), 3 * GAP)


def least(old, new):
    @cache
    def rest(i, j):
        if i == len(old):
            return GAP * (len(new) - j)
        if j == len(new):
            return GAP * (len(old) - i)
        both = price(old[i], new[j]) + rest(i + 1, j + 1)
        return min(both, GAP + rest(i + 1, j), GAP + rest(i, j + 1))

    return rest(0, 0)


def total(old, new, pairs):
    return sum(GAP if None in (i, j) else price(old[i], new[j]) for i, j in pairs)


@given(WORDS, WORDS)
@settings(max_examples=400)
def test_the_alignment_is_a_cheapest_one(old, new):
    pairs = align(old, new, price)
    assert [i for i, _ in pairs if i is not None] == list(range(len(old)))
    assert [j for _, j in pairs if j is not None] == list(range(len(new)))
    assert total(old, new, pairs) == least(old, new)


@given(WORDS, WORDS)
@settings(max_examples=400)
def test_a_band_that_is_too_narrow_is_widened(old, new):
    with mock.patch.object(alignment, "NARROW", 1):
        assert total(old, new, align(old, new, price)) == least(old, new)


def test_words_that_are_shifted_by_more_than_the_first_band():
    shifted = "".join(chr(ord("A") + 1 + number) for number in range(40))
    pairs = align("abcd" * 5 + shifted, shifted + "dcba" * 5, price)
    assert len([pair for pair in pairs if None not in pair]) == 40


def test_what_is_too_much_to_look_at_has_no_counterparts(monkeypatch):
    monkeypatch.setattr(alignment, "MOST_CELLS", 10)
    assert align("xab", "xbcy", price) == [
        (0, 0), (1, None), (2, None), (None, 1), (None, 2), (None, 3),
    ]  # fmt: skip
    monkeypatch.setattr(alignment, "MOST_CELLS", 700)
    old, new = "ab" * 15, "ba" * 15
    assert len([pair for pair in align(old, new, price) if None not in pair]) >= 29


def test_equal_items_stay_together_from_the_beginning():
    assert align("abab", "ab", price) == [(0, 0), (1, 1), (2, None), (3, None)]
    assert align("xababy", "zabw", price)[-2:] == [(5, None), (None, 3)]
    assert align("xababy", "zabw", price)[2:4] == [(1, 1), (2, 2)]
    assert align("d", "bb", price) == [(0, None), (None, 0), (None, 1)]


# ---- one edit of a chain

LAYERS = (
    "ReLU",
    "Tanh",
    "BatchNorm2d",
    "Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}",
    "Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}",
    "Conv2d: {out_channels: 4, kernel_size: 1}",
    "MaxPool2d: {kernel_size: 3, stride: 1}",
    "Dropout: 0.5",
)
CHAINS = st.lists(st.sampled_from(LAYERS), min_size=1, max_size=14)


def network(layers):
    return good("\n".join(f"- {layer}" for layer in layers), input="[4, 64, 64]")


def written(report):
    """What each row is, without what the difference says of it."""
    return [(row.node.type, row.node.layer) for row in report.rows]


def edits(old, new):
    found = difference(network(old), network(new))
    assert found.compared
    return found, [change for change in found.layers if change.kind != "affected"]


@given(CHAINS, st.sampled_from(LAYERS), st.data())
@settings(max_examples=120, deadline=None)
def test_an_inserted_layer_is_marked_and_no_other(layers, layer, data):
    at = data.draw(st.integers(0, len(layers)))
    longer = [*layers[:at], layer, *layers[at:]]
    found, (change,) = edits(layers, longer)
    assert (change.kind, change.old) == ("added", None)
    place = found.new.rows.index(change.new)
    assert longer[:place] + longer[place + 1 :] == layers
    _, (back,) = edits(longer, layers)
    assert (back.kind, back.new) == ("removed", None)
    assert written(found.new)[place] == (back.old.node.type, back.old.node.layer)


@given(CHAINS, st.sampled_from(LAYERS), st.data())
@settings(max_examples=120, deadline=None)
def test_a_changed_layer_is_marked_and_no_other(layers, layer, data):
    at = data.draw(st.integers(0, len(layers) - 1))
    other = [*layers[:at], layer, *layers[at + 1 :]]
    found, changes = edits(layers, other)
    if layer == layers[at]:
        assert found.same
        assert not found.layers
        return
    (change,) = changes
    assert (change.kind, change.what[0]) == ("changed", "layer")
    assert change.old is found.old.rows[at]
    assert change.new is found.new.rows[at]
    affected = {c.new.node.path: c.what for c in found.layers if c.kind == "affected"}
    for before, after in zip(found.old.rows, found.new.rows, strict=True):
        if before.node.layer == after.node.layer:
            what = affected.get(after.node.path, ())
            assert ("output" in what) == (before.out_shapes != after.out_shapes)
            assert ("params" in what) == (before.cost.params != after.cost.params)
            assert ("macs" in what) == (before.cost.macs != after.cost.macs)


@pytest.mark.parametrize("repeat", [2, 5, 40])
def test_a_block_added_to_equal_blocks_is_marked_as_a_block(repeat):
    block = ["Conv2d: {out_channels: 4, kernel_size: 1}", "BatchNorm2d", "ReLU"]
    _, changes = edits(block * repeat, block * (repeat + 1))
    assert [one.kind for one in changes] == ["added"] * 3
    assert [one.new.node.path for one in changes] == [f"layers.{3 * repeat + n}" for n in range(3)]
