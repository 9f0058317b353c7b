"""Watches: filters to selectors, changes to messages.

1. A filter for pods counts alone when both are set; none at all is refused, an empty one is all.
2. The first message carries the watch's id and what the filter names in vain; later ones carry
   neither, so that watchers with equal selectors share their bytes.
"""

from dataclasses import dataclass, field
from typing import cast

from projections.jobs import JobView
from projections.pods import PodView
from projections.view import View
from projections.watch.selector import Kind, Selector
from projections.watch.subscription import Encoder
from protocol.pb.peloton.api.v1alpha import peloton_pb2
from protocol.pb.peloton.api.v1alpha.watch import watch_pb2
from protocol.pb.peloton.api.v1alpha.watch.svc import watch_svc_pb2
from protocol.peloton.translate.bounds import check_labels
from protocol.peloton.translate.ids import job_id, job_stream, read_job_id, read_pod_name
from protocol.peloton.translate.job_status import spell_job_summary
from protocol.peloton.translate.pod_status import spell_pod_summary
from protocol.peloton.translate.refusal import invalid
from protocol.peloton.translate.stored_spec import StoredSpecs

MAX_IDS = 10_000


@dataclass(frozen=True, slots=True)
class Filter:
    """What a watch is about, and what its filter names."""

    selector: Selector
    jobs: tuple[str, ...] = ()
    """Jobs by id, each once, in the client's order."""
    pods: tuple[str, ...] = ()


@dataclass(slots=True)
class Unknown:
    """What a filter names and nobody knows."""

    jobs: list[str] = field(default_factory=list)
    pods: list[str] = field(default_factory=list)


def read_filter(request: watch_svc_pb2.WatchRequest) -> Filter:
    """Return what a watch is about."""
    if request.HasField("pod_filter"):
        return _read_pods(request.pod_filter)
    if request.HasField("stateless_job_filter"):
        return _read_jobs(request.stateless_job_filter)
    raise invalid("stateless_job_filter", "must be set, or pod_filter")


def spell_start(watch: int, revision: int, unknown: Unknown) -> watch_svc_pb2.WatchResponse:
    """Spell the first message of a watch."""
    return watch_svc_pb2.WatchResponse(
        watch_id=watch,
        revision=revision,
        stateless_jobs_not_found=[job_id(job) for job in unknown.jobs],
        pods_not_found=[peloton_pb2.PodName(value=pod) for pod in unknown.pods],
    )


def job_encoder(specs: StoredSpecs) -> Encoder:
    """Return what spells changes of jobs."""

    def encode(revision: int, views: tuple[View, ...]) -> bytes:
        jobs = cast("tuple[JobView, ...]", views)
        return watch_svc_pb2.WatchResponse(
            revision=revision, stateless_jobs=[spell_job_summary(job, specs) for job in jobs]
        ).SerializeToString()

    return encode


def encode_pods(revision: int, views: tuple[View, ...]) -> bytes:
    """Spell changes of pods."""
    pods = cast("tuple[PodView, ...]", views)
    return watch_svc_pb2.WatchResponse(
        revision=revision, pods=[spell_pod_summary(pod) for pod in pods]
    ).SerializeToString()


def _read_pods(message: watch_pb2.PodFilter) -> Filter:
    path = "pod_filter"
    if len(message.pod_names) > MAX_IDS:
        raise invalid(f"{path}.pod_names", f"must be at most {MAX_IDS}")
    job = read_job_id(message.job_id, f"{path}.job_id") if message.job_id.value else ""
    pods = tuple(
        dict.fromkeys(
            read_pod_name(name, f"{path}.pod_names[{place}]").id
            for place, name in enumerate(message.pod_names)
        )
    )
    selector = Selector(
        kind=Kind.POD,
        ids=frozenset(pods),
        owner=job_stream(job) if job else "",
        labels=check_labels(message.labels, f"{path}.labels"),
    )
    return Filter(selector, jobs=(job,) if job else (), pods=pods)


def _read_jobs(message: watch_pb2.StatelessJobFilter) -> Filter:
    path = "stateless_job_filter"
    if len(message.job_ids) > MAX_IDS:
        raise invalid(f"{path}.job_ids", f"must be at most {MAX_IDS}")
    jobs = tuple(
        dict.fromkeys(
            read_job_id(job, f"{path}.job_ids[{place}]") for place, job in enumerate(message.job_ids)
        )
    )
    labels = check_labels(message.labels, f"{path}.labels")
    return Filter(Selector(kind=Kind.JOB, ids=frozenset(jobs), labels=labels), jobs=jobs)
