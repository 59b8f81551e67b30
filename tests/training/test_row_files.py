from tf_stugan.training import row_files


def test_rows_past_the_restored_step_are_cut(tmp_path):
  path = tmp_path / 'metrics.jsonl'
  path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"ste')
  assert row_files.read(path) == [{'step': 1}, {'step': 2}, {'step': 3}]
  row_files.truncate(path, 2)
  assert path.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_a_row_after_a_line_that_was_cut_off_is_not_lost(tmp_path):
  path = tmp_path / 'evaluations.jsonl'
  row_files.append(path, {'step': 1})
  with open(path, 'a') as file:
    file.write('{"ste')
  row_files.append(path, {'step': 3})
  row_files.append(path, {'step': 4})
  assert row_files.read(path) == [{'step': 1}, {'step': 3}, {'step': 4}]
