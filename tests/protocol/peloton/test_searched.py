"""Every text that a client writes in a job's spec can be searched, and nothing else."""

from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings

from protocol.pb.peloton.api.v1alpha import peloton_pb2
from protocol.pb.peloton.api.v1alpha.job.stateless import stateless_pb2
from protocol.pb.peloton.api.v1alpha.pod import pod_pb2
from protocol.peloton.translate.searched import texts_of
from tests.protocol.peloton.messages import container, job, label, pod
from tests.protocol.peloton.test_any_message import messages


def test_all_texts_and_nothing_else() -> None:
    spec = job(
        name="web",
        description="of the shop",
        ldap_groups=["staff", "guests"],
        respool_id=peloton_pb2.ResourcePoolID(value="default"),
        default_spec=pod(container("serve --all", name="main"), labels=[label("zone", "b")]),
        instance_spec={2: pod(container("lead", name="first"), revocable=True)},
        sla=stateless_pb2.SlaSpec(priority=7),
    )
    spec.default_spec.containers[0].ports.append(pod_pb2.PortSpec(name="http", value=80))
    of_job = {"web", "ann", "team", "of the shop", "staff", "guests", "default", "tier", "front"}
    of_pods = {"serve --all", "main", "zone", "b", "http", "lead", "first"}
    assert sorted(texts_of(spec.SerializeToString())) == sorted(of_job | of_pods)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(messages(stateless_pb2.JobSpec.DESCRIPTOR))
def test_any_spec_has_texts(spec: Message) -> None:
    assert all(isinstance(text, str) for text in texts_of(spec.SerializePartialToString()))
