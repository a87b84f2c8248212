"""The model card: what somebody needs to know before they trust a model, as HTML and as Markdown."""

from training.model_card.card import Card, card_files, card_of, render_card

__all__ = ["Card", "card_files", "card_of", "render_card"]
