"""Fixtures of tests/support/tiny_gate.py and user_desk.py for every test of the edge."""

from tiny_gate import board as board
from tiny_gate import bundle as bundle
from tiny_gate import contents as contents
from tiny_gate import default_becomes as default_becomes
from tiny_gate import engine as engine
from tiny_gate import features_model as features_model
from tiny_gate import golden as golden
from tiny_gate import manifest as manifest
from tiny_gate import model as model
from tiny_gate import oracle as oracle
from tiny_gate import rule as rule
from tiny_gate import thresholds as thresholds
from tiny_gate import ticking as ticking
from tiny_gate import words as words
from user_desk import enrolled as enrolled
from user_desk import networks as networks
from user_desk import pin_file as pin_file
from user_desk import writes as writes
