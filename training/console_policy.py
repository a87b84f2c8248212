"""What `aval policy` prints: policies, what they lead to, and swap sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from training.console import OUT, say

DECISIONS = ("approve", "refer", "decline")


def say_policies(policies: Sequence[Mapping[str, Any]]) -> None:
    """Print the policies of a use case, one a line."""
    table = Table("policy", "refer from", "decline from", "made", "by", "because", "", box=SIMPLE)
    for item in policies:
        table.add_row(
            item["policy"],
            f"{item['refer_from']:.6g}",
            f"{item['decline_from']:.6g}",
            "with the model" if item["made_at"] is None else item["made_at"][:16].replace("T", " "),
            escape(item["made_by"] or "-"),
            escape(item["because"] or "-"),
            "in use" if item["in_use"] else "",
        )
    for column in table.columns[:3]:
        column.no_wrap = True
    OUT.print(table)


def say_made(made: Mapping[str, Any]) -> None:
    """Print a policy that was made: its cut-offs, what it leads to, and whom it decides otherwise."""
    cases = made["cases"]
    say(f"{made['policy']}: refer from {made['refer_from']:.6g}, decline from {made['decline_from']:.6g}")
    say(f"reckoned on {cases['rows']} cases, {cases['source']}, as {made['model']} scores them")
    mix = ", ".join(f"{name} {made['mix'][name]:.2%}" for name in DECISIONS)
    say(f"expected: {mix}; {_money(made['expected_cost'], made['currency'])} per case")
    say(
        "stored, and not yet in use"
        if made["new"]
        else "this very policy is stored already; it stays as it was"
    )
    say_swap_set(made["swap_set"], made["currency"], cases["notes"])


def say_swap_set(report: Mapping[str, Any], currency: str, notes: Sequence[str]) -> None:
    """Print who changes decision between two policies, at what cost, and in which groups."""
    before, after, changed = report["before"], report["after"], report["changed"]
    say(f"from {before['policy']} to {after['policy']}:")
    say(f"{changed['rows']} of {report['rows']} cases ({changed['share']:.2%}) get another decision")
    _say_cells(report["cells"])
    _say_figures(before, after, currency)
    for name, groups in report["groups"].items():
        _say_groups(name, groups)
    for note in notes:
        say(f"note: {note}")


def _say_cells(cells: Sequence[Mapping[str, Any]]) -> None:
    table = Table("cases, bad rate", *(f"to {name}" for name in DECISIONS), box=SIMPLE)
    for row in DECISIONS:
        found = [cell for cell in cells if cell["from"] == row]
        table.add_row(f"from {row}", *(_cell(cell) for cell in found))
    OUT.print(table)


def _cell(cell: Mapping[str, Any]) -> str:
    if not cell["rows"]:
        return "-"
    return f"{cell['rows']}, {'unknown' if cell['bad_rate'] is None else format(cell['bad_rate'], '.2%')}"


def _say_figures(before: Mapping[str, Any], after: Mapping[str, Any], currency: str) -> None:
    table = Table("per case", "before", "after", box=SIMPLE)
    for name in ("approval_rate", "refer_rate", "decline_rate"):
        table.add_row(name.replace("_", " "), f"{before[name]:.2%}", f"{after[name]:.2%}")
    for name in ("expected_cost", "realised_cost"):
        shown = (_money(side[name], currency) for side in (before, after))
        table.add_row(name.replace("_", " "), *map(escape, shown))
    OUT.print(table)


def _say_groups(name: str, groups: Sequence[Mapping[str, Any]]) -> None:
    table = Table(escape(name), "cases", "stricter", "milder", "approved before", "after", box=SIMPLE)
    for group in groups:
        counts = (str(group[field]) for field in ("rows", "stricter", "milder"))
        rates = (_share(group[f"approval_rate_{side}"]) for side in ("before", "after"))
        table.add_row(escape(group["group"]), *counts, *rates)
    OUT.print(table)


def _money(amount: float | None, currency: str) -> str:
    return "no stated cost" if amount is None else f"{amount:.6g} {currency}".rstrip()


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"
