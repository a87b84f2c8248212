"""Orders that are written together: in one transaction, or in one line of a spool."""

from __future__ import annotations

import logging
from collections import ChainMap
from collections.abc import Iterable, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy.exc import DBAPIError

from service.decision_log.chain import Head, Row
from service.decision_log.entries import Claim
from service.decision_log.errors import KeyReused, LogDown
from service.decision_log.orders import ClaimRow, Order, PartRow, Prepared, Resolve, place, prepare
from service.decision_log.store import Store, first_answer

_LOG = logging.getLogger(__name__)
SpooledClaims = dict[tuple[str, bytes], ClaimRow]
# Bytes that a claim takes in memory besides its answer, about.
_CLAIM = 500


class Answer(NamedTuple):
    """What an order comes to: a result, or the error that whoever gave it will see."""

    order: Order
    result: Any = None
    error: Exception | None = None


@dataclass(slots=True)
class Group:
    """The rows that some orders come to, and their answers; `head` is the chain's last entry, these included.

    resolved: whether a resolver had a part in it, which may have done more than these rows tell.
    """

    head: Head
    rows: list[Row] = field(default_factory=list)
    parts: list[PartRow] = field(default_factory=list)
    claims: list[ClaimRow] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    resolved: bool = False

    def add(self, entries: Sequence[Prepared]) -> None:
        """Give the entries their places in the chain."""
        for prepared in entries:
            row, parts = place(prepared, self.head)
            self.rows.append(row)
            self.parts += parts
            self.head = Head(row.writer, row.seq, row.hash)


def write_group(store: Store, orders: Sequence[Order], head: Head, now: int) -> Group:
    """Write orders behind `head` in the transaction that the store is in, each as a whole; the caller commits it.

    An order whose idempotency key has an answer appends nothing, nor does one whose resolver raises.
    """
    group = Group(head)
    answered = _claim_all(store, orders, group, now)
    store.lock(about for order in orders for about in order.about)
    written = 0, 0
    for order in orders:
        if order in answered:
            group.answers.append(answered[order])
        elif order.resolve is None:
            group.add(order.entries)
            group.answers.append(Answer(order))
        else:
            # It must see what stands before it in this very group.
            written = _insert_from(store, group, written)
            group.answers.append(_resolve(store, order, order.resolve, group))
    _insert_from(store, group, written)
    return group


def spool_group(orders: Sequence[Order], head: Head, claims: SpooledClaims, room: int, now: int) -> Group:
    """Return the group of orders that cannot be written now; nothing is stored by this.

    claims: what was claimed since the store went down; keys claimed earlier, or by other processes, are not known.
    room: bytes that new claims may take, as `held_by` counts them. Beyond it keys get `LogDown`, as resolvers do: they
    ask what only the store can say.
    """
    group, new = Group(head), SpooledClaims()
    for order in orders:
        answer = _spooled_answer(order, ChainMap(new, claims), room - held_by(new.values()), now)
        if answer is None:
            group.add(order.entries)
        group.answers.append(answer or Answer(order))
    group.claims += new.values()
    return group


def held_by(claims: Iterable[ClaimRow]) -> int:
    """Return how many bytes claims take in memory, about."""
    return sum(_CLAIM + len(claimed.answer) for claimed in claims)


def settle(answers: Sequence[Answer]) -> None:
    """Hand the answers to whoever awaits them, with one call into each event loop."""
    for loop in {answer.order.loop for answer in answers}:
        # A loop that was closed awaits nothing more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, [answer for answer in answers if answer.order.loop is loop])


def _settle(answers: Sequence[Answer]) -> None:
    for answer in answers:
        future = answer.order.future
        if future.done():
            continue
        if answer.error is None:
            future.set_result(answer.result)
        else:
            future.set_exception(answer.error)


def _claim_all(store: Store, orders: Sequence[Order], group: Group, now: int) -> dict[Order, Answer]:
    answered: dict[Order, Answer] = {}
    claiming = [(order, ClaimRow(*_of(order.claim), order.answer, now)) for order in orders if order.claim]
    # In the order of the keys, so that two processes never wait for one another.
    for order, claimed in sorted(claiming, key=lambda item: item[1][:2]):
        try:
            first = store.claim(claimed)
        except KeyReused as error:
            answered[order] = Answer(order, error=error)
            continue
        if first is None:
            group.claims.append(claimed)
        else:
            answered[order] = Answer(order, first)
    return answered


def _spooled_answer(
    order: Order, known: MutableMapping[tuple[str, bytes], ClaimRow], room: int, now: int
) -> Answer | None:
    if order.resolve is not None:
        return _down(order, "this needs what it holds; try again later")
    if order.claim is None:
        return None
    claimed = ClaimRow(*_of(order.claim), order.answer, now)
    earlier = known.get(claimed[:2])
    if earlier is None:
        if held_by([claimed]) > room:
            return _down(
                order, "as many idempotency keys as may be are remembered; try again later, or without one"
            )
        known[claimed[:2]] = claimed
        return None
    try:
        return Answer(order, first_answer(claimed, earlier.body, earlier.answer))
    except KeyReused as error:
        return Answer(order, error=error)


def _down(order: Order, why: str) -> Answer:
    return Answer(order, error=LogDown(f"the decision log is down, and {why}"))


def _of(claim: Claim) -> tuple[str, bytes, bytes]:
    return claim.scope, claim.key, claim.body


def _resolve(store: Store, order: Order, resolve: Resolve, group: Group) -> Answer:
    try:
        with store.connection.begin_nested():
            resolution = resolve(store.connection)
        entries = [prepare(entry) for entry in resolution.entries]
    except Exception as error:
        if not isinstance(error, DBAPIError):
            return Answer(order, error=error)
        if error.connection_invalidated:
            raise
        _LOG.error("what was asked of the decision log failed: %s", error.orig)
        return Answer(
            order, error=LogDown("the decision log could not answer what was asked; try again later")
        )
    group.add(entries)
    group.resolved = True
    return Answer(order, resolution.result)


def _insert_from(store: Store, group: Group, written: tuple[int, int]) -> tuple[int, int]:
    store.insert(group.rows[written[0] :], group.parts[written[1] :])
    return len(group.rows), len(group.parts)
