"""Sample production: Pythia 8 or a user's LHE file → particles → reference detector → NanoAOD files.

Needs the `production` extra. What to use when: `produce` to have a sample, `list_samples` and `load_sample` for those
already there, `RECIPES` for what can be made.
"""

from __future__ import annotations

from flashbench.production.cache import cache_directory
from flashbench.production.recipes import RECIPES, Recipe, recipe
from flashbench.production.sample import Sample, list_samples, load_sample, produce

__all__ = ["RECIPES", "Recipe", "Sample", "cache_directory", "list_samples", "load_sample", "produce", "recipe"]
