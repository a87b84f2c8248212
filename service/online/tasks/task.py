"""A task: an order that was taken, what became of it, and how far it is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from service.online.tasks.order import Order


class Status(StrEnum):
    """What a task is doing, in the words that BentoML's clients know."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class Task:
    """id: 32 hex digits. model, policy: what it is scored with. key_id: who asked. created_at: ISO 8601, UTC."""

    id: str
    order: Order
    model: str
    policy: str
    key_id: str
    created_at: str

    def arguments(self) -> list[str]:
        """Return what the batch command is asked."""
        always = ["--policy", self.policy, "--json", "--progress-json"]
        return [self.model, *self.order.arguments(), *always]

    def same_as(self, other: Task) -> bool:
        """Return whether both would write the same outputs."""
        return (self.order, self.model, self.policy) == (other.order, other.model, other.policy)

    def to_bytes(self) -> bytes:
        """Return the task as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def read(cls, content: bytes) -> Task:
        """Read what `to_bytes` wrote."""
        body: dict[str, Any] = json.loads(content)
        return cls(order=Order(**body.pop("order")), **body)


@dataclass(frozen=True, slots=True)
class End:
    """How a task ended. exit_code: of its process, negative for a signal, None where it never had one."""

    exit_code: int | None
    canceled: bool
    ended_at: str

    def to_bytes(self) -> bytes:
        """Return the end as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def read(cls, content: bytes) -> End:
        """Read what `to_bytes` wrote."""
        return cls(**json.loads(content))


@dataclass(frozen=True, slots=True)
class State:
    """How a task stands: alive while it waits or runs; `end` is None where whoever ran it is gone without a word.

    started_at: ISO 8601, UTC, None before its process was started. said: the last of what its process said.
    """

    task: Task
    alive: bool
    started_at: str | None
    end: End | None
    said: str

    @property
    def status(self) -> Status:
        """What the task is doing."""
        if self.alive:
            return Status.PENDING if self.started_at is None else Status.IN_PROGRESS
        if self.end is None:
            return Status.FAILED
        if self.end.canceled:
            return Status.CANCELED
        return Status.COMPLETED if self.end.exit_code == 0 else Status.FAILED

    @property
    def interrupted(self) -> bool:
        """Whether it ended with the service that ran it."""
        return not self.alive and self.end is None
