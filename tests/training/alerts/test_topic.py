from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import boto3
import pytest

from tests.moto import Moto
from tests.processes import free_port
from tests.training.alerts.incident_room import START
from training.alerts.channels import NotSent, Topic
from training.alerts.message import trial_message

MESSAGE = trial_message(START)


@pytest.fixture
def aws(moto_s3: Moto, monkeypatch: pytest.MonkeyPatch) -> Moto:
    """AWS of this process, which boto3 uses while the test runs."""
    for name, value in moto_s3.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return moto_s3


def subscribed(name: str, **attributes: str) -> tuple[str, str]:
    """Make a topic and a queue that it hands everything on to; returns ARN and URL."""
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    arn = sns.create_topic(Name=name, Attributes=attributes)["TopicArn"]
    queue = sqs.create_queue(QueueName=f"q-{name}", Attributes=attributes)["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn)
    return arn, queue


def handed_on(queue: str) -> list[Any]:
    client = boto3.client("sqs")
    found: list[Any] = []
    while messages := client.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(message["Body"]) for message in messages]
        for message in messages:
            client.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_subscribers_get_subject_text_and_attributes_to_filter_by(aws: Moto) -> None:
    arn, queue = subscribed("alerts-plain")
    assert Topic("sns", arn).send(MESSAGE).startswith("SNS took it as ")
    (got,) = handed_on(queue)
    assert (got["Subject"], got["Message"]) == (MESSAGE.subject, MESSAGE.text)
    assert {name: item["Value"] for name, item in got["MessageAttributes"].items()} == {
        "use_case": "aval",
        "severity": "critical",
        "step": "test",
        "message_id": MESSAGE.id,
    }


def test_a_fifo_topic_hands_a_message_on_once_however_often_it_is_sent(aws: Moto) -> None:
    arn, queue = subscribed("alerts.fifo", FifoTopic="true", FifoQueue="true")
    for _ in range(3):
        Topic("sns", arn).send(MESSAGE)
    assert len(handed_on(queue)) == 1


@pytest.mark.parametrize("subject", ["ärger\r\nSubject: other", "x" * 500, "評価" * 90])
def test_a_subject_is_a_hundred_characters_of_ascii_on_one_line(aws: Moto, subject: str) -> None:
    arn, queue = subscribed("alerts-subjects")
    Topic("sns", arn).send(replace(MESSAGE, subject=subject))
    (got,) = handed_on(queue)
    assert 0 < len(got["Subject"]) <= 100
    assert got["Subject"].isascii()
    assert got["Subject"].isprintable()


def test_a_topic_that_is_not_there_is_told(aws: Moto) -> None:
    with pytest.raises(NotSent) as failed:
        Topic("sns", "arn:aws:sns:us-east-1:123456789012:none").send(MESSAGE)
    assert str(failed.value) == "SNS answered NotFound"
    assert failed.value.down


def test_aws_that_cannot_be_reached_is_told(aws: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(NotSent) as failed:
        Topic("sns", "arn:aws:sns:us-east-1:123456789012:any").send(MESSAGE)
    assert "Could not connect" in str(failed.value)
