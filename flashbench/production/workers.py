"""How a worker process of the production behaves."""

from __future__ import annotations

import os
import signal
import threading
import time

_POLL = 1.0  # s


def quiet() -> None:
    """Keep a worker silent, leave Ctrl-C to the parent, and do not outlive it.

    Pythia and FastJet print from C++ whatever their settings say, so standard output itself is turned away. A parent
    that is killed cannot end its workers: they watch for it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.close(silence)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL)
    os._exit(1)
