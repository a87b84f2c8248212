"""Sections on how a bundle can be made again, and on what its hash does not cover: its run and its promotion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.model_card.document import Block, Cell, Facts, Heading, Mark, Paragraph, Section, entries, part
from training.model_card.gates import gate_table
from training.model_card.numerals import NOT_RECORDED
from training.model_card.records import sentence, text_of
from training.model_card.subject import Subject

HASHES = (
    "The bundle's version is the first 16 hex digits of the SHA-256 of its manifest.json, which holds the SHA-256 of "
    "each of its files. All of them were verified when this card was made. Revision, libraries and times stand below."
)
OUTSIDE = (
    "Everything above was read from files whose hashes were verified. What follows stands outside the bundle's hash: "
    "it differs between two equal trainings or came later, and nothing on this card vouches for it."
)


def lineage(subject: Subject) -> Section:
    """What it takes to make the bundle again, and the hashes that vouch for this card."""
    scorer, found = subject.scorer, part(subject.evidence, "data")
    facts: list[tuple[str, Cell]] = [
        ("Bundle", scorer.tag),
        ("Contract", scorer.contract.version),
        ("Policy of the bundle", scorer.policy.version),
        ("Seed", str(found.get("seed", NOT_RECORDED))),
        ("Data", str(found.get("fingerprint", NOT_RECORDED))),
    ]
    return Section("lineage", "Lineage", [Facts(facts), Paragraph(HASHES)])


def outside(subject: Subject) -> Section:
    """What no hash covers: where and when the training ran, how fast it answers, and how it was promoted."""
    blocks: list[Block] = [Paragraph(OUTSIDE)]
    if subject.run:
        run = [(sentence(name), text_of(value)) for name, value in subject.run.items()]
        blocks += [Heading("Training run"), Facts(run)]
    else:
        blocks.append(Paragraph(f"Training run: {NOT_RECORDED}."))
    blocks += _promotion(subject.promotion)
    return Section("outside", "Outside the hash: run and promotion", blocks)


def _promotion(record: Mapping[str, Any]) -> list[Block]:
    if not record:
        return [Paragraph("This version had not been promoted when the card was made.")]
    facts: list[tuple[str, Cell]] = [
        (sentence(key), text_of(value)) for key, value in record.items() if key not in ("gates", "override")
    ]
    override = part(record, "override")
    named = Mark("warn", f"by {override.get('by')}: {override.get('because')}")
    facts.append(("Override", named if override else "none"))
    results = [item for item in entries(record, "gates") if isinstance(item, Mapping)]
    gates = [gate_table("Gates at the promotion", results)] if results else []
    return [Heading("Promotion"), Facts(facts), *gates]
