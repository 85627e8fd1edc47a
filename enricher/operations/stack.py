"""Read what a deployed stack consists of: its routes, their queues and topics, and its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from enricher.operations.aws import Aws, OperationFailed, confirmed
from enricher.settings import DESTINATIONS, FORMATS, OCSF_VERSIONS, Needs

#: The stack's name in samconfig.toml.
DEFAULT_STACK = "guardduty-attack-enricher"

#: The lowest severity that passes a minimum severity, as the parameters name it.
MINIMUM_SEVERITIES = {"ALL": 0, "MEDIUM": 4, "HIGH": 7, "CRITICAL": 9}

#: The routes by the name that they have in logs and metrics, with the prefix of their resources.
ROUTES = {"siem": "Siem", "security-hub": "SecurityHub", "notification": "Notification"}
#: The queue of the events that EventBridge could not deliver, as `redrive --queue` names it.
EVENTBRIDGE = "eventbridge"


@dataclass(frozen=True, slots=True)
class Route:
    """One route of a stack. mode: value of its parameter ("on", "annotate", "text"; "off").

    topic_arn: "" for Security Hub; format: of its messages, as settings.FORMATS names it.
    """

    name: str
    mode: str
    queue_url: str
    queue_arn: str
    dead_letter_url: str
    topic_arn: str
    format: str

    @property
    def is_on(self) -> bool:
        """Whether a function reads the route's queue."""
        return self.mode != "off"

    @property
    def needs(self) -> Needs:
        """What the route's destination needs; the route must be on."""
        return DESTINATIONS["sns" if self.topic_arn else f"security-hub-{self.mode}"]


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployed stack: its outputs and its parameters with their values."""

    name: str
    region: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]

    def route(self, name: str) -> Route:
        """Return a route; raise OperationFailed if the stack has no such output: it is too old."""
        prefix = ROUTES[name]
        topic = f"{prefix}TopicArn"
        mode = self.parameters.get(f"{prefix}Route", "off")
        return Route(
            name=name,
            mode=mode,
            queue_url=self.output(f"{prefix}QueueUrl"),
            queue_arn=self.output(f"{prefix}QueueArn"),
            dead_letter_url=self.output(f"{prefix}DeadLetterQueueUrl"),
            topic_arn=self.output(topic) if name != "security-hub" else "",
            format=mode if mode in FORMATS else self.parameters.get("SiemFormat", "guardduty"),
        )

    def output(self, name: str) -> str:
        """Return an output; raise OperationFailed if the stack does not have it."""
        if name not in self.outputs:
            raise OperationFailed(
                f"stack {self.name} in {self.region} has no output {name}: check --stack, or deploy the "
                "current template"
            )
        return self.outputs[name]

    @property
    def ocsf_version(self) -> str:
        """The OCSF version of the SIEM route."""
        return self.parameters.get("OcsfVersion", OCSF_VERSIONS[0])


def read_stack(aws: Aws, name: str) -> Stack:
    """Return the stack of a name; raise OperationFailed if there is none or it is not deployed."""
    from botocore.exceptions import ClientError

    try:
        answer = aws.client("cloudformation").describe_stacks(StackName=name)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ValidationError":
            raise
        message = f"no stack {name} in {aws.region}: check --stack, --region and --profile"
        raise OperationFailed(message) from None
    found = confirmed(answer, "Stacks")[0]
    return Stack(
        name=name,
        region=aws.region,
        outputs={row["OutputKey"]: row["OutputValue"] for row in found.get("Outputs", [])},
        parameters={row["ParameterKey"]: row["ParameterValue"] for row in found.get("Parameters", [])},
    )
