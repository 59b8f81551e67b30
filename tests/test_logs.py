"""Where the project's own lines go."""

import logging
import sys

from tf_stugan import logs


def test_a_line_is_told_once_with_its_time_whatever_libraries_set_up(capsys, monkeypatch):
  ours, root = logging.getLogger('tf_stugan'), logging.getLogger()
  monkeypatch.setattr(ours, 'handlers', [])
  monkeypatch.setattr(ours, 'propagate', True)
  monkeypatch.setattr(root, 'handlers', [logging.StreamHandler(sys.stderr)])  # as logging.basicConfig() of a library does
  logs.set_up()
  logging.getLogger('tf_stugan.data').info('read 5 images')
  assert capsys.readouterr().err[9:] == 'read 5 images\n'
