"""What the page of a report does in a browser."""

import pandas as pd

from tests import browser
from tf_stugan.reports import page

pytestmark = browser.needs_browser
_CLICK = "document.querySelectorAll('th')[{}].click();"
_READ = "[...document.querySelectorAll('tbody tr')].map(row => row.cells[0].textContent).join(' ')"


def test_a_click_on_a_title_sorts_by_number_or_by_text_and_another_one_turns_it_round(tmp_path):
  words = pd.DataFrame({'run': ['b', 'a', 'd', 'c'], 'FCD': ['10.5 ± 3.0', '9.25', '', '1,000']})
  file = tmp_path / 'report.html'
  file.write_text(page.make('x', [page.Table('Runs', words, '')], [], []))
  orders = {}
  for clicks in ([1], [1, 1], [0], [0, 0]):
    expression = f'(() => {{{"".join(map(_CLICK.format, clicks))} return {_READ};}})()'
    orders[tuple(clicks)], console = browser.evaluate(file.as_uri(), 'document.readyState === "complete"', expression)
    assert console == []
  assert orders == {(1,): 'a b c d', (1, 1): 'c b a d', (0,): 'a b c d', (0, 0): 'd c b a'}
