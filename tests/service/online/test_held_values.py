from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# Four threads count while a fifth one shares again and again.
COUNTING = """
import sys, threading
from prometheus_client import CollectorRegistry, Counter, generate_latest, multiprocess, values
from service.online.held_values import HeldValues
sys.setswitchinterval(1e-6)
held = HeldValues(1)
values.ValueClass = held.kind
counter = Counter("steps", "Steps", registry=CollectorRegistry())
threads = [threading.Thread(target=lambda: [counter.inc() for _ in range(5_000)]) for _ in range(4)]
for thread in threads:
    thread.start()
while any(thread.is_alive() for thread in threads):
    held.share()
held.share()
registry = CollectorRegistry()
multiprocess.MultiProcessCollector(registry, sys.argv[1])
print(generate_latest(registry).decode())
"""


def test_no_step_is_lost_when_threads_count_while_another_shares(tmp_path: Path) -> None:
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", COUNTING, str(tmp_path)]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert "steps_total 20000.0" in told.splitlines(), told
