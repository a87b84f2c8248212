"""The model card: one page that says everything about one bundle, each number from inside its hash."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.model_store import load_scorer, read_beside
from service.scoring.bundle import CARD, CARD_TEXT, RUN, scorer_from_files
from service.scoring.errors import BundleInvalid
from service.scoring.scorer import Scorer
from training.model_card.calibration import calibration
from training.model_card.decisions import policy
from training.model_card.document import Section
from training.model_card.gates import gates
from training.model_card.groups import fairness
from training.model_card.head import head
from training.model_card.inputs import checks, inputs
from training.model_card.lineage import lineage, outside
from training.model_card.markdown import escape
from training.model_card.origin import candidates, data, purpose
from training.model_card.performance import performance
from training.model_card.subject import Subject

if TYPE_CHECKING:
    from jinja2 import Environment

SECTIONS = (
    purpose,
    gates,
    performance,
    calibration,
    policy,
    fairness,
    inputs,
    data,
    checks,
    candidates,
    lineage,
    outside,
)


@dataclass(frozen=True, slots=True)
class Card:
    """The same card as a self-contained HTML page and as Markdown, which has tables in the place of plots."""

    html: str
    markdown: str


def render_card(
    files: Mapping[str, bytes],
    *,
    use_case: str,
    version: str,
    promotion: Mapping[str, Any] | None = None,
    run: Mapping[str, Any] | None = None,
) -> Card:
    """Return the card of the bundle that is known by this name and version.

    Every number comes from files whose hashes are verified first; what `run` (default: run.json among the files)
    and the promotion record say is shown apart. Raises `BundleInvalid` for a bundle that was changed, and for the
    promotion record of another one.
    """
    scorer = scorer_from_files(files, use_case=use_case, version=version)
    return card_of(scorer, promotion=promotion, run=_read(files.get(RUN)) if run is None else run)


def card_of(
    scorer: Scorer, *, promotion: Mapping[str, Any] | None = None, run: Mapping[str, Any] | None = None
) -> Card:
    """Return the card of a scorer that was read from verified files and still has its own policy.

    Raises `BundleInvalid` for the promotion record of another bundle.
    """
    if promotion and promotion.get("model") not in (None, scorer.tag):
        raise BundleInvalid(f"the promotion record is of {promotion['model']}, not of {scorer.tag}")
    subject = Subject(scorer, run or {}, promotion or {})
    sections = [section for make in SECTIONS if (section := make(subject)) is not None]
    return Card(_html(subject, sections), _markdown(subject, sections))


def card_files(tag: str, promotion: Mapping[str, Any], bentoml_home: Path) -> dict[str, bytes]:
    """Return both cards of a stored bundle, by the names under which they stand beside it.

    The bundle is read and verified anew: what somebody holds of it may have another policy by now. Raises
    `NoSuchModel` or `ModelRefused`.
    """
    card = card_of(load_scorer(tag, bentoml_home), promotion=promotion, run=_read(read_beside(tag).get(RUN)))
    return {CARD: card.html.encode(), CARD_TEXT: card.markdown.encode()}


def _html(subject: Subject, sections: list[Section]) -> str:
    page = _environment(autoescape=True, finalize=None).get_template("model_card.html.j2")
    return page.render(head=head(subject), sections=sections)


def _markdown(subject: Subject, sections: list[Section]) -> str:
    # Whatever the template puts out goes through `escape`, so that no text can be taken for markup.
    page = _environment(autoescape=False, finalize=escape).get_template("model_card.md.j2")
    return page.render(head=head(subject), sections=sections)


def _environment(*, autoescape: bool, finalize: Callable[[Any], str] | None) -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("training.model_card", ""),
        autoescape=autoescape,  # noqa: S701  # Markdown has an escape of its own
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _read(content: bytes | None) -> Mapping[str, Any]:
    """Return what was recorded outside the hash, where anything may stand: nothing for what is no object."""
    try:
        body = json.loads(content or b"{}")
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
