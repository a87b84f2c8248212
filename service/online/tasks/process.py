"""The process of one task: the batch command, behind what is asked online, and gone when its service is.

`python -m service.online.tasks.process PARENT ARGUMENT…`: PARENT is the process id of whoever started it. No module
imports this one: to the service it is another program.
"""

from __future__ import annotations

import os
import signal
import sys

from service.access.stopping import end_with_parent
from service.batch.__main__ import main as score
from service.places.confinement import confine
from service.roots import Roots
from service.settings import Settings

# Of the share of a processor that a request online would get beside it.
NICE = 10


def main(arguments: list[str]) -> int:
    """Score what the arguments say and return the exit code of the batch command."""
    parent, *asked = arguments
    # A polite request to end keeps what is done.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    os.nice(NICE)
    end_with_parent()
    if os.getppid() != int(parent):
        return 128 + signal.SIGTERM
    settings = Settings.from_environment()
    # The decision log's segments too: a link into them from a root still leads out of that root.
    confine(Roots((*settings.batch_roots, settings.segments)))
    return score(asked)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
