"""What speaks to S3, and what its errors mean. Credentials, region and endpoint are found where boto3 finds them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from service.errors import AvalError, WrongUse

MEBIBYTE = 2**20
# Seconds, and attempts: the first contact answers within seconds, what follows survives a bad minute.
_CONTACT = {"connect_timeout": 3, "read_timeout": 5, "attempts": 3}
# All attempts together must fail before a lock counts as dead: else a late one could still change something.
_LASTING = {"connect_timeout": 3, "read_timeout": 10, "attempts": 6}

_UNREACHABLE = ("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError")
_MEANING = {
    "NoSuchBucket": "there is no such bucket; make it, or mend the name",
    "AccessDenied": "access is denied; give these credentials the right to it",
    "403": "access is denied; give these credentials the right to it",
    "InvalidAccessKeyId": "the access key is not known; mend AWS_ACCESS_KEY_ID, or the profile",
    "SignatureDoesNotMatch": "the secret key is wrong; mend AWS_SECRET_ACCESS_KEY, or the profile",
    "ExpiredToken": "the credentials have expired; get new ones",
    "InvalidToken": "the session token is not valid; get new credentials",
    "NoSuchKey": "it is not there any more; start again",
    "404": "it is not there any more; start again",
    "PermanentRedirect": "the bucket is in another region; set AWS_REGION to it",
    "AuthorizationHeaderMalformed": "the bucket is in another region; set AWS_REGION to it",
    "301": "the bucket is in another region; set AWS_REGION to it",
    "412": "it was changed while it was read; score it again",
    "PreconditionFailed": "it was changed while it was read; score it again",
}


@dataclass(frozen=True, slots=True)
class S3Options:
    """How a bucket is used.

    kms_key: the key that new objects are encrypted with, None for the bucket's own. part_bytes: of an upload in parts.
    copy_bytes: above which a copy is made in parts. heartbeat, stale_after: seconds between signs of life of whoever
    holds a lock, and without one until it counts as dead.
    """

    kms_key: str | None = None
    part_bytes: int = 16 * MEBIBYTE
    copy_bytes: int = 4096 * MEBIBYTE
    heartbeat: float = 5.0
    stale_after: float = 120.0

    @property
    def encryption(self) -> dict[str, str]:
        """What every request that makes an object says about its encryption."""
        if self.kms_key is None:
            return {}
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key}


@dataclass(frozen=True)
class Clients:
    """Two clients of one store: `quick` gives up within seconds, `lasting` tries for a minute."""

    quick: Any = field(repr=False)
    lasting: Any = field(repr=False)


def connect(bucket: str, start: str) -> Clients:
    """Return clients that were seen to list the keys that start so; raises `WrongUse`, within seconds, if none can."""
    with s3_errors(f"s3://{bucket}", WrongUse, "reached"):
        session = _session()
        clients = Clients(_client(session, _CONTACT), _client(session, _LASTING))
        _greet(clients.quick, bucket, start)
        return clients


@contextmanager
def s3_errors(uri: str, error: type[AvalError], verb: str) -> Iterator[None]:
    """Turn what boto3 raises into an `error` that names the address and says what to do."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as answer:
        raise error(f"{uri} cannot be {verb}: {_meaning(answer)}") from None
    except (BotoCoreError, Boto3Error) as fault:
        raise error(f"{uri} cannot be {verb}: {_fault(fault)}") from None


def code_of(error: Any) -> str:
    """Return the code of an answer that refuses, such as `NoSuchKey`, or `404` where it has no body."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _session() -> Any:
    import boto3
    import botocore.session

    session = botocore.session.Session()
    session.register_component("data_loader", _descriptions())
    return boto3.session.Session(botocore_session=session)


@cache
def _descriptions() -> Any:
    """Return the descriptions of AWS's interfaces, which take a tenth of a second to read: once is enough."""
    from botocore.loaders import create_loader

    return create_loader()


def _client(session: Any, limits: dict[str, int]) -> Any:
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": limits["attempts"]}
    timeouts = {name: limits[name] for name in ("connect_timeout", "read_timeout")}
    try:
        return session.client("s3", config=Config(retries=retries, **timeouts))
    except ValueError as error:
        raise WrongUse(f"S3 cannot be reached: {error}; mend AWS_ENDPOINT_URL") from None


def _greet(client: Any, bucket: str, start: str) -> None:
    """Ask for one name: it needs the bucket, credentials, and the right to list, which all else needs too."""
    from botocore.exceptions import ClientError, HTTPClientError

    for last in (False, False, True):
        try:
            client.list_objects_v2(Bucket=bucket, Prefix=start, MaxKeys=1)
        except ClientError as answer:
            if last or answer.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                raise
        except HTTPClientError as fault:
            # A store that is there and breaks off is asked again; one that cannot be reached has been three times.
            if last or type(fault).__name__ in _UNREACHABLE:
                raise
        else:
            return


def _meaning(answer: Any) -> str:
    code = code_of(answer)
    if code in _MEANING:
        return _MEANING[code]
    return f"{code}: {' '.join(str(answer.response.get('Error', {}).get('Message', '')).split())[:300]}"


def _fault(fault: BaseException) -> str:
    if type(fault).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
        return (
            "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role"
        )
    if type(fault).__name__ in _UNREACHABLE:
        return f"{fault}; look to the network, and to AWS_ENDPOINT_URL"
    return " ".join(str(fault).split())[:300]
