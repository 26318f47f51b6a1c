"""flashbench: does a fast detector simulation give the analysis result that full simulation would?

What to use when:

- `flashbench run` / `flashbench.engine.run`: one simulator on one process.
- `flashbench compare` / `flashbench.compare.compare`: simulators against a reference.
- `flashbench.simulators`: the `Simulator` protocol to implement, and the registry.
- `flashbench.stats`: the statistics by themselves, NumPy in and out.
"""

__version__ = "0.1.0"
