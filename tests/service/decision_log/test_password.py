from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from psycopg import OperationalError
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError as NoConnection

from service.decision_log.address import reading_engine, shown, writing_engine
from service.decision_log.password import Password, fetch_password, split_secret
from service.monitoring.database import open_database
from tests.postgres import Postgres

USER, FIRST, SECOND = "renewed", "the first password", "a second; with signs @:/?"


class Driver:
    """Opens connections for one password."""

    def __init__(self, password: str) -> None:
        self.password = password
        self.tried: list[str] = []
        self.refusal = f'FATAL: password authentication failed for user "{USER}"'

    def connect(self, *, password: str) -> str:
        self.tried.append(password)
        if password != self.password:
            raise OperationalError(self.refusal)
        return "a connection"


class Secret:
    """A secret that counts how often it is asked for."""

    def __init__(self, password: str) -> None:
        self.password = password
        self.asked = 0
        self.down = False

    def fetch(self, _: str) -> str:
        self.asked += 1
        if self.down:
            raise OperationalError("the password cannot be fetched")
        return self.password


def test_an_address_is_parted_from_the_name_of_its_secret() -> None:
    url = make_url("postgresql://aval@db/aval?sslmode=verify-full&password_secret=arn:aws:x:secret:rds!c-1")
    plain, secret = split_secret(url)
    assert plain.render_as_string() == "postgresql://aval@db/aval?sslmode=verify-full"
    assert secret == "arn:aws:x:secret:rds!c-1"


def test_an_address_without_a_secret_stays_as_it_is() -> None:
    url = make_url("postgresql://aval:word@db/aval")
    assert split_secret(url) == (url, None)


def test_a_password_is_fetched_once_for_many_connections() -> None:
    driver, secret = Driver(FIRST), Secret(FIRST)
    password = Password("arn", secret.fetch)
    assert [password.connect(driver.connect) for _ in range(3)] == ["a connection"] * 3
    assert secret.asked == 1


def test_a_password_that_is_refused_is_fetched_again() -> None:
    driver, secret = Driver(FIRST), Secret(FIRST)
    password = Password("arn", secret.fetch)
    password.connect(driver.connect)
    driver.password = secret.password = SECOND
    assert password.connect(driver.connect) == "a connection"
    assert (driver.tried, secret.asked) == ([FIRST, FIRST, SECOND], 2)


def test_a_password_that_is_refused_and_was_not_renewed_is_not_tried_twice() -> None:
    driver, secret = Driver(FIRST), Secret(FIRST)
    password = Password("arn", secret.fetch)
    password.connect(driver.connect)
    driver.password = "nobody knows it"
    with pytest.raises(OperationalError, match="password authentication failed"):
        password.connect(driver.connect)
    assert (driver.tried, secret.asked) == ([FIRST, FIRST], 2)


@pytest.mark.parametrize("down", ["connection refused", "FATAL: sorry, too many clients already"])
def test_a_server_that_is_down_costs_no_look_at_the_secret(down: str) -> None:
    driver, secret = Driver(FIRST), Secret(FIRST)
    password = Password("arn", secret.fetch)
    password.connect(driver.connect)
    driver.password, driver.refusal = "none does", down
    with pytest.raises(OperationalError, match=down):
        password.connect(driver.connect)
    assert (driver.tried, secret.asked) == ([FIRST, FIRST], 1)


def test_a_refusal_is_told_as_it_came_where_the_secret_cannot_be_read() -> None:
    driver, secret = Driver(FIRST), Secret(FIRST)
    password = Password("arn", secret.fetch)
    password.connect(driver.connect)
    driver.password, secret.down = SECOND, True
    with pytest.raises(OperationalError, match="password authentication failed") as told:
        password.connect(driver.connect)
    assert str(told.value.__cause__) == "the password cannot be fetched"
    secret.down, secret.password = False, SECOND
    assert password.connect(driver.connect) == "a connection"


@pytest.mark.parametrize("content", ["no JSON", "{}", "[]", '"password"'])
def test_a_secret_without_a_password_is_named_and_not_shown(content: str, secrets: Any) -> None:
    name = secrets.create_secret(Name=f"damaged {abs(hash(content))}", SecretString=content)["ARN"]
    with pytest.raises(OperationalError) as refused:
        fetch_password(name)
    assert str(refused.value) == f"the secret {name} is no JSON with a password"


def test_a_secret_that_is_not_there_says_so(secrets: Any) -> None:
    with pytest.raises(OperationalError, match=r"cannot be fetched from nowhere: .*ResourceNotFound"):
        fetch_password("nowhere")


def test_log_and_monitoring_connect_after_the_password_was_renewed(secrets: Any, postgres: Postgres) -> None:
    arn = secrets.create_secret(Name="of the database", SecretString=json.dumps({"password": FIRST}))["ARN"]
    postgres.run(f"CREATE ROLE {USER} LOGIN SUPERUSER PASSWORD '{FIRST}'")
    address = (
        make_url(postgres.url("renewing"))
        ._replace(username=USER, password=None)
        .update_query_dict({"password_secret": arn})
    )
    named = address.render_as_string()
    engines = [writing_engine(make_url(named).set(drivername="postgresql+psycopg")), reading_engine(named)]
    monitoring = open_database(named)
    assert [answer(engine) for engine in engines] == [1, 1]

    postgres.run(f"ALTER ROLE {USER} PASSWORD '{SECOND}'")
    with pytest.raises(NoConnection, match="password authentication failed"):
        answer(engines[0])
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps({"password": SECOND}))
    assert [answer(engine) for engine in (*engines, monitoring.engine)] == [1, 1, 1]
    assert all("secret" not in shown(engine.url) for engine in engines)


def answer(engine: Any) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT 1")).scalar_one())


@pytest.fixture
def secrets(bucket: str) -> Any:
    """Secrets Manager beside the S3 of tests, which this process uses while the test runs."""
    return boto3.client("secretsmanager")
