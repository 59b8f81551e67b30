"""docs/design.md shows the structure as it is."""

import pathlib

ROOT = pathlib.Path(__file__).parents[1]


def test_the_drawing_is_that_of_the_imports(monkeypatch):
  monkeypatch.syspath_prepend(str(ROOT / 'tools'))
  import draw_structure
  assert draw_structure.draw() in draw_structure.DOCUMENT.read_text()
  arrows = draw_structure.reduce_arrows(draw_structure.find_imports())
  assert ('commands', 'procedures') in arrows and ('commands', 'sparsity') not in arrows


def test_arrows_that_follow_from_others_are_left_out(monkeypatch):
  monkeypatch.syspath_prepend(str(ROOT / 'tools'))
  import draw_structure
  imports = {'a': {'b', 'c'}, 'b': {'c'}, 'c': set()}
  assert draw_structure.reduce_arrows(imports) == [('a', 'b'), ('b', 'c')]
