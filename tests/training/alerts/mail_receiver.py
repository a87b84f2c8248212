"""A mail server on a port of this machine: SMTP with STARTTLS and AUTH, as much of it as clients use."""

from __future__ import annotations

import base64
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from socketserver import StreamRequestHandler, ThreadingTCPServer


@dataclass
class MailReceiver:
    """context: for TLS; implicit: whether it is spoken from the start. login: what AUTH must bring, None for no AUTH.

    refuses: addresses that it takes no mail for. data_answer: what it says to a mail. rude: whether it hangs up
    instead of a goodbye. received: mails with the addresses that they were for, and whether they came by TLS.
    """

    context: ssl.SSLContext | None = None
    implicit: bool = False
    login: tuple[str, str] | None = None
    refuses: tuple[str, ...] = ()
    data_answer: str = "250 taken"
    rude: bool = False
    port: int = 0
    received: list[tuple[EmailMessage, list[str], bool]] = field(default_factory=list)

    @property
    def mails(self) -> list[EmailMessage]:
        return [mail for mail, _, _ in self.received]


@contextmanager
def mail_receiver(receiver: MailReceiver) -> Iterator[MailReceiver]:
    """Receive until the block ends."""
    server = _Server(("127.0.0.1", 0), _Session)
    server.receiver = receiver
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    receiver: MailReceiver


class _Session(StreamRequestHandler):
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.secure = self.known = self.over = False
        self.to: list[str] = []

    def handle(self) -> None:
        with suppress(OSError):
            if self.server.receiver.implicit:
                self._speak_tls()
            self._say("220 tests")
            while not self.over and (line := self.rfile.readline(2048)):
                self._obey(line.decode("ascii").strip())

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
        # Where TLS was spoken it is another one than the server's own, which the server closes.
        self.connection.close()

    def _obey(self, line: str) -> None:
        word = line.split(maxsplit=1)[0].upper() if line else ""
        obeys: dict[str, Callable[[str], None]] = {
            "EHLO": self._ehlo,
            "STARTTLS": self._starttls,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "QUIT": self._quit,
        }
        obeys.get(word, self._other)(line)

    def _other(self, _: str) -> None:
        self._say("250 fine")

    def _ehlo(self, _: str) -> None:
        receiver = self.server.receiver
        features = ["STARTTLS"] if receiver.context and not self.secure else []
        if receiver.login and (self.secure or not receiver.context):
            features.append("AUTH PLAIN LOGIN")
        lines = ["tests", *features, "8BITMIME"]
        for place, text in enumerate(lines, start=1):
            self._say(f"250{' ' if place == len(lines) else '-'}{text}")

    def _starttls(self, _: str) -> None:
        if self.server.receiver.context is None:
            self._say("502 no such thing")
            return
        self._say("220 go on")
        self._speak_tls()

    def _speak_tls(self) -> None:
        context = self.server.receiver.context
        assert context is not None
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.secure = True

    def _auth(self, line: str) -> None:
        told = base64.b64decode(line.split()[2]).decode().split("\0")
        self.known = tuple(told[1:]) == self.server.receiver.login
        self._say("235 welcome" if self.known else "535 wrong user or password")

    def _mail(self, _: str) -> None:
        stranger = self.server.receiver.login is not None and not self.known
        self._say("530 say who you are first" if stranger else "250 fine")

    def _rcpt(self, line: str) -> None:
        address = line.partition("<")[2].partition(">")[0]
        if address in self.server.receiver.refuses:
            self._say("550 nobody of that name")
        else:
            self.to.append(address)
            self._say("250 fine")

    def _data(self, _: str) -> None:
        self._say("354 go on")
        content = b""
        while (line := self.rfile.readline()) != b".\r\n":
            content += line.removeprefix(b".") if line.startswith(b"..") else line
        answer = self.server.receiver.data_answer
        if answer.startswith("2"):
            mail = message_from_bytes(content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.server.receiver.received.append((mail, self.to, self.secure))
        self._say(answer)

    def _quit(self, _: str) -> None:
        if not self.server.receiver.rude:
            self._say("221 bye")
        self.over = True

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
        self.wfile.flush()
