from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from service.errors import WrongUse
from training.alerts import Alerts, alerts_file, read_alerts
from training.alerts.channels import Mail, Topic, Webhook
from training.alerts.metrics import Meter

HOOK: dict[str, Any] = {"name": "hook", "kind": "webhook", "url": "https://alerts.bank.example/aval"}
MAIL: dict[str, Any] = {
    "name": "mail",
    "kind": "mail",
    "host": "smtp.bank.example",
    "from": "aval@bank.example",
}
MAIL_TO: dict[str, Any] = {**MAIL, "to": ["risk@bank.example"]}
SNS: dict[str, Any] = {"name": "sns", "kind": "sns", "topic_arn": "arn:aws:sns:eu-west-1:111122223333:risk"}
METRICS: dict[str, Any] = {"name": "figures", "kind": "metrics"}


def read(folder: Path, *channels: Mapping[str, Any], use_case: str | None = None, **more: Any) -> Alerts:
    """Read a file with these channels, beside a file with a secret in it."""
    (folder / "secret").write_text("a secret of tests\n")
    file = folder / "alerts.json"
    file.write_text(json.dumps({"channels": channels, **more}))
    return read_alerts(file, folder, use_case)


def refusal(folder: Path, *channels: Mapping[str, Any], **more: Any) -> str:
    with pytest.raises(WrongUse) as refused:
        read(folder, *channels, **more)
    found = str(refused.value)
    start = f"the file of alerts {folder / 'alerts.json'}: "
    assert found.startswith(start)
    return found.removeprefix(start)


def test_without_a_file_nobody_is_told(tmp_path: Path) -> None:
    assert read_alerts(None, tmp_path) == Alerts((), (), 2)


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"the file of alerts .*none\.toml cannot be read \(No such file"):
        read_alerts(tmp_path / "none.toml", tmp_path)


def test_the_file_in_the_home_is_read_unless_another_is_named(tmp_path: Path) -> None:
    (tmp_path / "alerts.toml").write_text('[[channels]]\nname = "figures"\nkind = "metrics"\n')
    assert read_alerts(None, tmp_path).meters == (Meter("figures"),)


def test_the_example_in_the_documentation_is_right(tmp_path: Path) -> None:
    example = alerts_file.__doc__ or ""
    text = "\n".join(line for line in example.splitlines() if line.startswith("    "))
    (tmp_path / "secret").write_text("a secret of tests")
    (tmp_path / "url").write_text("https://alerts.bank.example/T000/secret\n")
    text = text.replace("/run/secrets/on-call-url", "url")
    for name in ("signing", "smtp"):
        text = text.replace(f"/run/secrets/{name}", "secret")
    file = tmp_path / "alerts.toml"
    file.write_text("\n".join(line.removeprefix("    ") for line in text.splitlines()))
    found = read_alerts(file, tmp_path, "credit_risk")
    assert [type(channel) for channel in found.channels] == [Webhook, Mail, Topic]
    assert found.meters == (Meter("figures"),)
    assert [channel.name for channel in read_alerts(file, tmp_path, "card_default").channels] == [
        "risk-team",
        "topic",
    ]


def test_a_webhook_has_what_the_file_says(tmp_path: Path) -> None:
    (found,) = read(tmp_path, {**HOOK, "secret_file": "secret", "lowest": "critical"}).channels
    assert found == Webhook("hook", HOOK["url"], "critical", b"a secret of tests")


def test_a_mail_goes_encrypted_to_the_port_for_it_unless_said(tmp_path: Path) -> None:
    (plain,) = read(tmp_path, MAIL_TO).channels
    assert plain == Mail("mail", "smtp.bank.example", "aval@bank.example", ("risk@bank.example",))
    (known,) = read(tmp_path, {**MAIL_TO, "tls": "tls", "user": "aval", "password_file": "secret"}).channels
    assert isinstance(known, Mail)
    assert (known.port, known.user, known.password) == (465, "aval", "a secret of tests")


def test_secrets_are_shown_nowhere(tmp_path: Path) -> None:
    mail = {**MAIL_TO, "user": "aval", "password_file": "secret"}
    (tmp_path / "url").write_text("https://alerts.bank.example/T000/xyzzy")
    hook = {"name": "hook", "kind": "webhook", "url_file": "url", "secret_file": "secret"}
    shown = repr(read(tmp_path, mail, hook))
    assert "a secret of tests" not in shown
    assert "xyzzy" not in shown


def test_a_channel_is_for_its_own_use_cases(tmp_path: Path) -> None:
    channels = [SNS, {**HOOK, "use_cases": ["credit_risk"]}, {**METRICS, "use_cases": ["card_default"]}]
    assert [item.name for item in read(tmp_path, *channels, use_case="credit_risk").channels] == [
        "sns",
        "hook",
    ]
    found = read(tmp_path, *channels, use_case="card_default")
    assert [item.name for item in found.channels] == ["sns"]
    assert [item.name for item in found.meters] == ["figures"]
    everything = read(tmp_path, *channels)
    assert len((*everything.channels, *everything.meters)) == 3


def test_how_many_looks_end_an_incident_can_be_said(tmp_path: Path) -> None:
    assert read(tmp_path, looks_to_recover=5).looks_to_recover == 5


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        ({}, "channels[0].kind is missing; it must be one of: webhook, mail, sns, metrics"),
        ({"kind": "pager"}, "channels[0].kind='pager' must be one of: webhook, mail, sns, metrics"),
        ({**SNS, "name": "a b"}, "channels[0].name='a b' must be 1 to 40 letters, digits, dots"),
        ({**METRICS, "name": None}, "channels[0].name is missing; it must be 1 to 40 letters"),
        ({**SNS, "lowest": "high"}, "channels[0].lowest='high' must be one of: warning, critical"),
        (
            {**SNS, "use_cases": []},
            "channels[0].use_cases=[] must be a list of one or more: names of use cases",
        ),
        ({**SNS, "topic_arn": "risk"}, "channels[0].topic_arn='risk' must be the ARN of an SNS topic"),
        ({**METRICS, "to": "file"}, "channels[0].to='file' must be one of: stdout, stderr, cloudwatch"),
        ({**METRICS, "namespace": "a b"}, "channels[0].namespace='a b' must be 1 to 255 letters"),
        ({**METRICS, "lowest": "critical"}, "channels[0].'lowest' is not one of: name, kind, use_cases, to,"),
        (
            {**HOOK, "secret_file": "none"},
            "channels[0].secret_file='none' must be the path of a file that is there",
        ),
        (
            {**HOOK, "secret_file": "empty"},
            "channels[0].secret_file='empty' must be a file with one line of 1 to",
        ),
        ({**HOOK, "url_file": "secret"}, "channels[0].url: both are given; give url, or url_file"),
        ({**HOOK, "url": None}, "channels[0].url: neither is given; give url, or url_file"),
        ({**HOOK, "plain_http": 1}, "channels[0].plain_http=1 must be true or false"),
        ({**MAIL_TO, "host": "a b"}, "channels[0].host='a b' must be the name or address of a host"),
        ({**MAIL_TO, "port": 0}, "channels[0].port=0 must be a whole number from 1 to 65535"),
        ({**MAIL_TO, "port": True}, "channels[0].port=True must be a whole number"),
        ({**MAIL_TO, "from": "aval"}, "channels[0].from='aval' must be an address such as risk@bank.example"),
        (
            {**MAIL_TO, "to": ["a@b.c\nBcc: d@e.f"]},
            "channels[0].to=['a@b.c\\nBcc: d@e.f'] must be a list of one",
        ),
        ({**MAIL_TO, "to": "a@b.c"}, "channels[0].to='a@b.c' must be a list of one or more: an address"),
        (MAIL, "channels[0].to is missing; it must be a list of one or more: an address"),
        ({**MAIL_TO, "tls": "ssl"}, "channels[0].tls='ssl' must be one of: starttls, tls, none"),
        ({**MAIL_TO, "user": "aval"}, "channels[0].user and password_file belong together"),
        (
            {**MAIL_TO, "user": "aval", "password_file": "secret", "tls": "none"},
            "channels[0].tls='none' would show the password to the network",
        ),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(
    tmp_path: Path, channel: Mapping[str, Any], message: str
) -> None:
    (tmp_path / "empty").touch()
    written = {name: value for name, value in channel.items() if value is not None}
    assert refusal(tmp_path, written).startswith(message)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("ftp://host/x", "must be a URL that begins with https://"),
        ("https:///path", "is no URL"),
        ("https://host:port/x", "is no URL"),
        ("https://user:xyzzy@host/x", "holds a user or password"),
        ("https://xyzzy@host/x", "holds a user or password"),
        ("http://alerts.bank.example/x", "is not encrypted"),
        ("http://127.0.0.1.evil.example/x", "is not encrypted"),
        ("https://host/x\r\nHost: evil", "must be a URL"),
    ],
)
def test_a_url_that_will_not_do_is_refused_and_never_shown(tmp_path: Path, url: str, complaint: str) -> None:
    told = refusal(tmp_path, {**HOOK, "url": url})
    assert told.startswith(f"channels[0].url {complaint}")
    assert url not in told
    assert "xyzzy" not in told


@pytest.mark.parametrize(
    "more",
    [
        {"url": "http://127.0.0.1:9093/x"},
        {"url": "http://localhost/x"},
        {"url": "http://[::1]:80/x"},
        {"url": "http://alertmanager:9093/x", "plain_http": True},
    ],
)
def test_a_url_without_encryption_is_for_this_machine_or_where_it_is_said(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    assert len(read(tmp_path, {**HOOK, **more}).channels) == 1


def test_a_password_in_the_file_itself_is_refused_and_not_shown(tmp_path: Path) -> None:
    told = refusal(tmp_path, {**MAIL_TO, "user": "aval", "password": "xyzzy"})
    assert told.startswith("channels[0].'password' is not one of: ")
    assert told.endswith("; a secret stands in a file: password_file")
    assert "xyzzy" not in told


def test_two_channels_have_two_names(tmp_path: Path) -> None:
    assert refusal(tmp_path, SNS, {**METRICS, "name": "sns"}) == (
        "channels: the name 'sns' stands 2 times; each must be its own"
    )


@pytest.mark.parametrize("looks", [0, -1, 1.5, True, "2", 1001])
def test_looks_that_end_an_incident_are_a_number(tmp_path: Path, looks: object) -> None:
    assert refusal(tmp_path, looks_to_recover=looks) == (
        f"looks_to_recover={looks!r} must be a whole number from 1 to 1000"
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.toml", 'password = "xyzzy\n[[channels]]', "it is not TOML, line 1"),
        ("a.json", '{"password": "xyzzy",\n}', "it is not JSON, line 2"),
        ("a.json", "[" * 100_000, "it is not JSON"),
        ("a.json", "[]", "it must be an object with: channels, looks_to_recover"),
        ("a.toml", "channels = 5", "channels must be a list of tables, each written under [[channels]]"),
        ("a.toml", "[channel]", "'channel' is not one of: channels, looks_to_recover"),
        ("a.toml", "\udcff", "it is not TOML"),
    ],
)
def test_a_file_that_cannot_be_read_as_alerts_says_where_and_shows_nothing(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    (tmp_path / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(WrongUse) as refused:
        read_alerts(tmp_path / name, tmp_path)
    assert str(refused.value) == f"the file of alerts {tmp_path / name}: {message}"
