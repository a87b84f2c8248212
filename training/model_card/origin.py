"""Sections on where a model comes from: its purpose, its data, and what was tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.model_card.document import (
    EMPTY,
    Block,
    Cell,
    Facts,
    Link,
    Listing,
    Mark,
    Paragraph,
    Section,
    Table,
    entries,
    estimate,
    part,
)
from training.model_card.numerals import NOT_RECORDED, count, figure, interval, money, share
from training.model_card.subject import Subject

SHARED = {"roc_auc": "ROC AUC", "pr_auc": "PR AUC", "brier": "Brier", "log_loss": "Log loss"}
SEARCH = {"trials": "Trials", "pruned": "Trials ended early"}
STAGES = ("raw", "cleaned", "encoded")
OBJECTIVES = {"cost": "the cost of the decisions", "log_loss": "the log loss"}


def purpose(subject: Subject) -> Section:
    """What the model is for, for whom, when it is a success and where it must not be used."""
    about = part(subject.evidence, "about")
    lists = {"stakeholders": "Stakeholders", "success": "Success criteria", "limits": "Limits"}
    blocks: list[Block] = [Paragraph(str(about.get("purpose") or f"Purpose: {NOT_RECORDED}."))]
    blocks += [
        Listing(title, [str(item) for item in entries(about, name)] or [NOT_RECORDED])
        for name, title in lists.items()
    ]
    return Section("purpose", "Purpose and limits", blocks)


def data(subject: Subject) -> Section:
    """What the model learnt from, and what was wrong with it."""
    found = part(subject.evidence, "data")
    facts: list[tuple[str, Cell]] = [
        ("Cases", count(found.get("rows"))),
        ("Bad rate", share(found.get("bad_rate"))),
        ("Origin", _origin(found)),
        ("Fingerprint (SHA-256)", str(found.get("fingerprint", NOT_RECORDED))),
        ("Split", str(found.get("split", NOT_RECORDED))),
        ("Untouched rows", count(found.get("untouched_rows"))),
        ("Exact duplicates", count(found.get("duplicates"))),
    ]
    blocks: list[Block] = [Facts(facts)]
    counts = sorted(part(found, "refused").items(), key=lambda item: (-item[1], item[0]))
    if counts:
        refused = [(str(text), count(number)) for text, number in counts]
        caption = "Dirty values: refused by the contract, their rows left out"
        blocks.append(Table(caption, ("What", "Values"), refused))
    else:
        blocks.append(Paragraph("The contract refused no value."))
    nulls = _nulls(found)
    if nulls:
        blocks.append(Table("Nulls that the contract allows", ("Column", "Nulls", "Share of cases"), nulls))
    blocks += _stages(part(found, "tables"))
    blocks.append(_profile(subject.scorer.contract.use_case))
    return Section("data", "Data", blocks)


def candidates(subject: Subject) -> Section | None:
    """What was tried, and why one was chosen."""
    tried = [item for item in entries(subject.evidence, "candidates") if isinstance(item, Mapping)]
    if not tried:
        return None
    shared = {key: title for key, title in SHARED.items() if any(key in item for item in tried)}
    costs = any("cost_per_case" in item for item in tried)
    columns = ("Candidate", "Served as", *shared.values(), *(["Cost per case"] if costs else []))
    rows = [
        [
            str(item.get("name", NOT_RECORDED)),
            str(item.get("serving_class", NOT_RECORDED)).replace("_", " "),
            *(figure(item.get(key)) for key in shared),
            *([money(item.get("cost_per_case"))] if costs else []),
            _behind(item),
            _standing(item),
        ]
        for item in tried
    ]
    caption = (
        "Candidates, cross-validated on the same folds, best first; with the 95 % interval of the difference"
    )
    table = Table(caption, (*columns, "Worse by", "Standing"), rows)
    return Section("candidates", "Candidates", [Paragraph(_why(subject, tried)), table, *_search(subject)])


def _profile(use_case: str) -> Link:
    made_by = f"(made by: aval profile {use_case}; it stands beside this card where both were written to one folder)"
    return Link(f"{use_case}-profile.html", "The data by outcome, before anything was fitted", made_by)


def _origin(found: Mapping[str, Any]) -> Cell:
    if "generated" not in found:
        return NOT_RECORDED
    kind = str(found.get("source_kind", ""))
    if found["generated"]:
        return Mark("warn", "generated, no real cases")
    return f"real cases ({kind})" if kind else "real cases"


def _nulls(found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    rows = found.get("rows") or 0
    nulls = sorted(part(found, "nulls").items(), key=lambda item: (-item[1], item[0]))
    return [
        (str(name), count(number), share(number / rows if rows else None)) for name, number in nulls if number
    ]


def _stages(tables: Mapping[str, Any]) -> list[Block]:
    rows = []
    for name in STAGES:
        if found := part(tables, name):
            columns = entries(found, "columns")
            named = ", ".join(map(str, columns))
            rows.append((name, count(found.get("rows")), count(len(columns)), named))
    columns_of = ("Table", "Rows", "Columns", "Names")
    return (
        [Table("The data as read, as cleaned and as encoded", columns_of, rows, folded=True)] if rows else []
    )


def _why(subject: Subject, tried: list[Mapping[str, Any]]) -> str:
    chosen = next((item for item in tried if item.get("chosen")), None)
    what = OBJECTIVES.get(str(part(subject.evidence, "search").get("objective", "")), "the loss")
    if chosen is None:
        return "Which candidate was chosen is not recorded."
    if not chosen.get("worse_by"):
        return f"{chosen['name']} was chosen: none has a better figure on {what}, out of fold."
    worse, ends = figure(chosen["worse_by"], signed=True), interval(chosen.get("interval"), _signed)
    return (
        f"{chosen['name']} was chosen: on {what}, out of fold, it is not significantly worse than "
        f"{tried[0]['name']} ({worse}, 95 % interval {ends}), and among such candidates the one of the cheapest class "
        "to serve is taken."
    )


def _behind(item: Mapping[str, Any]) -> Cell:
    if not item.get("worse_by"):
        return EMPTY
    return estimate(_signed(item["worse_by"]), interval(item.get("interval"), _signed))


def _signed(value: Any) -> str:
    return figure(value, signed=True)


def _standing(item: Mapping[str, Any]) -> Cell:
    if item.get("chosen"):
        return Mark("chosen", "chosen")
    if item.get("servable") is False:
        return "compared only"
    return "significantly worse" if item.get("significantly_worse") else "not significantly worse"


def _search(subject: Subject) -> list[Block]:
    blocks: list[Block] = []
    search = part(subject.evidence, "search")
    if search:
        facts = [("Compared by", OBJECTIVES.get(str(search.get("objective")), NOT_RECORDED))]
        facts += [(title, count(search[key])) for key, title in SEARCH.items() if key in search]
        blocks.append(Facts(facts))
    parameters = part(subject.evidence, "chosen", "parameters")
    if parameters:
        rows = [(str(name), str(value)) for name, value in parameters.items()]
        blocks.append(Table("Parameters of the chosen candidate", ("Parameter", "Value"), rows))
    return blocks
