"""The kinds of channels that the file of alerts may name, and how each is made of its fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import get_args
from urllib.parse import urlsplit

from service.errors import WrongUse
from training.alerts.channels import Channel, Mail, Topic, Webhook
from training.alerts.channels.mail import Tls
from training.alerts.fields import Fields
from training.alerts.finding import SEVERITIES, Severity
from training.alerts.metrics import NAMESPACE, Meter, To

_EVERY = ("name", "kind", "use_cases")
_NAME = r"[A-Za-z0-9._-]{1,40}", "1 to 40 letters, digits, dots, dashes and underscores"
_ADDRESS = (
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*",
    "an address such as risk@bank.example",
)
_HOST = r"[A-Za-z0-9.:-]{1,253}", "the name or address of a host"
_ARN = r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?", "the ARN of an SNS topic"
_URL = r"https?://[!-~]{1,2000}", "a URL that begins with https://"


def channel_of(fields: Fields) -> Channel | Meter:
    """Return the channel that the fields describe; raises `WrongUse`."""
    kind = fields.one_of("kind", tuple(_KINDS))
    names, make = _KINDS[kind]
    fields.expect_only((*_EVERY, *names))
    fields.texts("use_cases", r"[A-Za-z0-9_-]{1,100}", "names of use cases")
    return make(fields, fields.text("name", *_NAME))


def _webhook(fields: Fields, name: str) -> Webhook:
    secret, ca_file = fields.secret("secret_file"), fields.file("ca_file")
    return Webhook(
        name=name,
        url=_url(fields),
        lowest=_lowest(fields),
        secret=None if secret is None else secret.encode(),
        ca_file=None if ca_file is None else str(ca_file),
    )


def _url(fields: Fields) -> str:
    written, kept = fields.maybe_text("url", *_URL, shown=False), fields.secret("url_file")
    if (written is None) == (kept is None):
        both = "both are" if kept is not None else "neither is"
        raise WrongUse(
            f"{fields.place}url: {both} given; give url, or url_file for one that is a secret itself"
        )
    name, url = ("url", written) if written is not None else ("url_file", kept or "")
    plain = fields.flag("plain_http")
    if complaint := _complaint(url, plain=plain):
        raise WrongUse(f"{fields.place}{name} {complaint}")
    return url


def _complaint(url: str, *, plain: bool) -> str | None:
    """Return what is wrong with a URL, without showing it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no URL; write https://host/path"
    if (
        parts.scheme not in ("https", "http")
        or not host
        or not (url.isascii() and url.isprintable())
        or " " in url
    ):
        return "is no URL; write https://host/path"
    if parts.username is not None or parts.password is not None:
        return "holds a user or password; sign with secret_file, or have the whole URL in url_file"
    if parts.scheme == "http" and not plain and not _is_this_machine(host):
        return "is not encrypted; write https://, or plain_http = true in a network that may see it"
    return None


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _mail(fields: Fields, name: str) -> Mail:
    password, ca_file = fields.secret("password_file"), fields.file("ca_file")
    user = fields.maybe_text("user", r"[!-~]{1,256}", "1 to 256 characters of ASCII, no spaces")
    tls = fields.one_of("tls", get_args(Tls), "starttls")
    if (user is None) != (password is None):
        raise WrongUse(f"{fields.place}user and password_file belong together; give both, or neither")
    if user is not None and tls == "none":
        raise WrongUse(
            f"{fields.place}tls='none' would show the password to the network; write starttls or tls"
        )
    to = fields.texts("to", *_ADDRESS)
    if not to:
        raise WrongUse(f"{fields.place}to is missing; it must be a list of one or more: {_ADDRESS[1]}")
    return Mail(
        name=name,
        host=fields.text("host", *_HOST),
        sender=fields.text("from", *_ADDRESS),
        to=to,
        lowest=_lowest(fields),
        port=fields.whole("port", {"starttls": 587, "tls": 465, "none": 25}[tls], 1, 65_535),
        tls=tls,
        user=user,
        password=password,
        ca_file=None if ca_file is None else str(ca_file),
    )


def _topic(fields: Fields, name: str) -> Topic:
    return Topic(name=name, arn=fields.text("topic_arn", *_ARN), lowest=_lowest(fields))


def _meter(fields: Fields, name: str) -> Meter:
    namespace = r"[A-Za-z0-9._/#:-]{1,255}", "1 to 255 letters, digits and . _ / # : -"
    region = fields.maybe_text("region", r"[a-z]{2}(-[a-z]+)+-[0-9]", "a region of AWS such as eu-west-1")
    to = fields.one_of("to", get_args(To), "stderr")
    return Meter(name, to, fields.text("namespace", *namespace, NAMESPACE), region)


def _lowest(fields: Fields) -> Severity:
    return fields.one_of("lowest", SEVERITIES, SEVERITIES[0])


_KINDS: Mapping[str, tuple[tuple[str, ...], Callable[[Fields, str], Channel | Meter]]] = {
    "webhook": (("lowest", "url", "url_file", "secret_file", "ca_file", "plain_http"), _webhook),
    "mail": (("lowest", "host", "port", "from", "to", "tls", "user", "password_file", "ca_file"), _mail),
    "sns": (("lowest", "topic_arn"), _topic),
    "metrics": (("to", "namespace", "region"), _meter),
}
