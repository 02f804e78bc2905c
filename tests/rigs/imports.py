"""What a command imports."""

import subprocess
import sys

from places import ROOT

_PROGRAM = """
import sys, runpy
sys.argv = ['apim-bridge', *sys.argv[1:]]
try:
    runpy.run_module('bridge', run_name='__main__')
except SystemExit:
    pass
print('\\n' + ' '.join(sys.modules))
"""


def imported(*arguments: str) -> set[str]:
    """Return the modules that a command has imported when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.splitlines()[-1].split())
