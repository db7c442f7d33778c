from multiprover.soundness.determinism.normal import Normal, Table
from multiprover.soundness.determinism.systems import Form
class Curve:
    def __init__(self, normal: Normal) -> None: ...
    def quotient(self, f: Form, o: Form, out: Form) -> bool: return False
    def denominator(self, f: Form) -> bool: return False
    def table(self, t: Table) -> None: ...
