"""Whatever fits the OpenAPI schema, and whatever does not, is answered as the schema says."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from digits.studio.app import create_app
from digits.studio.settings import Settings

with warnings.catch_warnings():  # of the libraries that it is built on
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.generation import GenerationMode

EXAMPLES = 5  # of each operation, valid and invalid each
HERE = {"Host": "127.0.0.1:8000"}
# A request can have the right shape and still ask for what cannot be, e.g. send a picture that is none.
LEFT_OUT = [schemathesis.checks.positive_data_acceptance]

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

patient = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> schemathesis.BaseSchema:
    app = create_app(Settings(model="quick", folder=tmp_path_factory.mktemp("studio")))
    return schemathesis.openapi.from_asgi("/api/openapi.json", app, headers=HERE)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_the_answers_are_what_the_schema_says(schema: schemathesis.BaseSchema, mode: GenerationMode) -> None:
    failures: list[str] = []
    for found in schema.get_all_operations():
        operation = found.ok()

        @patient
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case) -> None:
            case.call_and_validate(headers=HERE, excluded_checks=LEFT_OUT)

        try:
            ask()
        except Unsatisfiable:  # a request without parameters cannot be made wrong
            continue
        except (Exception, BaseExceptionGroup) as failure:  # noqa: BLE001  the others are to be asked too
            told = getattr(failure, "exceptions", [failure])
            failures += [f"{operation.label}: {each}" for each in told]
    assert not failures, "\n\n".join(failures)
