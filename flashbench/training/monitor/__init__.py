"""A local web page that shows trainings as they run.

What to use when: `serve` for the page, `Collector` for what it shows as JSON values.
"""

from flashbench.training.monitor.collect import Collector
from flashbench.training.monitor.server import make_server, serve

__all__ = ["Collector", "make_server", "serve"]
