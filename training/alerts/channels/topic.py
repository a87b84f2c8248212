"""Messages to a topic of Amazon SNS.

A FIFO topic drops what has the id of a message of the last five minutes; a plain one hands on whatever it gets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from training.alerts.channels.channel import NotSent
from training.alerts.finding import Severity
from training.alerts.message import Message
from training.alerts.one_line import one_line

_LONGEST_SUBJECT = 100


@dataclass(frozen=True)
class Topic:
    """arn: of the topic, whose region it names. timeout: seconds that AWS may be silent."""

    name: str
    arn: str
    lowest: Severity = "warning"
    timeout: float = 10.0

    def send(self, message: Message) -> str:
        """Publish it, with attributes by which subscribers can filter."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client().publish(**self._request(message))
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise NotSent(f"SNS answered {code}", down=not code.startswith("Invalid")) from None
        except BotoCoreError as error:
            raise NotSent(f"SNS: {one_line(str(error), 200)}") from None
        return f"SNS took it as {answer['MessageId']}"

    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(
            connect_timeout=5, read_timeout=self.timeout, retries={"mode": "standard", "max_attempts": 3}
        )
        return boto3.client("sns", region_name=self.arn.split(":")[3], config=config)

    def _request(self, message: Message) -> dict[str, Any]:
        texts = {
            "use_case": message.use_case,
            "severity": message.severity,
            "step": message.step,
            "message_id": message.id,
        }
        request = {
            "TopicArn": self.arn,
            "Subject": _subject(message.subject),
            "Message": message.text,
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": text} for name, text in texts.items()
            },
        }
        if self.arn.endswith(".fifo"):
            incident = message.first_id.partition(".")[0]
            request |= {"MessageGroupId": incident, "MessageDeduplicationId": message.id}
        return request


def _subject(text: str) -> str:
    """Return the text as SNS takes it: ASCII on one line."""
    return (
        one_line(text.encode("ascii", "replace").decode(), 2 * _LONGEST_SUBJECT)
        .encode("ascii", "ignore")
        .decode()[:_LONGEST_SUBJECT]
        .strip()
    )
