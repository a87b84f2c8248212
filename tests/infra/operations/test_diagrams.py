"""Diagrams on the pages are drawn by Mermaid, as GitHub draws them, and say what is so."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.infra.operations.markdown import CHECKOUT, pages
from tests.infra.operations.mermaid import script

DIAGRAMS = [
    (f"{page}-{number}", text)
    for page in pages()
    for number, text in enumerate(
        re.findall(r"^```mermaid\n((?s:.*?))^```$", page.path.read_text("utf-8"), re.MULTILINE), start=1
    )
]
DRAW = """async text => {
    mermaid.initialize({startOnLoad: false, securityLevel: "strict"});
    try { return (await mermaid.render("drawing", text)).svg } catch (error) { return "error: " + error.message }
}"""


@pytest.fixture(scope="module")
def drawing(browser: Any) -> Iterator[Any]:
    """A page with Mermaid in it; without npm a test is skipped, and fails under AVAL_REQUIRE=1."""
    try:
        mermaid = script()
    except (subprocess.SubprocessError, FileNotFoundError) as error:
        reason = f"npm could not fetch Mermaid: {error}"
        if os.environ.get("AVAL_REQUIRE") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    page = browser.new_page()
    page.add_script_tag(path=str(mermaid))
    yield page
    page.close()


@pytest.mark.parametrize("text", [text for _, text in DIAGRAMS], ids=[name for name, _ in DIAGRAMS])
def test_a_diagram_is_drawn(drawing: Any, text: str) -> None:
    drawn = drawing.evaluate(DRAW, text)
    assert drawn.startswith("<svg"), drawn
    # It draws a bomb, and no exception, where it understands a part.
    assert "Syntax error" not in drawn


def test_what_is_no_diagram_is_found(drawing: Any) -> None:
    assert drawing.evaluate(DRAW, "flowchart LR\n    a --> b[unfinished").startswith("error: ")


def test_the_architecture_has_its_diagrams() -> None:
    assert len([name for name, _ in DIAGRAMS if "ARCHITECTURE" in name]) == 4


def test_every_bucket_of_terraform_is_in_the_architecture() -> None:
    variables = (CHECKOUT / "infra" / "modules" / "storage" / "main.tf").read_text("utf-8")
    made = set(re.findall(r"^    (\w+) += \{ old_days", variables, re.MULTILINE))
    drawn = set(re.findall(r'\("S3 (\w+)', (CHECKOUT / "infra" / "ARCHITECTURE.md").read_text("utf-8")))
    assert made - {"logs"} == drawn
