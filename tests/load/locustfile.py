"""How the service behaves under load: an open loop, objectives, and an exit code.

    locust -f tests/load/locustfile.py --headless --host http://127.0.0.1:3000 [--stage local] [--shapes steady burst]
        [--rate 100] [--scale 0.5] [--gaps poisson] [--cases FILE.jsonl] [--key-file FILE] [--report FOLDER]

Requests are sent at moments fixed beforehand, and latencies counted from those moments. The exit code is 0 where
every objective of the stage (objectives.toml) was met, 1 where one was missed, and 2 where the generator itself could
not keep its schedule, so that nothing is known of the service. `make load` starts it with all that it needs.
"""

from __future__ import annotations

import gc
import json
import logging
import sys
import urllib.request
from pathlib import Path
from typing import Any

from locust import User, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import LocalRunner

from tests.load.connections import Connections
from tests.load.mix import OUTCOMES, Case, Mix, read_cases
from tests.load.objectives import FILE, INCONCLUSIVE, ObjectivesUnreadable, Stage, read_stage
from tests.load.open_loop import OpenLoop
from tests.load.report import conclude
from tests.load.run import Run
from tests.load.schema_records import records_of
from tests.load.shapes import GAPS, NAMES, WARM_UP, Shape, shape_of

MADE = 500
LOG = logging.getLogger(__name__)


class Callers(User):
    """All callers at once: their arrivals are one schedule, which one user keeps."""

    fixed_count = 1

    @task
    def keep_the_schedule(self) -> None:
        options: Any = self.environment.parsed_options
        # Its tables are rounded: ours are printed at the end.
        logging.getLogger("locust.stats_logger").setLevel(logging.WARNING)
        # Until it is judged: whoever stops it half-way knows nothing.
        self.environment.process_exit_code = INCONCLUSIVE
        try:
            run = _run(self.environment, options)
            self.environment.process_exit_code = conclude(run, options.report, options.summary)
        except (OSError, ObjectivesUnreadable) as error:
            LOG.error(str(error))
        finally:
            self.environment.runner.quit()


def _run(environment: Environment, options: Any) -> Run:
    stage = read_stage(options.stage, Path(options.objectives))
    cases, host = _cases(options), str(environment.host)
    known = any(case.outcome is not None for case in cases)
    weights = {path: weight for path, weight in stage.mix.items() if known or path != OUTCOMES}

    def tell(path: str, seconds: float, size: int, wrong: str) -> None:
        environment.events.request.fire(  # type: ignore[no-untyped-call]
            request_type="POST",
            name=path,
            response_time=seconds * 1e3,
            response_length=size,
            exception=RuntimeError(wrong) if wrong else None,
            context={},
        )

    loop = OpenLoop(Connections(host, _headers(options), options.timeout), Mix(cases, weights), tell)
    # The collector's pauses would be counted as the service's.
    gc.collect()
    gc.freeze()
    shapes = _shapes(options, stage)
    loop.run(shapes, GAPS[options.gaps])
    return Run(host, stage, shapes, options.gaps, loop.samples, loop.processor, loop.taken)


def _shapes(options: Any, stage: Stage) -> list[Shape]:
    names = options.shapes or [name for name in stage.seconds if name != WARM_UP]
    rate, usual = options.rate or stage.rate, max(stage.seconds.values())
    # Of a soak's hours the warm-up needs no more than of anything else.
    warm_up = shape_of(WARM_UP, rate, stage.seconds.get(WARM_UP, usual) * min(options.scale, 1.0))
    return [
        warm_up,
        *(
            shape_of(name, rate, stage.seconds.get(name, usual) * options.scale)
            for name in names
            if name != WARM_UP
        ),
    ]


def _headers(options: Any) -> dict[str, str]:
    return {"x-api-key": Path(options.key_file).read_text().strip()} if options.key_file else {}


def _cases(options: Any) -> list[Case]:
    """Read the cases, or make records from what the service says of itself."""
    if options.cases:
        return read_cases(Path(options.cases))
    request = urllib.request.Request(f"{options.host}/schema", headers=_headers(options))  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return [Case(record) for record in records_of(json.load(answer), MADE)]


@events.init.add_listener  # type: ignore[untyped-decorator]
def expect_one_process(environment: Environment, **_: Any) -> None:
    """Refuse to be spread over processes: each would keep the whole schedule."""
    if type(environment.runner) is not LocalRunner:
        LOG.error("one process keeps the schedule: leave out --master, --worker and --processes")
        sys.exit(INCONCLUSIVE)


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]  # Locust gives it no types
def add_options(parser: LocustArgumentParser) -> None:
    """Add our own options."""
    parser.add_argument("--stage", default="local", help="whose objectives hold")
    parser.add_argument("--objectives", default=str(FILE), help="the file that has them")
    parser.add_argument("--shapes", nargs="+", choices=NAMES, help="shapes of load; default: the stage's")
    parser.add_argument("--rate", type=float, help="usual requests/s; default: the stage's")
    parser.add_argument("--scale", type=float, default=1.0, help="how much longer each shape is")
    parser.add_argument("--gaps", choices=list(GAPS), default="even", help="between requests")
    parser.add_argument("--cases", help='JSON lines: {"record": {...}, "outcome": ...}')
    parser.add_argument("--key-file", help="a file with the API key", include_in_web_ui=False)
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds to wait for an answer")
    parser.add_argument("--report", help="folder for report.html, summary.md and result.json")
    parser.add_argument("--summary", env_var="GITHUB_STEP_SUMMARY", help="file that the summary is added to")
