"""Times the .tflite files of a folder in turn, on any machine with Python: pip install ai-edge-litert numpy.

  python time_files.py FOLDER > times-raspberry-pi.json

The folder is one that `benchmark_edge.py --files=FOLDER` made; `benchmark_edge.py --times` takes what this prints.
"""

import json
import os
import pathlib
import platform
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


def measure(folder: pathlib.Path, rounds: int = 25) -> dict:
  """Returns {'machine': ..., 'runtimes': {name: {file: [milliseconds]}}}, on one thread and on all cores."""
  files = [row['file'] for row in json.loads((folder / 'files.json').read_text())['files']]
  runtimes = {}
  for threads in sorted({1, os.cpu_count()}):
    name = 'Python, 1 thread' if threads == 1 else 'Python, threads'
    times = time_files([folder / file for file in files], rounds, threads)
    runtimes[name] = dict(zip(files, times.tolist(), strict=True))
  return {'machine': machine(), 'runtimes': runtimes}


if __name__ == '__main__':
  if len(sys.argv) < 2 or not (pathlib.Path(sys.argv[1]) / 'files.json').exists():
    sys.exit(__doc__)
  json.dump(measure(pathlib.Path(sys.argv[1])), sys.stdout)
