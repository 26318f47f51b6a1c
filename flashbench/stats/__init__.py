"""Statistics of weighted samples that share generator events. Arrays and histograms in and out, no files.

- `pdf`: fractions of generated events and their errors;
- `bootstrap`: replicas of a sample that every simulator of it shares, and the errors of paired ratios;
- `folds`, `upsampling`: histograms of upsampled events, and what more folds gain;
- `joint`, `transfer`: histograms of the same events with every covariance, and the ratio method;
- `distances`: Wasserstein, Kolmogorov-Smirnov, χ² and triangular discriminator between two weighted samples;
- `multivariate`, `classifier`: distances and a test of feature vectors;
- `nulls`, `exchange`: what a distance would be without a difference, and its significance;
- `correlation`, `contours`: matrices and their difference, and levels that hold a part of the content;
- `tables`: the above from tables of events and folds;
- `roc`, `bands`: curve and area of a score, with error bands and mistag rates of any pair of flavours;
- `profile`: effective widths, statistics in bins of another quantity, efficiencies.
"""

from flashbench.stats.bands import RocBand, Scored, flavours, mistag_ratio, roc_band
from flashbench.stats.binning import Binning
from flashbench.stats.bootstrap import (
    REPLICAS,
    Ratio,
    bootstrap_sums,
    contributions,
    event_keys,
    paired_ratio,
    poisson_weights,
)
from flashbench.stats.classifier import ClassifierTest, area_and_moves, classifier_test
from flashbench.stats.contours import content_levels
from flashbench.stats.correlation import (
    Correlation,
    CorrelationDifference,
    correlation_difference,
    correlation_matrix,
    matrix_distance,
)
from flashbench.stats.distances import (
    ChiSquare,
    KolmogorovSmirnov,
    chi_square,
    effective_size,
    kolmogorov_smirnov,
    paired_covariance,
    triangular_discriminator,
    wasserstein,
)
from flashbench.stats.exchange import exchange_sums, halves_sums
from flashbench.stats.folds import FoldedHistogram
from flashbench.stats.joint import EventContents, JointMoments, event_contents, joint_moments
from flashbench.stats.multivariate import Distance, energy_distance, frechet_distance, kernel_distance, standardise
from flashbench.stats.nulls import EventSample, Null, halves_null, paired_null
from flashbench.stats.pdf import Pdf, density, density_of, mean_error
from flashbench.stats.profile import Efficiency, Profile, effective_width, efficiency, profile_moments, profile_of
from flashbench.stats.roc import RocArea, RocCurve, roc_area, roc_curve
from flashbench.stats.tables import contents_from_table, fill_from_table, table_events, table_values
from flashbench.stats.transfer import BinState, Closure, Transfer, close, closures, transfer
from flashbench.stats.upsampling import (
    Components,
    Gain,
    components,
    expected_covariance,
    expected_variances,
    gain,
    mean_error_at,
    plateau,
)

__all__ = [
    "REPLICAS",
    "BinState",
    "Binning",
    "ChiSquare",
    "ClassifierTest",
    "Closure",
    "Components",
    "Correlation",
    "CorrelationDifference",
    "Distance",
    "Efficiency",
    "EventContents",
    "EventSample",
    "FoldedHistogram",
    "Gain",
    "JointMoments",
    "KolmogorovSmirnov",
    "Null",
    "Pdf",
    "Profile",
    "Ratio",
    "RocArea",
    "RocBand",
    "RocCurve",
    "Scored",
    "Transfer",
    "area_and_moves",
    "bootstrap_sums",
    "chi_square",
    "classifier_test",
    "close",
    "closures",
    "components",
    "content_levels",
    "contents_from_table",
    "contributions",
    "correlation_difference",
    "correlation_matrix",
    "density",
    "density_of",
    "effective_size",
    "effective_width",
    "efficiency",
    "energy_distance",
    "event_contents",
    "event_keys",
    "exchange_sums",
    "expected_covariance",
    "expected_variances",
    "fill_from_table",
    "flavours",
    "frechet_distance",
    "gain",
    "halves_null",
    "halves_sums",
    "joint_moments",
    "kernel_distance",
    "kolmogorov_smirnov",
    "matrix_distance",
    "mean_error",
    "mean_error_at",
    "mistag_ratio",
    "paired_covariance",
    "paired_null",
    "paired_ratio",
    "plateau",
    "poisson_weights",
    "profile_moments",
    "profile_of",
    "roc_area",
    "roc_band",
    "roc_curve",
    "standardise",
    "table_events",
    "table_values",
    "transfer",
    "triangular_discriminator",
    "wasserstein",
]
