"""What somebody sees who watches a study."""

import io
import json

import rich.console

from tf_stugan.studies import display
from tf_stugan.studies import plan as plans
from tf_stugan.studies.folder import Folder
from tf_stugan.studies.folder import Outcome


def write_rows(folder, name, *rows):
  path = plans.workdir(folder, name) / 'metrics.jsonl'
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(''.join(json.dumps(row) + '\n' for row in rows))
  return path


def test_one_table_tells_what_runs_what_is_done_and_how_long_it_takes(tmp_path, monkeypatch):
  now = [0.0]
  monkeypatch.setattr(display.time, 'monotonic', lambda: now[0])
  runs = [plans.Run(name, name, 1, {}, [], [], 'static', 100, computed=10.0) for name in 'abcd']
  write_rows(tmp_path, 'b', {'kind': 'train', 'step': 20})
  console = rich.console.Console(file=io.StringIO(), width=100)
  with display.Display(Folder(tmp_path), runs, {'a': Outcome('done', 0)}, console) as shown:
    now[0] = 60.0
    write_rows(tmp_path, 'b', {'kind': 'evaluation', 'step': 50, 'fcd': 12.34567, 'better': {'fcd': 'lower'}},
               {'kind': 'train', 'step': 70})
    shown.ended(runs[2], Outcome('failed', 3, 'no data'))
    console.print(shown.picture({'b': None}, [runs[3]]))
  lines = [line.strip() for line in console.file.getvalue().splitlines()]
  assert lines[1].split() == ['b', 'static', '70', '/', '100', 'FCD', '12.35']
  # 1.5 runs of work in a minute, 1.3 runs left
  assert lines[-1] == '4 runs: 1 running, 1 waiting, 1 done, 1 failed; ETA 0:00:52'


def test_of_a_run_of_stages_the_one_that_is_trained_is_shown_and_those_before_count(tmp_path, monkeypatch):
  now = [0.0]
  monkeypatch.setattr(display.time, 'monotonic', lambda: now[0])
  run = plans.Run('a', 'a', 1, {}, [], [], 'late rewinding', 300, computed=30.0,
                  stages={'dense': (0, 100), 'round-01': (20, 120), 'round-02': (20, 120)})
  console = rich.console.Console(file=io.StringIO(), width=100)
  with display.Display(Folder(tmp_path), [run], {}, console) as shown:
    now[0] = 60.0
    write_rows(tmp_path, 'a/dense', {'kind': 'train', 'step': 100})
    write_rows(tmp_path, 'a/round-01', {'kind': 'train', 'step': 70})
    console.print(shown.picture({'a': None}, []))
  lines = [line.strip() for line in console.file.getvalue().splitlines()]
  assert lines[1].split() == ['a', 'late', 'rewinding', 'round-01', '70', '/', '120']
  assert lines[-1] == '1 runs: 1 running; ETA 0:01:00'  # 150 of 300 steps in a minute


def test_the_end_of_a_long_file_that_is_being_written(tmp_path):
  path = write_rows(tmp_path, 'a', *({'kind': 'train', 'step': i, 'filler': 'x' * 100} for i in range(2000)))
  with open(path, 'a') as file:
    file.write('{"kind": "train", "st')
  assert display.last_rows(path) == (1999, '')
  assert display.last_rows(tmp_path / 'nothing') == (0, '')
