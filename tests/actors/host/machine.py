"""A host against a model that remembers what was declared last."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.host import ENTITY, TRANSITIONS, HostState
from actors.host.commands import DeclareHost, WithdrawHost
from actors.host.state import STEADY
from actors.kernel.decider import Code, Decision
from events.capacity import Resources
from events.host import HostPhase, HostSpec
from tests.actors.subject import Subject

SMALL = HostSpec(capacity=Resources(cpu=1), ports=(31000, 31009))
LARGE = HostSpec(capacity=Resources(cpu=64), ports=(31000, 31009))


def subject() -> Subject[HostState]:
    return Subject(ENTITY, "host/h", lambda state: state.phase, TRANSITIONS, STEADY)


class HostMachine(RuleBasedStateMachine):
    """Random declarations and withdrawals."""

    taken: set[tuple[object, str, object]] = set()  # noqa: RUF012 - shared by all runs on purpose

    def __init__(self) -> None:
        super().__init__()
        self.host = subject()
        self.spec: HostSpec | None = None
        self.phase = HostPhase.UP

    @rule(spec=st.sampled_from([SMALL, LARGE]))
    def declare(self, spec: HostSpec) -> None:
        self.host.decided(DeclareHost(name="h", spec=spec))
        self.spec, self.phase = spec, HostPhase.UP
        assert self.host.decided(DeclareHost(name="h", spec=spec)) == Decision()

    @rule()
    def withdraw(self) -> None:
        if self.spec is None:
            assert self.host.refused(WithdrawHost()).code is Code.NOT_FOUND
            return
        self.host.decided(WithdrawHost())
        self.phase = HostPhase.DOWN
        assert self.host.decided(WithdrawHost()) == Decision()

    @invariant()
    def is_what_was_declared(self) -> None:
        self.host.check_fold()
        if self.spec is not None:
            assert self.host.state is not None
            assert (self.host.state.spec, self.host.state.phase) == (self.spec, self.phase)

    def teardown(self) -> None:
        HostMachine.taken |= self.host.edges
