"""Figures of comparisons: what is drawn, by the numbers."""

import pandas as pd

from tf_stugan.reports import verdict_figures

STEPS = (10, 20)
# By row and seed, the scores at these steps.
SCORES = {('a', 1): (9.0, 5.0), ('a', 2): (8.0, 6.0), ('b', 1): (5.0, 6.0), ('b', 2): (6.0, 6.5), ('c', 1): (7.0, 1.0),
          ('d', 1): (3.0, 4.0), ('d', 3): (3.0, 4.0), ('short', 1): (7.0,)}


def tables(*comparisons):
  """comparisons.csv, report.csv and curves.csv of a report with these runs; scores of steps lie behind another quantity."""
  judged = pd.DataFrame([
      {'comparison': name, 'row': row, 'against': other, 'score': score, 'better': 'lower', 'n': 3, 'difference': -1.0,
       'difference low': -2.0, 'difference high': 0.5, 'verdict': 'undecided so far'}
      for score in ('FCD', 'CS') for name, *pairs in comparisons
      for row, other in [*pairs, *([('all', 'all')] if len(pairs) > 1 else [])]])
  runs = pd.DataFrame([{'run': f'{row}_s{seed}', 'row': row, 'seed': seed} for row, seed in SCORES])
  curves = pd.DataFrame([{'run': f'{row}_s{seed}', 'quantity': name, 'step': step, 'value': factor * value}
                         for name, factor in (('cs', 100), ('fcd', 1)) for (row, seed), values in SCORES.items()
                         for step, value in zip(STEPS, values, strict=False)])
  return judged, runs, curves


def test_differences_are_between_equal_seeds_and_steps_and_of_several_pairs_their_means():
  found = dict(verdict_figures.differences(*tables(
      ('one', ('a', 'b')), ('both', ('a', 'b'), ('c', 'd')), ('other steps', ('a', 'short'))), 'FCD'))
  assert {name: frame.to_dict('list') for name, frame in found.items()} == {
      'one': {1: [4.0, -1.0], 2: [2.0, -0.5]}, 'both': {1: [(4.0 + 4.0) / 2, (-1.0 - 3.0) / 2], 2: [2.0, -0.5]}}
  assert list(found['one'].index) == list(STEPS)


def test_runs_that_have_not_ended_take_no_part():
  judged, runs, curves = tables(('one', ('a', 'b')))
  runs = runs.assign(state=['done' if run != 'b_s2' else 'unfinished' for run in runs['run']])
  (_, frame), = verdict_figures.differences(judged, runs, curves, 'FCD')
  assert frame.to_dict('list') == {1: [4.0, -1.0]}


def test_what_cannot_be_compared_is_not_drawn(tmp_path):
  judged, runs, curves = tables(('one', ('a', 'b')))
  assert verdict_figures.draw(judged, runs, curves, tmp_path) == ['comparisons', 'comparisons_by_step']
  assert {path.name for path in tmp_path.iterdir()} == {
      'comparisons.png', 'comparisons.pdf', 'comparisons_by_step.png', 'comparisons_by_step.pdf'}
  assert verdict_figures.draw(*tables(('one', ('a', 'short'))), tmp_path) == ['comparisons']
  assert verdict_figures.draw(judged.assign(n=0), runs, curves, tmp_path) == []
