"""The ways in which people are told: webhook, mail, SNS."""

from __future__ import annotations

from training.alerts.channels.channel import Channel, NotSent
from training.alerts.channels.mail import Mail
from training.alerts.channels.topic import Topic
from training.alerts.channels.webhook import Webhook

__all__ = ["Channel", "Mail", "NotSent", "Topic", "Webhook"]
