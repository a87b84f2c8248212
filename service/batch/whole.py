"""A run whose parts are all there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from service.batch.manifest import InputFacts
from service.batch.plan import Plan
from service.batch.state import InputRecord, PartRecord, State, part_file
from service.batch.tally import Tally
from service.errors import AvalError


@dataclass(frozen=True, slots=True)
class Whole:
    """inputs: those that were read, in the plan's order. parts: with input and number, in the order of their rows."""

    plan: Plan
    inputs: tuple[InputRecord, ...]
    parts: tuple[tuple[int, int, PartRecord], ...]

    @classmethod
    def of(cls, plan: Plan, state: State, inputs: int) -> Whole:
        """Read the records of the first `inputs` inputs and of their parts.

        Raises `AvalError` if the rows of the parts are not those of the inputs, `StateDamaged` if a file of a part is
        not what was written.
        """
        read = tuple(state.input(index) for index in range(inputs))
        parts = tuple(
            (index, number, state.part(index, number))
            for index, record in enumerate(read)
            for number in range(record.parts)
        )
        whole = cls(plan, read, parts)
        whole._expect_undamaged(state)
        whole._expect_reconciled()
        return whole

    def tally(self) -> Tally:
        """Return what became of all rows."""
        return _sum(part for _, _, part in self.parts)

    def input_facts(self) -> tuple[InputFacts, ...]:
        """Return what the manifest says of the inputs."""
        facts, tallies = [], self._tallies()
        for index, record in enumerate(self.inputs):
            item, tally = self.plan.inputs[index], tallies[index]
            rows = tally.rows_in, tally.rows_scored, tally.rows_quarantined
            content = item.name, item.size, record.sha256, item.etag, item.partitions
            facts.append(InputFacts(*content, *rows, record.found))
        return tuple(facts)

    def _tallies(self) -> list[Tally]:
        """What became of the rows of each input."""
        found = [Tally() for _ in self.inputs]
        for index, _, part in self.parts:
            found[index].add(part.tally)
        return found

    def _expect_undamaged(self, state: State) -> None:
        sizes = state.sizes()
        for index, number, part in self.parts:
            for kind, facts in part.files.items():
                if sizes.get(name := part_file(index, number, kind)) != facts.size:
                    raise state.damaged(name)

    def _expect_reconciled(self) -> None:
        for index, (record, tally) in enumerate(zip(self.inputs, self._tallies(), strict=True)):
            name = self.plan.inputs[index].name
            tally.expect_reconciled(name)
            if tally.rows_in != record.rows:
                raise AvalError(
                    f"{name}: {record.rows:,} rows were read and {tally.rows_in:,} are in the parts; nothing was "
                    "written. This is a defect of Aval: report it"
                )


def _sum(parts: Iterable[PartRecord]) -> Tally:
    total = Tally()
    for part in parts:
        total.add(part.tally)
    return total
