"""Fixtures of tests/support/tiny_gate.py for a device under test."""

from tiny_gate import bundle as bundle
from tiny_gate import contents as contents
from tiny_gate import engine as engine
from tiny_gate import golden as golden
from tiny_gate import manifest as manifest
from tiny_gate import model as model
from tiny_gate import thresholds as thresholds
from tiny_gate import words as words
