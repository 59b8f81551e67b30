"""Whether one row beats another: differences of runs of equal seed, their mean, its 95 % interval, and what follows."""

from collections.abc import Collection, Mapping, Sequence
import math
import statistics
from typing import NamedTuple

import pandas as pd

from tf_stugan.reports import intervals
from tf_stugan.reports import records
from tf_stugan.reports import rows as rows_lib

NOTE = ('Row minus the row that it is compared with, by seed, at the last step of each: mean ± half of its 95 % interval '
        "(Student's t). 'yes': the row is better in the whole interval; 'no': worse in all of it; 'undecided': neither. Of "
        "several pairs ('all') the mean of each seed that has all of them counts, once.\n"
        "'so far': planned runs are not done. FLOPs: training cost of the row over that of the other.\n")
TOGETHER = 'all'  # the row of a line of several pairs
COUNTED = ('', 'done')  # states of runs that have come to their end, or of which nobody said otherwise


class Comparison(NamedTuple):
  """What is asked: whether the first row of each pair beats the second.

  Attributes:
    name: what would be true.
    pairs: of rows. Differences that one seed has in several pairs share its initial weights, masks and data: their mean
      counts, once.
  """

  name: str
  pairs: Sequence[Sequence[str]]


def judge(comparisons: Sequence[Comparison], rows: Sequence[rows_lib.Row], planned: Mapping[str, Collection[str]],
          lower_is_better: Mapping[str, bool]) -> pd.DataFrame:
  """Returns a line for each comparison and score, and before it, if it has several pairs, one for each of them.

  Args:
    comparisons: what is asked.
    rows: of runs that can be compared.
    planned: seeds that a row is to have, by row; the runs that there are, for others.
    lower_is_better: by column of a score.
  """
  known = {row.name: row for row in rows}
  lines = []
  for score, is_lower in lower_is_better.items():
    for comparison in comparisons:
      pairs = [_differences(known, row, other, score) for row, other in comparison.pairs]
      seeds = [set(planned.get(row, found)) & set(planned.get(other, found))
               for (row, other), found in zip(comparison.pairs, pairs, strict=True)]
      said = [(row, other, found, asked, [(row, other)])
              for (row, other), found, asked in zip(comparison.pairs, pairs, seeds, strict=True)]
      whole = TOGETHER, TOGETHER, _means_by_seed(pairs, seeds), set().union(*seeds), comparison.pairs
      is_whole = all(seeds)  # no pair is one of another study, or without any run
      for row, other, found, asked, costs in [*said, *([whole] if len(said) > 1 else [])]:
        lines.append({'comparison': comparison.name, 'row': row, 'against': other, 'score': score,
                      'better': 'lower' if is_lower else 'higher',
                      **_line(list(found.values()), len(asked), is_lower, is_whole or row != TOGETHER),
                      'FLOPs': _cost(known, costs)})
  return pd.DataFrame(lines, dtype=object)


def _line(values, planned, is_lower, is_whole):
  low, high = intervals.interval(values)
  mean = statistics.fmean(values) if values else float('nan')
  return {'n': len(values), 'planned': planned, 'difference': mean, 'difference low': low, 'difference high': high,
          'verdict': _verdict(low, high, len(values), is_lower, is_whole and len(values) >= planned)}


def _verdict(low, high, count, is_lower, is_whole):
  if not count:
    return 'not run'
  better, worse = (high < 0, low > 0) if is_lower else (low > 0, high < 0)  # never true of NaN, the interval of one run
  return ('yes' if better else 'no' if worse else 'undecided') + ('' if is_whole else ' so far')


def _differences(known, row, other, score):
  """Returns the differences of the runs of two rows by seed."""
  first, second = (_values(known[name], score) if name in known else {} for name in (row, other))
  return {seed: first[seed] - second[seed] for seed in first if seed in second}


def _means_by_seed(pairs, planned):
  """Returns the mean difference of each seed that has those of all pairs that are to have it."""
  every = dict.fromkeys(seed for found in pairs for seed in found)
  wanted = {seed: [found for found, seeds in zip(pairs, planned, strict=True) if seed in seeds] for seed in every}
  return {seed: statistics.fmean(found[seed] for found in those) for seed, those in wanted.items()
          if those and all(seed in found for found in those)}


def _values(row, score):
  return {run.seed: record[score] for run, record in zip(row.runs, row.records, strict=True)
          if run.seed and run.state in COUNTED and not math.isnan(record.get(score, math.nan))}


def _cost(known, pairs):
  """Returns the mean of the ratios of training costs, as far as runs have told them."""
  costs = {row.name: [record[records.COST] for record in row.records if records.COST in record] for row in known.values()}
  found = [statistics.fmean(costs[row]) / statistics.fmean(costs[other]) for row, other in pairs
           if costs.get(row) and costs.get(other)]
  return statistics.fmean(found) if found else float('nan')
