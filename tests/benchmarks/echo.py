"""FastAPI on uvicorn with uvloop and httptools, without a line of log: what a Python service can reach at most.

    python tests/benchmarks/echo.py PORT SCHEMA.json [MODEL.joblib]

It validates a record by a pydantic model drawn from the JSON Schema, and gives it back; with a model it scores it.
PORT alone, without a schema, serves no HTTP framework at all: one fixed answer, to measure the load generator.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import uvloop
from pydantic import BaseModel, Field, create_model

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


def main() -> None:
    port = int(sys.argv[1])
    if len(sys.argv) == 2:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve_fixed(port))
    else:
        _serve(port, json.loads(Path(sys.argv[2]).read_text()), sys.argv[3:])


def record_model(schema: dict[str, Any]) -> type[BaseModel]:
    """Return a pydantic model of the schema's required numbers and levels."""
    fields: dict[str, Any] = {name: (_kind(schema["properties"][name]), ...) for name in schema["required"]}
    return create_model("Record", **fields)


def _kind(field: dict[str, Any]) -> Any:
    told = field.get("type", field.get("enum"))
    named: list[Any] = told if isinstance(told, list) else [told]
    levels = tuple(level for level in field.get("enum", ()) if level is not None)
    number = int if "integer" in named else float
    limits = Field(ge=field.get("minimum"), le=field.get("maximum"))
    kind: Any = Literal[levels] if levels else Annotated[number, limits]
    return kind | None if "null" in named or None in named else kind


def _serve(port: int, schema: dict[str, Any], model: list[str]) -> None:
    import uvicorn
    from fastapi import FastAPI

    app, record = FastAPI(), record_model(schema)
    app.post("/predict")(_scoring(record, model[0]) if model else _echoing(record))
    uvicorn.run(
        app, port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning", workers=1
    )


def _echoing(record: type[BaseModel]) -> Any:
    async def predict(body):  # type: ignore[no-untyped-def]
        return body

    predict.__annotations__ = {"body": record, "return": record}
    return predict


def _scoring(record: type[BaseModel], model: str) -> Any:
    import joblib  # type: ignore[import-untyped]
    import pandas as pd

    fitted = joblib.load(model)

    async def predict(body):  # type: ignore[no-untyped-def]
        return {"probability": float(fitted.predict_proba(pd.DataFrame([body.model_dump()]))[0, 1])}

    predict.__annotations__ = {"body": record}
    return predict


class _Fixed(asyncio.Protocol):
    """Gives the fixed answer to whatever arrives, taking one arrival for one request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(ANSWER)


async def _serve_fixed(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Fixed, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    main()
