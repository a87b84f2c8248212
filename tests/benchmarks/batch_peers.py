"""How files are scored elsewhere: chunk by chunk through a DataFrame, each way a process of its own.

    python tests/benchmarks/batch_peers.py {pandas,joblib,mlflow,copy} MODEL INPUT OUTPUT

`pandas` calls the pipeline on one chunk after the other, `joblib` on as many chunks at once as there are processors,
`mlflow` through a pyfunc; each writes the row's number, the probability and the decision. `copy` scores nothing: it
reads the file with pyarrow and writes it again. None of them checks a record, accounts
for it or can go on after a crash.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

CHUNK = 50_000
ARROW_CHUNK = 131_072
CUT_OFF = 0.5
Load = Callable[[Path], Any]
Predict = Callable[[Any, Iterable[pd.DataFrame]], Iterator[np.ndarray]]


def main() -> None:
    way, model, source, target = sys.argv[1], *map(Path, sys.argv[2:])
    if way == "copy":
        _copy(source, target)
    else:
        load, predict = _WAYS[way]
        _write(predict(load(model), _chunks(source)), target)


def _one_by_one(model: Any, chunks: Iterable[pd.DataFrame]) -> Iterator[np.ndarray]:
    return (_probabilities(model, chunk) for chunk in chunks)


def _on_all_processors(model: Any, chunks: Iterable[pd.DataFrame]) -> Iterator[np.ndarray]:
    from joblib import Parallel, delayed  # type: ignore[import-untyped]

    # "generator" hands results over as they come: a list of all of them would grow with the file.
    parallel = Parallel(n_jobs=os.cpu_count(), return_as="generator")
    found: Iterator[np.ndarray] = parallel(delayed(_probabilities)(model, chunk) for chunk in chunks)
    return found


def _probabilities(model: Any, chunk: pd.DataFrame) -> np.ndarray:
    found: np.ndarray = model.predict_proba(chunk[model.feature_names_in_])[:, 1]
    return found


def _through_pyfunc(model: Any, chunks: Iterable[pd.DataFrame]) -> Iterator[np.ndarray]:
    return (model.predict(chunk)[:, 1] for chunk in chunks)


def _pipeline(path: Path) -> Any:
    import joblib

    return joblib.load(path)


def _pyfunc(path: Path) -> Any:
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model(str(path))


_WAYS: dict[str, tuple[Load, Predict]] = {
    "pandas": (_pipeline, _one_by_one),
    "joblib": (_pipeline, _on_all_processors),
    "mlflow": (_pyfunc, _through_pyfunc),
}


def _chunks(source: Path) -> Iterator[pd.DataFrame]:
    if source.suffix == ".csv":
        yield from pd.read_csv(source, chunksize=CHUNK)
        return
    with pq.ParquetFile(source) as file:
        for batch in file.iter_batches(CHUNK):
            yield batch.to_pandas()


def _write(scored: Iterator[np.ndarray], target: Path) -> None:
    writer = None
    for start, frame in _frames(scored):
        if target.suffix == ".csv":
            frame.to_csv(target, mode="a" if start else "w", header=not start, index=False)
            continue
        table = pa.Table.from_pandas(frame, preserve_index=False)
        writer = writer or pq.ParquetWriter(target, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _frames(scored: Iterator[np.ndarray]) -> Iterator[tuple[int, pd.DataFrame]]:
    start = 0
    for probabilities in scored:
        rows = np.arange(start + 1, start + 1 + len(probabilities))
        decisions = np.where(probabilities < CUT_OFF, "approve", "decline")
        yield start, pd.DataFrame({"row": rows, "probability": probabilities, "decision": decisions})
        start += len(probabilities)


def _copy(source: Path, target: Path) -> None:
    if source.suffix == ".csv":
        with pc.open_csv(source) as reader, pc.CSVWriter(target, reader.schema) as csv_writer:
            for batch in reader:
                csv_writer.write_batch(batch)
        return
    with pq.ParquetFile(source) as file, pq.ParquetWriter(target, file.schema_arrow) as writer:
        for batch in file.iter_batches(ARROW_CHUNK):
            writer.write_batch(batch)


if __name__ == "__main__":
    main()
