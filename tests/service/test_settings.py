from __future__ import annotations

import pytest

from service.errors import WrongUse
from service.settings import Settings


@pytest.mark.parametrize("text", ["1MB", "-5", "0", "1e6", "9" * 40])
def test_a_body_limit_that_is_no_number_of_bytes_is_refused(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVAL_MAX_BODY", text)
    with pytest.raises(WrongUse) as caught:
        Settings.from_environment()
    assert str(caught.value) == (
        f"AVAL_MAX_BODY={text!r} is not a number of bytes; it must be a whole number from 1 up"
    )


def test_every_setting_has_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AVAL_MODEL", "AVAL_HOME", "BENTOML_HOME", "MLFLOW_TRACKING_URI", "AVAL_MAX_BODY"):
        monkeypatch.delenv(name, raising=False)
    settings = Settings.from_environment()
    assert (settings.model, settings.largest_body) == (None, 1_048_576)
    assert settings.home.name == ".aval"
    assert settings.tracking_uri == f"sqlite:///{settings.home / 'mlflow.db'}"
