"""Everything that makes, judges and watches models. Nothing here serves."""
