"""Run moto for Terraform, on 127.0.0.1: `python -m tests.infra.terraform.account_server PORT`."""

from __future__ import annotations

import os
import sys
import threading


def main(port: int) -> None:
    """Serve until the process is ended."""
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    # Services count as started at once, with the tasks that they are made with.
    os.environ["MOTO_ECS_SERVICE_RUNNING"] = "2"
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    from tests.infra.terraform.lacking import ADDITIONS

    for add in ADDITIONS:
        add()
    ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]))
