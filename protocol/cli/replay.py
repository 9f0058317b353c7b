"""`polyplane replay`: a journal folded with today's code, event by event, offline.

1. Nothing is written anywhere, and no server is asked.
2. Exit code 0: everything folds and every rule is kept; 1: something is wrong; 2: there is no
   journal that could be read, or the flags are wrong.
3. As JSON, a line is an event, a finding of the end, or, last, the summary; with `--check` one
   document says it all.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from events.journal import UnreadableJournal
from protocol.cli.connection import Failed
from protocol.cli.exits import Exit
from protocol.cli.output import Output
from protocol.cli.printing import print_json, print_line
from protocol.cli.rewind import as_change, spell_difference
from protocol.inspect.replay.replayer import Finding, Replayer, Step
from protocol.inspect.replay.source import Source
from protocol.inspect.translate.requests import ENTITY
from protocol.inspect.translate.spelling import spell
from protocol.trees import Difference, Tree, differences
from protocol.vocabulary import ENTITIES, journal_codec


def replay(data: Path, output: Output, *, entity: str, is_stepped: bool, is_check: bool) -> Exit:
    """Fold the journal of a data directory, and say what is wrong with it."""
    if entity and not ENTITY.match(entity):
        raise Failed(Exit.USAGE, f"{entity}: must be <kind>/<id>, such as job/ID")
    try:
        with Source.open(data, journal_codec()) as source:
            replayer = Replayer(source.decoder, ENTITIES, is_whole=not entity)
            findings: list[Finding] = []
            for row in source.rows(entity):
                step = replayer.take(row)
                findings += step.findings
                if not is_check:
                    print_step(step, output)
                    if is_stepped and sys.stdin is not None and sys.stdin.isatty():
                        sys.stdin.readline()
            in_the_end = list(replayer.end())
            findings += in_the_end
    except UnreadableJournal as error:
        raise Failed(Exit.USAGE, str(error)) from None
    if entity and not replayer.count:
        raise Failed(Exit.USAGE, f"{entity}: the journal has no such entity")
    summary: dict[str, Tree] = {
        "events": replayer.count,
        "streams": replayer.streams,
        "head": source.head,
        "journal": source.identity,
    }
    if output is Output.JSON:
        if is_check:
            print_json({**summary, "findings": [as_finding(it) for it in findings]})
        else:
            for finding in in_the_end:
                print_json({"finding": as_finding(finding)}, is_line=True)
            print_json({"summary": {**summary, "findings": len(findings)}}, is_line=True)
    else:
        for finding in findings if is_check else in_the_end:
            print_line(spell_finding(finding))
        print_line(f"{replayer.count} events of {replayer.streams} entities, {len(findings)} findings")
    return Exit.FAILED if findings else Exit.OK


def print_step(step: Step, output: Output) -> None:
    """Print an event with what it changed and what is wrong with it."""
    revision, stream, version, topic, _ = step.row
    changes = list(changes_of(step))
    envelope = None if step.recorded is None else step.recorded.envelope
    if output is Output.JSON:
        document: dict[str, object] = {
            "revision": revision,
            "entity": stream,
            "version": version,
            "topic": topic,
            "envelope": None if envelope is None else spell(envelope).tree,
            "changes": [as_change(it) for it in changes],
            "findings": [as_finding(it) for it in step.findings],
        }
        print_json(document, is_line=True)
        return
    line = f"{revision}  {stream}  v{version}  {topic}"
    if envelope is not None:
        time = spell_moment(envelope.at)
        by = f"{envelope.principal}/{envelope.origin}" if envelope.origin else envelope.principal
        cause = f"  because of {envelope.cause}" if envelope.cause else ""
        line = f"{line}  {time}  {by}{cause}"
    print_line(line)
    for change in changes:
        print_line(f"    {spell_difference(change)}")
    for finding in step.findings:
        print_line(spell_finding(finding))


def spell_moment(at: int) -> str:
    """Spell microseconds since the epoch, as they stand where no calendar has them."""
    try:
        return datetime.fromtimestamp(at / 1_000_000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return f"{at} µs"


def changes_of(step: Step) -> Iterator[Difference]:
    """Yield what an event changed in the state of its entity."""
    if step.after is step.before:
        return
    if step.before is None:
        tree = spell(step.after).tree
        for key, value in tree.items() if isinstance(tree, dict) else ():
            yield Difference(key, None, value, is_added=True)
        return
    yield from differences(spell(step.before).tree, spell(step.after).tree)


def as_finding(finding: Finding) -> dict[str, Tree]:
    """Return a finding as a JSON document."""
    return dict(zip(finding._fields, finding, strict=True))


def spell_finding(finding: Finding) -> str:
    """Spell a finding in a line."""
    where = f"revision {finding.revision}, {finding.stream} v{finding.version} {finding.topic}"
    return f"! {finding.rule}: {where if finding.revision else finding.stream}: {finding.detail}"
