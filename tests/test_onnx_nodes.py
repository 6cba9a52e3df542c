"""ONNX's own test cases of each operator that is a layer of ours; `onnx_mapping` says how it is."""

from re import escape

import pytest
from onnx_cases import SKIPPED, TOLERANCE, agree, listed, matching, node_cases
from onnx_mapping import OPERATORS, NoLayerError

LIST = SKIPPED["nodes"]
CASES = node_cases()
PLAIN = CASES.keys() - matching([LIST["expanded"]], CASES)
OPERATOR = {name: CASES[name].model.graph.node[0].op_type for name in PLAIN}
WITHOUT_LAYER = listed(LIST["operators"], set(OPERATOR.values()))
NOT_COMPUTED = listed(LIST["cases"], {name for name in PLAIN if OPERATOR[name] in OPERATORS})
ROUNDED = {name: tolerance for tolerance, names in LIST["rounded"].items() for name in names}
EXECUTED = [
    name
    for name in CASES
    if name in PLAIN - NOT_COMPUTED.keys() and OPERATOR[name] not in WITHOUT_LAYER
]


@pytest.mark.parametrize("name", EXECUTED)
def test_outputs(name):
    agree(CASES[name].evaluated(), CASES[name].outputs, ROUNDED.get(name, TOLERANCE))


def test_the_number_of_cases():
    """Of 1884 in onnx 1.23.2, 480 are expanded; a case more or less is a change to look at."""
    assert len(CASES) == 1884
    assert len(PLAIN) == 1404
    assert len(EXECUTED) == 342
    assert len(ROUNDED.keys() & set(EXECUTED)) == 4


def test_every_operator_has_a_layer_or_is_listed():
    assert OPERATORS.keys() & WITHOUT_LAYER.keys() == set()
    assert set(OPERATOR.values()) == WITHOUT_LAYER.keys() | OPERATORS.keys() & OPERATOR.values()


def test_what_is_listed_cannot_be_run_for_the_reason_given():
    for name, reason in NOT_COMPUTED.items():
        with pytest.raises(NoLayerError, match=f"^{escape(reason)}"):
            CASES[name].evaluated()
