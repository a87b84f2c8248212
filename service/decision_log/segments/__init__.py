"""Segments: the decisions of batch runs, in files of the decision log's own, registered in its chain."""

from __future__ import annotations

from service.decision_log.segments.answers import Answers
from service.decision_log.segments.facts import Heading, SegmentFacts
from service.decision_log.segments.file import SegmentWriter, segment_metadata
from service.decision_log.segments.table import segment_table

__all__ = ["Answers", "Heading", "SegmentFacts", "SegmentWriter", "segment_metadata", "segment_table"]
