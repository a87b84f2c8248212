from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import free_port
from tests.training.alerts.certificates import server_context
from tests.training.alerts.incident_room import START
from tests.training.alerts.web_receiver import WebReceiver, web_receiver
from training.alerts.channels import NotSent, Webhook
from training.alerts.delivery import send_within
from training.alerts.message import trial_message

MESSAGE = trial_message(START)


@pytest.fixture
def receiver() -> Iterator[WebReceiver]:
    with web_receiver() as running:
        yield running


def webhook(receiver: WebReceiver, **more: Any) -> Webhook:
    return Webhook("hook", receiver.url, **{"pauses": (0.01, 0.02), "timeout": 5.0, **more})


def failure(channel: Webhook) -> NotSent:
    with pytest.raises(NotSent) as failed:
        channel.send(MESSAGE)
    return failed.value


def test_a_message_is_posted_as_json_with_its_id(receiver: WebReceiver) -> None:
    assert webhook(receiver).send(MESSAGE) == "127.0.0.1 answered 200"
    (request,) = receiver.received
    assert request.json == MESSAGE.body
    assert request.headers["content-type"] == "application/json"
    assert request.headers["idempotency-key"] == MESSAGE.id
    assert "aval-signature" not in request.headers


def test_a_receiver_can_check_the_signature_of_time_and_body(receiver: WebReceiver) -> None:
    webhook(receiver, secret=b"a secret of tests").send(MESSAGE)
    (request,) = receiver.received
    stamp = request.headers["aval-timestamp"]
    signed = hmac.new(b"a secret of tests", stamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
    assert request.headers["aval-signature"] == f"sha256={signed}"
    assert abs(time.time() - int(stamp)) < 60


@pytest.mark.parametrize("status", [500, 503, 429])
def test_what_may_pass_is_tried_again_under_the_same_id(receiver: WebReceiver, status: int) -> None:
    receiver.statuses = [status, status]
    webhook(receiver).send(MESSAGE)
    assert receiver.ids == [MESSAGE.id] * 3


def test_a_server_that_stays_broken_is_given_up(receiver: WebReceiver) -> None:
    receiver.statuses = [500, 502, 503, 200]
    fault = failure(webhook(receiver))
    assert (str(fault), fault.down) == ("127.0.0.1 answered 503", True)
    assert len(receiver.received) == 3


@pytest.mark.parametrize(
    ("status", "down"), [(400, False), (413, False), (422, False), (401, True), (404, True)]
)
def test_what_would_be_refused_again_is_not_tried_again(
    receiver: WebReceiver, status: int, down: bool
) -> None:
    receiver.statuses = [status]
    fault = failure(webhook(receiver))
    assert (str(fault), fault.down) == (f"127.0.0.1 answered {status}", down)
    assert len(receiver.received) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(receiver: WebReceiver, status: int) -> None:
    with web_receiver() as elsewhere:
        receiver.statuses, receiver.moved_to = [status], elsewhere.url
        fault = failure(webhook(receiver))
        assert str(fault).startswith(f"127.0.0.1 answered {status}, a redirect, which is not followed")
        assert elsewhere.received == []


def test_a_server_that_says_nothing_is_given_up_after_the_timeout(receiver: WebReceiver) -> None:
    receiver.silent = 1.0
    began = time.monotonic()
    fault = failure(webhook(receiver, timeout=0.1, pauses=(0.01,)))
    assert str(fault) == "127.0.0.1: TimeoutError"
    assert time.monotonic() - began < 0.9
    assert len(receiver.received) == 2


def test_a_server_that_answers_byte_by_byte_is_left_behind(receiver: WebReceiver) -> None:
    receiver.trickle = 0.2
    with pytest.raises(NotSent, match=r"no end after 0.3 seconds"):
        send_within(webhook(receiver), MESSAGE, 0.3)


def test_a_closed_port_is_told_without_the_url(receiver: WebReceiver) -> None:
    channel = Webhook("hook", f"http://127.0.0.1:{free_port()}/services/T000/secret", pauses=())
    fault = failure(channel)
    assert str(fault) == "127.0.0.1: [Errno 111] Connection refused"
    assert "secret" not in repr(channel)


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    with web_receiver(server_context(certificate)) as receiver:
        assert "certificate verify failed" in str(failure(webhook(receiver, pauses=())))
        assert receiver.received == []


def test_a_certificate_is_trusted_by_the_file_that_is_named(certificate: Path) -> None:
    with web_receiver(server_context(certificate)) as receiver:
        webhook(receiver, ca_file=str(certificate)).send(MESSAGE)
        assert receiver.ids == [MESSAGE.id]


def test_the_body_is_json_for_everybody(receiver: WebReceiver) -> None:
    webhook(receiver).send(MESSAGE)
    (request,) = receiver.received
    assert request.body.isascii()
    assert json.loads(request.body)["figures"] == {"example": 0.25}
