"""A toy entity: an account that is paid into, pays others, opens children and rings at a time.

1. It does everything that the kernel offers to entities, and nothing else.
2. What it does for a tag it does once: a caller who was not answered may try again.
3. Commands beginning with `Break` have the bugs that real entities are not to have.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from actors.kernel.decider import ArmTimer, Code, Context, Decision, Entity, Opening, Outcome, Rejection, Send
from events.frozen import frozen, replace

# ---------------------------------------------------------------- events


@frozen(kw_only=False)
class Opened:
    funds: int


@frozen(kw_only=False)
class Moved:
    amount: int
    tag: str = ""


@frozen(kw_only=False)
class Paid:
    to: tuple[str, ...]
    amount: int
    tag: str = ""


@frozen(kw_only=False)
class Armed:
    key: str
    due_at: int


@frozen(kw_only=False)
class Rang:
    key: str


@frozen(kw_only=False)
class Noted:
    text: str


@frozen(kw_only=False)
class Cursed:
    """No account can evolve by it."""


@frozen(kw_only=False)
class Closed:
    pass


# ---------------------------------------------------------------- state and results


@frozen(kw_only=False)
class Account:
    balance: int
    tags: tuple[str, ...] = ()
    armed: tuple[tuple[str, int], ...] = ()
    rung: tuple[str, ...] = ()
    is_closed: bool = False


@frozen(kw_only=False)
class Balance:
    amount: int


@frozen(kw_only=False)
class Unknown:
    """No codec knows it."""


TOPICS: Mapping[str, type] = MappingProxyType(
    {
        "account.opened:1": Opened,
        "account.moved:1": Moved,
        "account.paid:1": Paid,
        "account.armed:1": Armed,
        "account.rang:1": Rang,
        "account.noted:1": Noted,
        "account.cursed:1": Cursed,
        "account.closed:1": Closed,
        "account.state:1": Account,
        "account.balance:1": Balance,
    }
)

# ---------------------------------------------------------------- commands


@frozen(kw_only=False)
class Open:
    funds: int = 0


@frozen(kw_only=False)
class Move:
    amount: int
    tag: str = ""
    times: int = 1


@frozen(kw_only=False)
class Pay:
    to: tuple[str, ...]
    amount: int
    tag: str = ""


@frozen(kw_only=False)
class Fork:
    children: tuple[str, ...]
    funds: int = 0
    after: int = 0


@frozen(kw_only=False)
class Arm:
    key: str
    due_at: int


@frozen(kw_only=False)
class Ring:
    key: str


@frozen(kw_only=False)
class Note:
    text: str


@frozen(kw_only=False)
class Look:
    """Changes nothing and tells the balance."""


@frozen(kw_only=False)
class Close:
    pass


@frozen(kw_only=False)
class BreakDecide:
    pass


@frozen(kw_only=False)
class BreakEvolve:
    pass


@frozen(kw_only=False)
class BreakResult:
    pass


@frozen(kw_only=False)
class BreakEvent:
    pass


@frozen(kw_only=False)
class Show:
    """An effect: something outside is shown a text."""

    text: str


POOR = Rejection(Code.WRONG_STATE, "the balance does not allow it")
ABSENT = Rejection(Code.NOT_FOUND, "there is no such account")


def decide(state: Account | None, command: object, context: Context) -> Outcome:
    del context
    if isinstance(command, Open):
        return Decision(events=(Opened(command.funds),)) if state is None else Decision()
    if isinstance(command, Fork):
        openings = tuple(
            Opening(child, (Opened(command.funds),), command.after) for child in command.children
        )
        return Decision(events=(Moved(0),), opens=openings, result=Balance(len(openings)))
    if state is None:
        return Decision() if isinstance(command, Close) else ABSENT
    match command:
        case Move(tag=tag) | Pay(tag=tag) if tag and tag in state.tags:
            return Decision(result=Balance(state.balance))
        case Move(amount, tag, times):
            if state.balance + amount * times < 0:
                return POOR
            return Decision(
                events=(Moved(amount, tag),) * times, result=Balance(state.balance + amount * times)
            )
        case Pay(to, amount, tag):
            return Decision(events=(Paid(to, amount, tag),), result=Balance(state.balance - amount * len(to)))
        case Arm(key, due_at):
            return Decision(events=(Armed(key, due_at),))
        case Ring(key):
            return Decision(events=(Rang(key),)) if key in dict(state.armed) else Decision()
        case Note(text):
            return Decision(events=(Noted(text),))
        case Look():
            return Decision(result=Balance(state.balance))
        case Close():
            return Decision(events=(Closed(),))
        case BreakEvolve():
            return Decision(events=(Moved(1), Cursed()))
        case BreakResult():
            return Decision(events=(Moved(1),), result=Unknown())
        case BreakEvent():
            return Decision(events=(Moved(1), Unknown()))
        case _:
            raise RuntimeError(f"no account knows {command}")


def evolve(state: Account | None, stream: str, event: object) -> Account:
    del stream
    if isinstance(event, Opened):
        return Account(event.funds)
    if state is None:
        state = Account(0)
    match event:
        case Moved(amount, tag):
            return replace(state, balance=state.balance + amount, tags=state.tags + ((tag,) if tag else ()))
        case Paid(to, amount, tag):
            balance = state.balance - amount * len(to)
            return replace(state, balance=balance, tags=state.tags + ((tag,) if tag else ()))
        case Armed(key, due_at):
            armed = {**dict(state.armed), key: due_at}
            return replace(state, armed=tuple(sorted(armed.items())))
        case Rang(key):
            armed = {known: due_at for known, due_at in state.armed if known != key}
            return replace(state, armed=tuple(armed.items()), rung=(*state.rung, key))
        case Closed():
            return replace(state, is_closed=True)
        case Noted() | Unknown():
            return state
        case _:
            raise RuntimeError(f"no account can evolve by {event}")


def react(state: Account, event: object) -> Sequence[object]:
    del state
    match event:
        case Paid(to, amount):
            return [Send(stream, Move(amount)) for stream in to]
        case Armed(key, due_at):
            return (ArmTimer(key, due_at, Ring(key)),)
        case Noted(text):
            return (Show(text),)
        case Opened() | Moved() | Rang() | Cursed() | Closed() | Unknown():
            return ()
        case _:
            raise RuntimeError(f"no account reacts to {event}")


def outstanding(state: Account) -> Sequence[object]:
    return [ArmTimer(key, due_at, Ring(key)) for key, due_at in state.armed]


ACCOUNT: Entity[Account] = Entity(
    name="account",
    decide=decide,
    evolve=evolve,
    react=react,
    outstanding=outstanding,
    is_finished=lambda state: state.is_closed,
    snapshot_schema=1,
)
