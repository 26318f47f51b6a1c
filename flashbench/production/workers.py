"""How a worker process of the production behaves."""

from __future__ import annotations

import os
import signal


def quiet() -> None:
    """Keep a worker silent and leave Ctrl-C to the parent.

    Pythia and FastJet print from C++ whatever their settings say, so standard output itself is turned away.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.close(silence)
