"""Everything that scores: the core, the doors and the model store. Nothing here trains."""

__version__ = "0.1.0"
