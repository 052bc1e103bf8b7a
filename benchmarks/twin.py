"""The C++ twin of ``twin.cpp``: compiled where there is a compiler, and shown to do the same.

It is the limit to measure against: what a compiler makes of the flow's work alone, without the
rules that the flow never uses. Before it is timed, its events are compared with the engine's, byte
by byte.
"""

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import venue
from benchmarks.common import processor_seconds
from benchmarks.flow import START_TICK, PRICE_UNITS_PER_TICK, Flow
from seawall.domain import codes
from seawall.domain.enums import CommandKind
from seawall.domain.system_accounts import FIRST_USER
from seawall.engine.engine import Engine
from seawall.engine.tables import account_at, command_dtype, event_dtype

SOURCE = Path(__file__).with_name("twin.cpp")
FLAGS = ("-O3", "-march=native", "-shared", "-fPIC")
EVENTS_A_MESSAGE = 64
