"""Text from anywhere, made fit for one line: of a mail's header, a terminal, a message."""

from __future__ import annotations


def one_line(text: str, most: int) -> str:
    """Return the text on one line of at most so many characters; what cannot be shown is a space.

    Line breaks would start a new header, escape codes would paint a terminal, and marks that turn the direction of
    writing round would have a line read otherwise than it stands.
    """
    shown = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(shown.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
