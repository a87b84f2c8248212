"""Drift of each input: its CSI against the bundle's profile, by day and over the period, and its nulls."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from service.monitoring.cells import Cells, Of
from service.monitoring.dashboard.by_day import of
from service.monitoring.dashboard.stability import Integers, index_of, indices_of, share, status_of
from service.scoring.contract import Column, Contract, Derived
from service.scoring.profile import Distribution
from service.scoring.scorer import Scorer

# A profile has twenty bins; ten are what the thresholds of 0.1 and 0.25 were made for (Siddiqi, 2006).
MOST_BINS = 10


def columns(scorer: Scorer, cells: Cells, days: Sequence[int]) -> list[dict[str, Any]]:
    """Return what is to be said of each input, in the order of the contract."""
    return [_column(scorer, name, _by_day(name, cells, days, scorer)) for name in scorer.contract.inputs]


def _by_day(name: str, cells: Cells, days: Sequence[int], scorer: Scorer) -> Integers:
    """Return counts (days, bins + 1) of an input, those of nulls behind the others."""
    places = {day: place for place, day in enumerate(days)}
    counted = np.zeros((len(days), len(scorer.profile.inputs[name].counts) + 1), np.int64)
    for cell, counts in of(cells, Of.INPUTS):
        counted[places[cell.day]] += counts[name]
    return counted


def _column(scorer: Scorer, name: str, counted: Integers) -> dict[str, Any]:
    distribution = scorer.profile.inputs[name]
    starts = _starts(distribution)
    reference = np.append(_grouped(np.array(distribution.counts), starts), distribution.nulls)
    by_day = np.column_stack([_grouped(counted[:, :-1], starts), counted[:, -1]])
    whole, labels = by_day.sum(axis=0), [*_labels(scorer.contract, name, distribution, starts), "null"]
    if not (reference[-1] or whole[-1]):
        reference, by_day, whole, labels = reference[:-1], by_day[:, :-1], whole[:-1], labels[:-1]
    index = index_of(reference, whole)
    return {
        "name": name,
        "description": _description(scorer.contract, name),
        "csi": indices_of(reference, by_day),
        "nulls": [
            share(*pair) for pair in zip(counted[:, -1].tolist(), counted.sum(axis=1).tolist(), strict=True)
        ],
        "window_csi": index,
        "status": status_of(index),
        "labels": labels,
        "reference": _shares(reference),
        "analysis": _shares(whole),
    }


def _starts(distribution: Distribution) -> list[int]:
    """Return where the groups of neighbouring bins begin; levels are never grouped."""
    bins = len(distribution.counts)
    return list(range(0, bins, 2 if distribution.borders and bins > MOST_BINS else 1))


def _grouped(counts: Integers, starts: Sequence[int]) -> Integers:
    return np.add.reduceat(counts, starts, axis=-1)


def _labels(contract: Contract, name: str, distribution: Distribution, starts: Sequence[int]) -> list[str]:
    if not distribution.borders:
        column = contract.by_name.get(name)
        levels = column.level_titles or column.levels if column is not None else ()
        return list(map(str, levels)) or ["any"]
    borders = [_number(distribution.borders[start - 1]) for start in starts[1:]]
    between = [f"{low} to {high}" for low, high in pairwise(borders)]
    return [f"below {borders[0]}", *between, f"from {borders[-1]}"]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value.is_integer() or abs(value) >= 10_000 else f"{value:.4g}"


def _description(contract: Contract, name: str) -> str:
    every: tuple[Column | Derived, ...] = (*contract.columns, *contract.derived)
    described = next(item for item in every if item.name == name)
    return described.description or described.title


def _shares(counts: Integers) -> list[float]:
    whole = counts.sum()
    return [float(count / whole) if whole else 0.0 for count in counts]
