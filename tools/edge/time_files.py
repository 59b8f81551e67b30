"""Times the .tflite files of a folder in turn, on any machine with Python: pip install ai-edge-litert numpy.

  python time_files.py FOLDER > times-raspberry-pi.json

The folder is one that `benchmark_edge.py --files=FOLDER` made; `benchmark_edge.py --times` takes what this prints.
"""

import json
import os
import pathlib
import platform
import subprocess
import sys
import time

from ai_edge_litert.interpreter import Interpreter
import numpy as np

_FEATURES = ('avx2', 'avx512f', 'avx512_vnni', 'avx512_bf16', 'amx_bf16', 'asimd', 'asimddp', 'i8mm', 'sve')


def machine() -> str:
  """Names the processor, its number of cores, and which vector instructions it has."""
  info = pathlib.Path('/proc/cpuinfo')
  lines = dict(line.split(':', 1) for line in info.read_text().splitlines() if ':' in line) if info.exists() else {}
  found = {name.strip(): value.split() for name, value in lines.items()}
  features = [f for f in _FEATURES if f in found.get('flags', found.get('Features', ()))]
  return ', '.join([' '.join(found.get('model name', [platform.machine()])), f'{os.cpu_count()} cores', *features])


def time_files(paths, rounds: int, threads: int) -> np.ndarray:
  """Returns milliseconds of a call [files, rounds]: all files in turn in each round, after two rounds to warm up."""
  interpreters = [Interpreter(str(path), num_threads=threads) for path in paths]
  for interpreter in interpreters:
    interpreter.allocate_tensors()
    for source in interpreter.get_input_details():
      interpreter.set_tensor(source['index'], np.ones(source['shape'], source['dtype']))
  times = np.zeros([len(interpreters), rounds + 2])
  for i in range(times.shape[1]):
    for j, interpreter in enumerate(interpreters):
      start = time.perf_counter()
      interpreter.invoke()
      times[j, i] = 1000 * (time.perf_counter() - start)
  return times[:, 2:]


def load(path) -> dict:
  """Returns what a file costs before its first image is there: {'ms': ..., 'MiB': resident memory}. For a fresh process."""
  before, start = _resident(), time.perf_counter()
  interpreter = Interpreter(str(path), num_threads=1)
  interpreter.allocate_tensors()
  for source in interpreter.get_input_details():
    interpreter.set_tensor(source['index'], np.ones(source['shape'], source['dtype']))
  interpreter.invoke()
  return {'ms': 1000 * (time.perf_counter() - start), 'MiB': _resident() - before}


def _resident():
  """Returns the megabytes (2^20) that this process holds in memory; 0 where the system does not tell."""
  pages = pathlib.Path('/proc/self/statm')
  return int(pages.read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20 if pages.exists() else 0


def _load_apart(path):
  done = subprocess.run([sys.executable, __file__, '--load', path], check=True, capture_output=True, text=True)
  return json.loads(done.stdout.splitlines()[-1])


def measure(folder: pathlib.Path, rounds: int = 25) -> dict:
  """Returns {'machine': ..., 'runtimes': {name: {file: [milliseconds]}}, 'loading': ...}, on one thread and on all cores.

  'loading' has what `load` returns for each file, {name: {file: {'ms': ..., 'MiB': ...}}}, on one thread.
  """
  files = [row['file'] for row in json.loads((folder / 'files.json').read_text())['files']]
  runtimes = {}
  for threads in sorted({1, os.cpu_count()}):
    name = 'Python, 1 thread' if threads == 1 else 'Python, threads'
    times = time_files([folder / file for file in files], rounds, threads)
    runtimes[name] = dict(zip(files, times.tolist(), strict=True))
  loading = {'Python, 1 thread': {file: _load_apart(folder / file) for file in files}}
  return {'machine': machine(), 'runtimes': runtimes, 'loading': loading}


if __name__ == '__main__':
  if sys.argv[1:2] == ['--load']:
    sys.exit(json.dump(load(sys.argv[2]), sys.stdout))
  if len(sys.argv) < 2 or not (pathlib.Path(sys.argv[1]) / 'files.json').exists():
    sys.exit(__doc__)
  json.dump(measure(pathlib.Path(sys.argv[1])), sys.stdout)
