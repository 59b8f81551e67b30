"""How far a mean over seeds may be off."""

from collections.abc import Sequence

import pandas as pd
from scipy import stats

LEVEL = 0.95  # of every interval; reports say so in words
FEWEST_SEEDS = 3  # that an interval is drawn of: of two it is 12.7 standard errors wide, and hides all else


def interval(values: Sequence[float]) -> tuple[float, float]:
  """Returns the ends of the interval of a mean by Student's t; NaN, NaN of fewer than two values."""
  values = pd.Series(values, dtype=float).dropna()  # of runs that have no such score
  half = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * values.sem() if len(values) > 1 else float('nan')
  return float(values.mean() - half), float(values.mean() + half)
