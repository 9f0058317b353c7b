"""A job's spec as the kernel's: commands, variables, names, merging, what is kept."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from events.capacity import Resources
from events.frozen import replace
from events.job import JobSpec, WorkflowOptions
from events.pod import PortSpec
from protocol.gateway import Refused
from protocol.pb.mesos.v1 import mesos_pb2 as mesos
from protocol.pb.peloton.api.v1alpha import peloton_pb2 as base
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2 as stateless
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.pb.peloton.api.v1alpha.pod.apachemesos import apachemesos_pb2
from protocol.peloton.translate.job_spec import read_create, read_job_spec
from protocol.peloton.translate.known_specs import KnownSpecs
from protocol.peloton.translate.merging import merge_pod
from protocol.peloton.translate.rules import Rules
from protocol.peloton.translate.stored_spec import StoredSpecs
from tests.protocol.peloton.fake import JOB
from tests.protocol.peloton.messages import container, create, job, label, pod

RULES = Rules(backoff_s=1, backoff_max_s=2, cluster="c1")
READ = KnownSpecs(RULES).read


def argv(spec: pod_pb2.PodSpec) -> tuple[str, ...]:
    default = read_job_spec(job(default_spec=spec), RULES).default
    assert default is not None
    return default.containers[0].command


def newer(value: str, *arguments: str) -> pod_pb2.ContainerSpec:
    return pod_pb2.ContainerSpec(entrypoint=pod_pb2.CommandSpec(value=value, arguments=arguments))


def older(**fields: object) -> pod_pb2.ContainerSpec:
    return pod_pb2.ContainerSpec(command=mesos.CommandInfo(**fields))  # type: ignore[arg-type]


def test_a_mesos_command_is_a_line_for_the_shell_unless_it_says_otherwise() -> None:
    assert argv(pod(older(value="echo $A", arguments=["ignored"]))) == ("/bin/sh", "-c", "echo $A")


def test_without_a_shell_the_first_argument_is_the_programs_own_name() -> None:
    program = older(value="/bin/echo", shell=False, arguments=["echo", "a", "b"])
    assert argv(pod(program)) == ("/bin/echo", "a", "b")
    assert argv(pod(older(value="/bin/true", shell=False))) == ("/bin/true",)


def test_an_entrypoint_is_a_program_with_arguments() -> None:
    assert argv(pod(newer("/bin/echo", "a b"))) == ("/bin/echo", "a b")
    assert argv(pod(newer("/bin/true"))) == ("/bin/true",)


def test_an_entrypoint_without_arguments_may_be_a_line_for_the_shell() -> None:
    assert argv(pod(newer("sleep 60; true"))) == ("/bin/sh", "-c", "sleep 60; true")


def test_the_mesos_settings_can_ask_for_the_shell() -> None:
    by_shell = apachemesos_pb2.PodSpec(shell=True)  # noqa: S604 - a field, not a call of a shell
    spec = pod(newer("true", "a"), mesos_spec=by_shell)
    assert argv(spec) == ("/bin/sh", "-c", "true")


def test_the_newer_form_counts_where_both_are_set() -> None:
    both = newer("/bin/new")
    both.command.value = "old"
    assert argv(pod(both)) == ("/bin/new",)


def test_variables_have_their_last_value() -> None:
    spec = container(
        environment=[
            pod_pb2.Environment(name="A", value="1"),
            pod_pb2.Environment(name="B", value="2"),
            pod_pb2.Environment(name="A", value="3"),
        ]
    )
    default = read_job_spec(job(default_spec=pod(spec)), RULES).default
    assert default is not None
    assert default.containers[0].environment == (("A", "3"), ("B", "2"))


def test_what_the_job_says_reaches_every_pod() -> None:
    spec = job(
        sla=stateless.SlaSpec(priority=4, preemptible=True, revocable=True, maximum_unavailable_instances=2),
        default_spec=pod(labels=[label("b", "2"), label("a", "1"), label("a", "1")]),
    )
    converted = read_job_spec(spec, RULES)
    default = converted.default
    assert default is not None
    assert (default.priority, default.preemptible, default.revocable) == (4, True, True)
    assert (default.backoff_s, default.backoff_max_s, default.kill_grace_s) == (1, 2, 30)
    assert default.labels == (
        ("a", "1"),
        ("b", "2"),
        ("peloton.cluster", "c1"),
        ("peloton.job_name", "web"),
        ("peloton.job_owner", "ann"),
        ("peloton.job_type", "SERVICE"),
        ("peloton.resource_pool", "/default"),
    )
    assert ("PELOTON_JOB_NAME", "web") in default.environment
    assert (converted.maximum_unavailable, converted.pool) == (2, "default")
    assert converted.labels == (("tier", "front"),)


def test_containers_keep_everything() -> None:
    spec = container(
        name="main",
        resource=pod_pb2.ResourceSpec(
            cpu_limit=0.5, mem_limit_mb=64, disk_limit_mb=10, gpu_limit=1, fd_limit=99
        ),
        ports=[
            pod_pb2.PortSpec(name="http", env_name="HTTP_PORT"),
            pod_pb2.PortSpec(name="admin", value=8080),
        ],
        container=mesos.ContainerInfo(
            type=mesos.ContainerInfo.DOCKER, docker=mesos.ContainerInfo.DockerInfo(image="img")
        ),
    )
    default = read_job_spec(job(default_spec=pod(spec, kill_grace_period_seconds=5)), RULES).default
    assert default is not None
    first = default.containers[0]
    assert first.resources == Resources(cpu=0.5, memory_mb=64, disk_mb=10, gpu=1)
    assert first.ports == (PortSpec(name="http", variable="HTTP_PORT"), PortSpec(name="admin", number=8080))
    assert (first.name, first.open_files, first.image, default.kill_grace_s) == ("main", 99, "img", 5)


def test_names_are_made_up_where_there_are_none() -> None:
    spec = pod(
        container(), container(name="container-0"), container(), init_containers=[container(), container()]
    )
    default = read_job_spec(job(default_spec=spec), RULES).default
    assert default is not None
    assert [it.name for it in default.containers] == ["container-1", "container-0", "container-2"]
    assert [it.name for it in default.init_containers] == ["init-0", "init-1"]


def test_the_request_becomes_a_command() -> None:
    options = stateless.CreateSpec(
        batch_size=2, max_instance_retries=3, max_tolerable_instance_failures=4, start_paused=True
    )
    command = read_create(
        create(job(), create_spec=options, opaque_data=base.OpaqueData(data="o")), JOB, READ
    )
    assert (command.job, command.opaque) == (JOB, "o")
    assert command.options == WorkflowOptions(
        batch_size=2, max_instance_retries=3, max_tolerable_failures=4, start_paused=True
    )


def test_the_spec_is_kept_as_given_without_revision_and_with_retries_cut() -> None:
    many = pod_pb2.RestartPolicy(max_failures=500)
    spec = job(
        revision=base.Revision(version=9),
        default_spec=pod(restart_policy=many),
        instance_spec={1: pod(restart_policy=many)},
    )
    stored = StoredSpecs().of(read_job_spec(spec, RULES))
    assert not stored.HasField("revision")
    assert stored.default_spec.restart_policy.max_failures == 100
    assert stored.instance_spec[1].restart_policy.max_failures == 100
    assert spec.default_spec.restart_policy.max_failures == 500
    assert not stored.instance_spec[1].HasField("mesos_spec")


@given(st.text(max_size=40), st.text(max_size=40), st.integers(min_value=0, max_value=5))
def test_what_was_sent_is_what_is_read_back(name: str, owner: str, count: int) -> None:
    spec = job(name=name.replace("\0", ""), owner=owner.replace("\0", ""), instance_count=count)
    assert StoredSpecs().of(read_job_spec(spec, RULES)) == spec


def test_equal_instances_share_one_spec() -> None:
    spec = job(instance_count=50, instance_spec={i: pod(labels=[label("x", str(i % 2))]) for i in range(50)})
    converted = read_job_spec(spec, RULES)
    assert len({id(own) for _, own in converted.instances}) == 2
    assert [instance for instance, _ in converted.instances] == list(range(50))


@given(st.integers(0, 4), st.sets(st.integers(0, 6)), st.booleans())
def test_specs_of_instances_that_there_are_not_change_nothing(
    count: int,
    own: set[int],
    has_default: bool,  # noqa: FBT001 - one of several
) -> None:
    default = pod() if has_default else None

    def read(instances: Iterable[int]) -> JobSpec | str:
        specs = {each: pod(kill_grace_period_seconds=each + 1) for each in instances}
        spec = job(instance_count=count, default_spec=default, instance_spec=specs)
        try:
            found = read_job_spec(spec, RULES)
        except Refused as error:
            return error.rejection.field
        assert StoredSpecs().of(found) == spec
        return replace(found, attachments=())

    assert read(own) == read(each for each in own if each < count)


# ---------------------------------------------------------------- merging


def test_what_an_instance_sets_replaces_the_whole_value() -> None:
    default = pod(
        container("a", resource=pod_pb2.ResourceSpec(cpu_limit=1, mem_limit_mb=5)),
        labels=[label("a", "1")],
        kill_grace_period_seconds=7,
        revocable=True,
    )
    own = pod_pb2.PodSpec(containers=[pod_pb2.ContainerSpec(resource=pod_pb2.ResourceSpec(disk_limit_mb=3))])
    merged = merge_pod(default, own)
    assert merged.containers[0].resource == pod_pb2.ResourceSpec(disk_limit_mb=3)
    assert merged.containers[0].command.value == "a"
    assert (merged.kill_grace_period_seconds, merged.revocable) == (7, False)
    assert [it.key for it in merged.labels] == ["a"]


def test_containers_that_an_instance_does_not_mention_stay() -> None:
    default = pod(container("a", name="a"), container("b", name="b"))
    merged = merge_pod(default, pod_pb2.PodSpec(containers=[container("x")]))
    assert [(it.name, it.command.value) for it in merged.containers] == [("a", "x"), ("b", "b")]
    grown = merge_pod(pod(container("a")), pod(container("x"), container("y")))
    assert [it.command.value for it in grown.containers] == ["x", "y"]


def test_an_instance_that_uses_the_other_spelling_wins() -> None:
    default = pod_pb2.PodSpec(
        containers=[
            pod_pb2.ContainerSpec(
                entrypoint=pod_pb2.CommandSpec(value="/bin/default"),
                environment=[pod_pb2.Environment(name="A", value="1")],
                image="new",
            )
        ]
    )
    own = pod_pb2.PodSpec(containers=[older(value="mine")])
    merged = merge_pod(default, own).containers[0]
    assert not merged.HasField("entrypoint")
    assert merged.command.value == "mine"
    assert [it.name for it in merged.environment] == ["A"]
    assert merged.image == "new"


def test_an_empty_instance_is_the_default_but_for_truth_values() -> None:
    default = pod(container("a"), controller=True, kill_grace_period_seconds=3)
    merged = merge_pod(default, pod_pb2.PodSpec())
    assert not merged.controller
    merged.controller = True
    assert merged == default


def test_an_instance_over_no_default_is_itself() -> None:
    own = pod(container("a"), controller=True, init_containers=[container("i")])
    assert merge_pod(pod_pb2.PodSpec(), own) == own
