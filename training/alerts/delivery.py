"""Every channel is told of every incident once, whoever looks, and however a look ends.

A message is claimed before it is sent and recorded after. Of two looks at once one sends, and the other waits for it.
Where a process dies between sending and recording, the message is sent again when its claim has lapsed: at least once,
under the same id, by which receivers know it (see each channel).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread

from service.monitoring.events import EventStore
from training.alerts.channels.channel import Channel, NotSent
from training.alerts.finding import SEVERITIES, Severity
from training.alerts.incident import Change
from training.alerts.ledger import (
    NONE,
    Attempts,
    Slot,
    claim,
    note_failed,
    note_sent,
    read_attempts,
)
from training.alerts.message import Message, message_of
from training.alerts.one_line import one_line


@dataclass(frozen=True, slots=True)
class Pace:
    """In seconds. longest: that a channel may take over a message. lease: after which a claim whose message was neither
    sent nor failed has lapsed; longer than `longest`, or two would send. poll: between looks at another's claim.
    """

    longest: float = 45.0
    lease: float = 60.0
    poll: float = 0.25


PACE = Pace()


@dataclass(frozen=True, slots=True)
class Post:
    """Where deliveries happen: what is recorded, who complains, and how patient they are."""

    store: EventStore
    tell: Callable[[str], None]
    pace: Pace = PACE


def deliver(
    post: Post, channels: Sequence[Channel], use_case: str, changes: Sequence[Change], at: int
) -> None:
    """Tell every channel what it has not been told of the incidents with these changes; a failure is only told of.

    A channel that is down is not tried again in this look. at: the look's moment, µs UTC.
    """
    for channel in channels:
        due = list(_due(channel, changes, read_attempts(post.store, use_case)))
        for place, message in enumerate(due):
            slot = Slot(use_case, message.id, channel.name, at)
            fault = _send_once(post, channel, message, slot)
            if fault is None:
                continue
            left = len(due) - place - 1 if fault.down else 0
            post.tell(_complaint(channel, message, fault, left))
            if fault.down:
                break


def send_within(channel: Channel, message: Message, seconds: float) -> str:
    """Send a message and return what was answered; raises `NotSent`, also when it takes longer than that."""
    ends: SimpleQueue[str | NotSent] = SimpleQueue()
    # A thread that is left behind: whoever trickles an answer byte by byte would hold up any timeout of sockets.
    Thread(target=lambda: ends.put(_sent_or_not(channel, message)), daemon=True).start()
    try:
        end = ends.get(timeout=seconds)
    except Empty:
        raise NotSent(f"no end after {seconds:g} seconds") from None
    if isinstance(end, NotSent):
        raise end
    return end


def _complaint(channel: Channel, message: Message, fault: NotSent, left: int) -> str:
    what = f"{message.step}, {one_line(message.subject, 120)}"
    more = f"; {left} more wait for it" if left else ""
    return f"channel {channel.name}: not sent ({what}): {fault}{more}; the next look tries again"


def _sent_or_not(channel: Channel, message: Message) -> str | NotSent:
    try:
        return one_line(channel.send(message), 300)
    except NotSent as fault:
        return NotSent(one_line(str(fault), 300), down=fault.down)
    except Exception as error:  # whatever a channel trips over must not end the look, nor the other channels
        return NotSent(f"{type(error).__name__}: {one_line(str(error), 200)}", down=False)


def _due(
    channel: Channel, changes: Sequence[Change], tried: Mapping[tuple[str, str], Attempts]
) -> Iterator[Message]:
    """Yield the message about the latest step of each incident that the channel is to be told of and was not.

    Earlier steps that it missed are told by the latest. That something is over is told to the channels that there were
    while it lasted, whether they could be reached then or not: a new channel does not begin with the past.
    """
    latest = {change.incident.id: change for change in changes}
    for change in latest.values():
        message = message_of(change)
        told = tried.get((message.id, channel.name), NONE).sent
        meant = change.step != "recovered" or channel.name in change.incident.channels
        if meant and not told and _rank(change.incident.severity) >= _rank(channel.lowest):
            yield message


def _rank(severity: Severity) -> int:
    return SEVERITIES.index(severity)


def _send_once(post: Post, channel: Channel, message: Message, slot: Slot) -> NotSent | None:
    """Send a message unless somebody else does; returns why it was not."""
    number = _claimed(post, slot)
    if number is None:
        return None
    try:
        answer = send_within(channel, message, post.pace.longest)
    except NotSent as fault:
        note_failed(post.store, slot, number, str(fault))
        return fault
    note_sent(post.store, slot, answer)
    return None


def _claimed(post: Post, slot: Slot) -> int | None:
    """Wait until nobody else is sending, and return the number of our claim; None once the message is sent."""
    while True:
        tried = read_attempts(post.store, slot.use_case).get((slot.message, slot.channel), NONE)
        if tried.sent:
            return None
        now = time.time_ns() // 1000
        if tried.under_way and abs(now - tried.claimed_at) < post.pace.lease * 1_000_000:
            time.sleep(post.pace.poll)
        elif claim(post.store, slot, tried.claimed + 1, now):
            return tried.claimed + 1
