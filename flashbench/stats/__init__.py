"""Statistics of weighted samples that share generator events. Arrays and histograms in and out, no files.

- `pdf`: fractions of generated events and their errors;
- `bootstrap`: replicas of a sample that every simulator of it shares, and the errors of paired ratios;
- `distances`: Wasserstein, Kolmogorov-Smirnov and χ² between two weighted samples;
- `roc`: curve and area of a score;
- `profile`: effective widths, statistics in bins of another quantity, efficiencies.
"""

from flashbench.stats.bootstrap import (
    REPLICAS,
    Ratio,
    bootstrap_sums,
    contributions,
    event_keys,
    paired_ratio,
    poisson_weights,
)
from flashbench.stats.distances import (
    ChiSquare,
    KolmogorovSmirnov,
    chi_square,
    effective_size,
    kolmogorov_smirnov,
    paired_covariance,
    wasserstein,
)
from flashbench.stats.pdf import Pdf, density, density_of, mean_error
from flashbench.stats.profile import Efficiency, effective_width, efficiency, profile_of
from flashbench.stats.roc import RocArea, RocCurve, roc_area, roc_curve

__all__ = [
    "REPLICAS",
    "ChiSquare",
    "Efficiency",
    "KolmogorovSmirnov",
    "Pdf",
    "Ratio",
    "RocArea",
    "RocCurve",
    "bootstrap_sums",
    "chi_square",
    "contributions",
    "density",
    "density_of",
    "effective_size",
    "effective_width",
    "efficiency",
    "event_keys",
    "kolmogorov_smirnov",
    "mean_error",
    "paired_covariance",
    "paired_ratio",
    "poisson_weights",
    "profile_of",
    "roc_area",
    "roc_curve",
    "wasserstein",
]
