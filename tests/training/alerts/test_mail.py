from __future__ import annotations

import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.processes import free_port
from tests.training.alerts.certificates import server_context
from tests.training.alerts.incident_room import INCOME, START
from tests.training.alerts.mail_receiver import MailReceiver, mail_receiver
from training.alerts.channels import Mail, NotSent
from training.alerts.incident import Change, opened
from training.alerts.message import Message, message_of, trial_message

MESSAGE = trial_message(START)
PASSWORD = "a password of tests"


def mail_to(receiver: MailReceiver, certificate: Path | None = None, **more: Any) -> Mail:
    default: dict[str, Any] = {"tls": "none", "ca_file": certificate and str(certificate), "timeout": 5.0}
    to = ("risk@bank.example", "ops@bank.example")
    return Mail("mail", "127.0.0.1", "aval@bank.example", to, port=receiver.port, **{**default, **more})


def failure(channel: Mail, message: Message = MESSAGE) -> NotSent:
    with pytest.raises(NotSent) as failed:
        channel.send(message)
    return failed.value


def test_a_mail_goes_over_tls_after_a_login_to_everybody(certificate: Path) -> None:
    receiver = MailReceiver(server_context(certificate), login=("aval", PASSWORD))
    with mail_receiver(receiver):
        channel = mail_to(receiver, certificate, tls="starttls", user="aval", password=PASSWORD)
        assert channel.send(MESSAGE) == "127.0.0.1 took it for 2 of 2"
    ((mail, to, secure),) = receiver.received
    assert secure
    assert to == ["risk@bank.example", "ops@bank.example"]
    assert (mail["From"], mail["To"]) == ("aval@bank.example", "risk@bank.example, ops@bank.example")
    assert mail["Subject"] == MESSAGE.subject
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().replace("\r\n", "\n") == MESSAGE.text
    assert PASSWORD not in repr(channel)


def test_a_mail_goes_over_tls_from_the_start_where_that_is_said(certificate: Path) -> None:
    receiver = MailReceiver(server_context(certificate), implicit=True)
    with mail_receiver(receiver):
        mail_to(receiver, certificate, tls="tls").send(MESSAGE)
    assert [secure for _, _, secure in receiver.received] == [True]


def test_a_mail_sent_again_has_the_same_id_and_one_incident_is_one_thread() -> None:
    incident = opened("credit_risk", INCOME, 1, START)
    first = message_of(Change("opened", incident, START))
    second = message_of(Change("recovered", replace(incident, recovered_at=START + 5), START + 5))
    receiver = MailReceiver()
    with mail_receiver(receiver):
        for message in (first, first, second):
            mail_to(receiver).send(message)
    ids = [mail["Message-ID"] for mail in receiver.mails]
    assert ids[0] == ids[1] == f"<{incident.id}.opened@bank.example>"
    assert ids[2] == f"<{incident.id}.recovered@bank.example>"
    assert [mail["In-Reply-To"] for mail in receiver.mails] == [None, None, ids[0]]


def test_no_title_can_add_a_header_or_an_address_or_end_the_mail() -> None:
    title = (
        "x\r\nBcc: thief@evil.example\r\n\r\n.\r\nMAIL FROM:<thief@evil.example>\n ünï=?utf-8?q?a?= \u202e"
    )
    incident = replace(opened("credit_risk", INCOME, 1, START), title=title)
    message = message_of(Change("opened", incident, START))
    receiver = MailReceiver()
    with mail_receiver(receiver):
        mail_to(receiver).send(message)
    ((mail, to, _),) = receiver.received
    assert to == ["risk@bank.example", "ops@bank.example"]
    assert sorted(mail.keys()) == sorted(
        [
            "From",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "Auto-Submitted",
            "Content-Type",
            "Content-Transfer-Encoding",
            "MIME-Version",
        ]
    )
    assert "Bcc: thief@evil.example" in mail["Subject"]


def test_the_text_of_a_mail_arrives_whatever_its_letters() -> None:
    message = replace(MESSAGE, text=".\n..\nFrom here\n" + "ü" * 2000 + "\n", subject="ärger: 評価 " * 15)
    receiver = MailReceiver()
    with mail_receiver(receiver):
        mail_to(receiver).send(message)
    (mail,) = receiver.mails
    assert mail.get_content().replace("\r\n", "\n") == message.text
    assert len(mail["Subject"]) <= 200


def test_a_server_without_tls_gets_no_mail_and_no_password() -> None:
    receiver = MailReceiver(login=("aval", PASSWORD))
    with mail_receiver(receiver):
        fault = failure(mail_to(receiver, tls="starttls", user="aval", password=PASSWORD))
    assert str(fault).endswith("STARTTLS extension not supported by server.")
    assert receiver.received == []


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    receiver = MailReceiver(server_context(certificate))
    with mail_receiver(receiver):
        assert "certificate verify failed" in str(failure(mail_to(receiver, tls="starttls")))
    assert receiver.received == []


def test_a_wrong_password_is_told_in_the_servers_words_and_not_shown(certificate: Path) -> None:
    receiver = MailReceiver(server_context(certificate), login=("aval", PASSWORD))
    with mail_receiver(receiver):
        fault = failure(mail_to(receiver, certificate, tls="starttls", user="aval", password="not this one"))
    assert str(fault) == "127.0.0.1 answered 535 wrong user or password"
    assert fault.down


def test_some_addresses_may_be_refused_and_the_answer_says_so() -> None:
    receiver = MailReceiver(refuses=("ops@bank.example",))
    with mail_receiver(receiver):
        answer = mail_to(receiver).send(MESSAGE)
    assert answer == "127.0.0.1 took it for 1 of 2, refused: ops@bank.example"
    assert len(receiver.received) == 1


def test_when_every_address_is_refused_nothing_was_sent() -> None:
    receiver = MailReceiver(refuses=("ops@bank.example", "risk@bank.example"))
    with mail_receiver(receiver):
        fault = failure(mail_to(receiver))
    assert str(fault) == "127.0.0.1 refused all of: risk@bank.example, ops@bank.example"


def test_a_mail_that_is_refused_holds_up_no_other() -> None:
    receiver = MailReceiver(data_answer="554 looks like spam\x1b[31m")
    with mail_receiver(receiver):
        fault = failure(mail_to(receiver))
    assert (str(fault), fault.down) == ("127.0.0.1 answered 554 looks like spam [31m", False)


def test_a_mail_that_was_taken_is_sent_also_where_the_goodbye_fails() -> None:
    receiver = MailReceiver(rude=True)
    with mail_receiver(receiver):
        mail_to(receiver).send(MESSAGE)
    assert len(receiver.received) == 1


def test_a_server_that_says_nothing_is_given_up_after_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        fault = failure(mail_to(MailReceiver(port=silent.getsockname()[1]), timeout=0.1))
    assert str(fault).endswith("timed out")
    assert fault.down


def test_a_closed_port_is_told() -> None:
    closed = MailReceiver(port=free_port())
    began = time.monotonic()
    fault = failure(mail_to(closed))
    assert str(fault) == f"127.0.0.1:{closed.port}: [Errno 111] Connection refused"
    assert fault.down
    assert time.monotonic() - began < 2
