"""Messages by SMTP: one plain-text mail each.

Its Message-ID is the same when it is sent again, and mails of one incident are one thread. Servers that deliver a mail
once by its Message-ID are many, not all.
"""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime
from typing import Literal, TypeAlias

from training.alerts.channels.channel import NotSent
from training.alerts.finding import Severity
from training.alerts.message import Message
from training.alerts.one_line import one_line

Tls: TypeAlias = Literal["starttls", "tls", "none"]


@dataclass(frozen=True)
class Mail:
    """host, port: the mail server. sender, to: addresses. tls: `starttls` and `tls` refuse to go on without it.

    user, password: where the server wants them. timeout: seconds that the server may be silent.
    """

    name: str
    host: str
    sender: str
    to: tuple[str, ...]
    lowest: Severity = "warning"
    port: int = 587
    tls: Tls = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    timeout: float = 10.0

    def send(self, message: Message) -> str:
        """Hand the mail to the server; some of the addresses may be refused, which the answer says."""
        mail = _mail(message, self.sender, self.to)
        try:
            refused = self._hand_over(mail)
        except smtplib.SMTPRecipientsRefused as error:
            raise NotSent(f"{self.host} refused all of: {', '.join(error.recipients)}", down=False) from None
        except smtplib.SMTPResponseException as error:
            raise _refusal(self.host, error) from None
        except OSError as error:
            # Every other exception of smtplib is one too.
            raise NotSent(f"{self.host}:{self.port}: {one_line(str(error), 200)}") from None
        taken = f"{self.host} took it for {len(self.to) - len(refused)} of {len(self.to)}"
        return f"{taken}, refused: {', '.join(sorted(refused))}" if refused else taken

    def _hand_over(self, mail: EmailMessage) -> list[str]:
        context = ssl.create_default_context(cafile=self.ca_file)
        server = (
            smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout, context=context)
            if self.tls == "tls"
            else smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        )
        try:
            if self.tls == "starttls":
                server.starttls(context=context)
            if self.user is not None:
                server.login(self.user, self.password or "")
            return list(server.send_message(mail))
        finally:
            # The mail was taken or it was not: how the goodbye went says nothing of it.
            with suppress(OSError):
                server.quit()
            server.close()


def _mail(message: Message, sender: str, to: tuple[str, ...]) -> EmailMessage:
    domain = sender.rpartition("@")[2]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Subject"] = one_line(message.subject, 200)
    mail["Date"] = format_datetime(localtime())
    mail["Message-ID"] = f"<{message.id}@{domain}>"
    if message.id != message.first_id:
        mail["In-Reply-To"] = mail["References"] = f"<{message.first_id}@{domain}>"
    # No answers from whoever is on leave.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    return mail


def _refusal(host: str, error: smtplib.SMTPResponseException) -> NotSent:
    answer = error.smtp_error
    words = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    why = f"{host} answered {error.smtp_code} {one_line(words, 160)}"
    # What was refused once the mail itself was under way is about the mail.
    return NotSent(why, down=not isinstance(error, smtplib.SMTPDataError))
