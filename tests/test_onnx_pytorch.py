"""Models that PyTorch exported to ONNX, with the outputs that PyTorch computed."""

from re import escape

import pytest
from onnx_cases import SKIPPED, agree, listed, model_cases
from onnx_mapping import NoLayerError

SUITES = {kind: model_cases(kind) for kind in ("pytorch-converted", "pytorch-operator")}
CASES = {(kind, name): case for kind, suite in SUITES.items() for name, case in suite.items()}
NOT_COMPUTED = {
    (kind, name): reason
    for kind, suite in SUITES.items()
    for name, reason in listed(SKIPPED[kind], suite).items()
}
EXECUTED = [case for case in CASES if case not in NOT_COMPUTED]


@pytest.mark.parametrize(("kind", "name"), EXECUTED)
def test_outputs(kind, name):
    case = CASES[kind, name]
    agree(case.evaluated(), case.outputs)


@pytest.mark.parametrize(
    ("kind", "models", "executed"), [("pytorch-converted", 82, 79), ("pytorch-operator", 35, 23)]
)
def test_the_number_of_models(kind, models, executed):
    assert len(SUITES[kind]) == models
    assert sum(suite == kind for suite, _ in EXECUTED) == executed


def test_what_is_listed_cannot_be_run_for_the_reason_given():
    for case, reason in NOT_COMPUTED.items():
        with pytest.raises(NoLayerError, match=f"^{escape(reason)}"):
            CASES[case].evaluated()
