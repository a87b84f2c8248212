from __future__ import annotations

from collections.abc import Callable

from service.model_store import load_scorer
from tests.postgres import Postgres
from tests.processes import Home
from tests.service.records import records
from tests.service.replayed_log import logged, replayed


def test_what_was_logged_in_postgresql_comes_out_the_same_bit_for_bit(
    quick_home: Callable[[str], Home], postgres: Postgres
) -> None:
    home, url = quick_home("credit_risk").bentoml_home, postgres.new_url()
    logged(url, [load_scorer("credit_risk", home)], records("credit_risk"))
    assert replayed(url, home).same == 300
