"""The screen of batch runs for `aval`: a bar and tables on a terminal, plain text elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from rich.box import SIMPLE
from rich.markup import escape
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Table

from service.batch.pace import Pace
from service.batch.screen import PlainScreen, Row, lines
from service.batch.step import Step
from training.console import ERRORS, OUT


class RichScreen(PlainScreen):
    """What batch commands of `aval` print on."""

    def progress(self, title: str) -> AbstractContextManager[Callable[[Step], None]]:
        """Show how far a run is while the block lasts; give what it tells its steps to."""
        return _bar(title) if ERRORS.is_terminal else lines(title)

    def table(self, rows: Sequence[Row]) -> None:
        """Print names and values on standard output."""
        table = Table(box=SIMPLE, show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in rows:
            table.add_row(escape(name), escape(value))
        OUT.print(table)


@contextmanager
def _bar(title: str) -> Iterator[Callable[[Step], None]]:
    pace = Pace()
    with Bar(BarColumn(), TextColumn("{task.description}"), console=ERRORS, transient=True) as bar:
        task = bar.add_task(f"{title}: {pace.words}", total=1.0)

        def take(step: Step) -> None:
            pace.take(step)
            bar.update(task, completed=step.share, description=f"{title}: {pace.words}")

        yield take
