"""Views as rows: the columns that are asked for, and the body from which a view is rebuilt.

1. A row is written whole, from the view alone; equal views are equal rows.
2. The body of a live job is without its maps by instance: they may have 100 000 entries, change
   with each report, and are in memory while the job lives. `with_instances` puts them back.
3. What keywords are looked for in is the job's spec, folded to one case: as its façade has it in an
   attachment, if that façade says how to read it, else as the kernel has it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from events.attachment import Attachment
from events.frozen import EMPTY, replace
from events.job import JobSpec
from events.pod import PodSpec
from projections.jobs import ENDED, JobView
from projections.pods import PodView
from projections.tasks import TaskView
from projections.view import is_over
from projections.workers import WorkerView


class Encoder(Protocol):
    """The half of the codec that writes."""

    def encode(self, event: object) -> tuple[str, bytes]:
        """Return topic and body."""


Row = tuple[str | int | bytes, ...]

Texts = Mapping[str, Callable[[bytes], Iterable[str]]]
"""By kind of attachment: gives the texts of its body."""

REMEMBERED_SPECS = 1_024
"""Specs of jobs of which the folded texts are remembered."""
SMALL = 4_096
"""Bytes of an attachment whose texts are remembered for all jobs that have an equal one."""

JOB_COLUMNS = (
    "id",
    "revision",
    "created_at",
    "ended_at",
    "name",
    "owner",
    "phase",
    "instance_count",
    "pool",
    "keywords",
    "body",
)
POD_COLUMNS = (
    "id",
    "revision",
    "owner",
    "instance",
    "phase",
    "is_over",
    "goal",
    "run_at",
    "started_at",
    "host",
    "message",
    "name",
    "reason",
    "body",
)

TASK_COLUMNS = ("id", "revision", "worker", "principal", "phase", "queued_at", "ended_at", "body")
WORKER_COLUMNS = ("id", "revision", "body")


class Rows:
    """Makes rows. One thread at a time.

    Args:
        codec: Writes bodies; knows `projections.view.TOPICS`.
        texts: Reads attachments.
    """

    def __init__(self, codec: Encoder, texts: Texts) -> None:
        self._codec = codec
        self._texts = texts
        self._keywords: dict[int | Attachment, tuple[JobSpec, str]] = {}
        """By what is searched if that is small, which jobs of one template share; else by `id` of the spec.

        A spec is kept along, so that its id names nothing else meanwhile.
        """

    def pod(self, view: PodView) -> Row:
        """Return the values of `POD_COLUMNS`."""
        return (
            view.id,
            view.revision,
            view.owner,
            view.instance,
            view.phase.value,
            int(is_over(view)),
            view.goal.value,
            view.run_at,
            view.started_at,
            view.host,
            view.message,
            view.name,
            reason_of(view),
            self._codec.encode(view)[1],
        )

    def job(self, view: JobView) -> Row:
        """Return the values of `JOB_COLUMNS`."""
        return (
            view.id,
            view.revision,
            view.created_at,
            view.ended_at,
            view.spec.name,
            view.spec.owner,
            view.phase.value,
            view.spec.instance_count,
            view.spec.pool,
            self._keywords_of(view.spec),
            self._codec.encode(stored_form(view))[1],
        )

    def task(self, view: TaskView) -> Row:
        """Return the values of `TASK_COLUMNS`."""
        return (
            view.id,
            view.revision,
            view.worker,
            view.principal,
            view.phase.value,
            view.queued_at,
            view.ended_at,
            self._codec.encode(view)[1],
        )

    def worker(self, view: WorkerView) -> Row:
        """Return the values of `WORKER_COLUMNS`."""
        return view.id, view.revision, self._codec.encode(view)[1]

    def _keywords_of(self, spec: JobSpec) -> str:
        searched = next((one for one in spec.attachments if one.kind in self._texts), None)
        key = id(spec) if searched is None or len(searched.body) > SMALL else searched
        known = self._keywords.get(key)
        if known is not None:
            return known[1]
        if len(self._keywords) >= REMEMBERED_SPECS:
            self._keywords.clear()
        text = keywords_of(spec, self._texts)
        self._keywords[key] = (spec, text)
        return text


def keywords_of(spec: JobSpec, texts: Texts) -> str:
    """Return all texts of a job's spec, one on a line, folded to one case."""
    for attachment in spec.attachments:
        if (read := texts.get(attachment.kind)) is not None:
            return "\n".join(read(attachment.body)).casefold()
    return "\n".join(_texts(spec)).casefold()


def reason_of(view: PodView) -> str:
    """Return the text by which pods are ordered by reason."""
    return view.end_reason.value if view.end_reason is not None else ""


def stored_form(view: JobView) -> JobView:
    """Return the view as a row keeps it: a job that is live loses its maps by instance."""
    if view.phase in ENDED:
        return view
    workflows = tuple(
        replace(workflow, in_flight=EMPTY, instance_changes=EMPTY) if workflow.instance_changes else workflow
        for workflow in view.workflows
    )
    return replace(view, reports=EMPTY, workflows=workflows)


def with_instances(stored: JobView, known: JobView | None) -> JobView:
    """Return what a row keeps with the maps by instance that are known of the job now."""
    if known is None or stored.phase in ENDED:
        return stored
    if known.revision == stored.revision:
        return known
    known_of = {workflow.ordinal: workflow for workflow in known.workflows}
    workflows = tuple(
        replace(
            workflow,
            in_flight=known_of.get(workflow.ordinal, workflow).in_flight,
            instance_changes=known_of.get(workflow.ordinal, workflow).instance_changes,
        )
        for workflow in stored.workflows
    )
    return replace(stored, reports=known.reports, workflows=workflows)


def _texts(spec: JobSpec) -> Iterator[str]:
    yield from (spec.name, spec.owner, spec.pool)
    for label in spec.labels:
        yield from label
    pods = dict.fromkeys(pod for _, pod in spec.instances)
    for pod in (*([] if spec.default is None else [spec.default]), *pods):
        yield from _texts_of_pod(pod)


def _texts_of_pod(spec: PodSpec) -> Iterator[str]:
    for pair in (*spec.labels, *spec.environment):
        yield from pair
    for container in (*spec.init_containers, *spec.containers):
        yield from (container.name, container.image, *container.command)
        for pair in container.environment:
            yield from pair
