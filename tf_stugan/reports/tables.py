"""Tables as Markdown, CSV and LaTeX."""

from collections.abc import Mapping, Sequence
import math

import pandas as pd

from tf_stugan.reports import records as records_lib
from tf_stugan.reports import rows as rows_lib
from tf_stugan.training.workdir import Workdir

_ALWAYS = ('run', 'row', 'method', 'n', 'step', 'state', 'training FLOPs / dense', 'all training FLOPs / dense',
           'train minutes')


def tabulate(records: Sequence[Mapping[str, object]]) -> pd.DataFrame:
  """Returns a line a run, with a column for every key that some record has."""
  return pd.DataFrame(records, dtype=object)


def main_columns(frame: pd.DataFrame, records: Sequence[Mapping[str, object]], settings: Sequence[str] = (),
                 measured: Sequence[str] = ()) -> list[str]:
  """Returns the columns that fit a terminal: settings, first scores, cost, densities, and what was measured elsewhere."""
  scores = [column.removeprefix('best ') for column in rows_lib.score_columns(records) if column.startswith('best ')]
  shown = {*_ALWAYS, *settings, *measured, *scores, *(f'best {score}' for score in scores), 'G multiply-adds / dense'}
  first = next((c for r in records for c in r if c.endswith(' multiply-adds / dense') and r[c] != 1), None)
  columns = [c for c in frame.columns if c in {*shown, first} or c.endswith(' density')]
  return sorted(columns, key=lambda c: 0 if c in ('run', 'row', 'method', 'n', 'step', *settings) else 1 if 'best' in c or (
      c in scores) else 2)


def in_words(frame: pd.DataFrame, columns: Sequence[str], settings: Sequence[str] = ()) -> pd.DataFrame:
  """Returns the columns as texts; numbers but for settings rounded, scores with half of their interval: '18.3 ± 2.1'."""
  lines = [{c: _cell(line, c, c in settings) for c in columns} for line in frame.to_dict('records')]
  return pd.DataFrame(lines, columns=list(columns), dtype=object)


def _cell(line, column, is_exact):
  if is_exact and not _is_missing(line[column]):
    return str(line[column])
  high = line.get(f'{column} high')
  text = _text(line.get(column))
  return text if high is None or math.isnan(high) else f'{text} ± {_text(high - line[column])}'


def _is_missing(value):
  return value is None or isinstance(value, float) and math.isnan(value)


def _text(value):
  if _is_missing(value):
    return ''
  if isinstance(value, float):
    if 0 < abs(value) < 0.1:
      return f'{value:.3g}'  # of a kernel distance, say
    return f'{value:.3f}' if abs(value) < 10 else f'{value:.1f}' if abs(value) < 1e4 else f'{value:,.0f}'
  return f'{value:,}' if isinstance(value, int) and not isinstance(value, bool) else str(value)


def markdown(words: pd.DataFrame) -> str:
  """Writes texts as a table."""
  lines = [list(words.columns), ['---'] * len(words.columns), *words.to_numpy().tolist()]
  lines = [[cell.replace('|', '\\|').replace('\n', ' ') for cell in line] for line in lines]
  widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
  return ''.join('| ' + ' | '.join(map(str.ljust, line, widths)) + ' |\n' for line in lines)


def latex(words: pd.DataFrame) -> str:
  """Writes texts as a `tabular` for the package booktabs."""
  escaped = words.rename(columns=str).map(lambda text: text.replace('±', r'$\pm$') if '±' in text else text)
  numeric = [all(cell[:1] in '-0123456789' for cell in words[c]) for c in words]
  body = escaped.style.hide(axis='index').format(lambda text: _latex_text(text)).format_index(_latex_text, axis='columns')
  return body.to_latex(hrules=True, column_format=''.join('r' if is_number else 'l' for is_number in numeric))


def _latex_text(text):
  special = {'\\': r'\textbackslash{}', '~': r'\textasciitilde{}', '^': r'\textasciicircum{}',
             **{character: f'\\{character}' for character in '&%#_{}'}}
  parts = text.split(r'$\pm$')
  return r'$\pm$'.join(''.join(special.get(c, r'\$' if c == '$' else c) for c in part) for part in parts)


def comma_separated(frame: pd.DataFrame) -> str:
  """Returns all columns with all digits."""
  return frame.to_csv(index=False, lineterminator='\n')


def notes(record: Mapping[str, object]) -> str:
  """Returns what all runs of a table share, and what its words mean."""
  text = (f'Scores on {record["data"]}: {record["extractor"]}; {record["images"]} generated / real images; '
          f'{record["scored"]}.\n')
  if record.get('conditions'):
    text += f'{record["conditions"]}.\n'
  if 'convention' in record:
    text += f'Training FLOPs: {record["convention"]}.\n'
  return text + 'Density: share of the weights kept in the layers that are masked.' + (
      f' {record["players"]}.\n' if record['players'] else '\n')


ROWS_NOTE = ('A row is all runs that differ in their seeds alone: n of them, at the last step at which all were scored; '
             "means, and for scores ± half of the 95 % interval of the mean (Student's t).\n")


def curves(runs: Mapping[str, Workdir]) -> pd.DataFrame:
  """Returns all curves of all runs, a value a line. One that stays stands at its first and last step."""
  lines = [(run, name, step, value) for run, workdir in runs.items()
           for name, (steps, values) in records_lib.curves(workdir).items()
           for i, (step, value) in enumerate(zip(steps, values, strict=True))
           if i in (0, len(values) - 1) or value != values[i - 1]]
  return pd.DataFrame(lines, columns=['run', 'quantity', 'step', 'value'])
