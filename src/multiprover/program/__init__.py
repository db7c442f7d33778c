"""The program: the typed IR that a transition traces to, its encoding and its reference interpreter."""

from multiprover.program.ir import Code, Field, Kind, Map, Op, Port, Program, ProgramError
from multiprover.program.merge import trace

__all__ = ["Code", "Field", "Kind", "Map", "Op", "Port", "Program", "ProgramError", "trace"]
