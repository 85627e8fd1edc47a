"""The one table of resource kinds: headline, text, ECS, OCSF and ASFF all read it."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """One kind of resource.

    name: its CloudFormation type if there is one; asff: its type in ASFF; sequence: its `resourceType` in an
    attack sequence; block: path under `resource` of an object or a list of objects, "" if only sequences have
    it; uid, label: keys of the id or ARN and of the name; types: values of `resource.resourceType` for it.
    """

    name: str
    asff: str = "Other"
    sequence: str = ""
    block: str = ""
    uid: str = ""
    label: str = ""
    types: tuple[str, ...] = ()


KINDS = (
    Kind(
        "AWS::EC2::Instance",
        "AwsEc2Instance",
        "EC2_INSTANCE",
        "instanceDetails",
        "instanceId",
        "",
        ("Instance",),
    ),
    Kind(
        "AWS::IAM::AccessKey",
        "AwsIamAccessKey",
        "ACCESS_KEY",
        "accessKeyDetails",
        "accessKeyId",
        "userName",
        ("AccessKey",),
    ),
    Kind(
        "AWS::S3::Bucket",
        "AwsS3Bucket",
        "S3_BUCKET",
        "s3BucketDetails",
        "arn",
        "name",
        ("S3Bucket", "S3Object"),
    ),
    Kind("AWS::S3::Object", "AwsS3Object", "S3_OBJECT"),
    Kind(
        "AWS::EKS::Cluster",
        "AwsEksCluster",
        "EKS_CLUSTER",
        "eksClusterDetails",
        "arn",
        "name",
        ("EKSCluster", "KubernetesCluster"),
    ),
    Kind(
        "Kubernetes workload",
        "Other",
        "KUBERNETES_WORKLOAD",
        "kubernetesDetails.kubernetesWorkloadDetails",
        "uid",
        "name",
    ),
    Kind(
        "AWS::ECS::Cluster",
        "AwsEcsCluster",
        "ECS_CLUSTER",
        "ecsClusterDetails",
        "arn",
        "name",
        ("ECSCluster",),
    ),
    Kind("AWS::ECS::Task", "AwsEcsTask", "ECS_TASK", "ecsClusterDetails.taskDetails", "arn"),
    Kind("Container", "Container", "CONTAINER", "containerDetails", "id", "name", ("Container",)),
    Kind(
        "AWS::Lambda::Function",
        "AwsLambdaFunction",
        "",
        "lambdaDetails",
        "functionArn",
        "functionName",
        ("Lambda",),
    ),
    Kind(
        "AWS::RDS::DBInstance",
        "AwsRdsDbInstance",
        "",
        "rdsDbInstanceDetails",
        "dbInstanceArn",
        "dbInstanceIdentifier",
        ("RDSDBInstance",),
    ),
    Kind(
        "AWS::RDS::DBShardGroup",
        "Other",
        "",
        "rdsLimitlessDbDetails",
        "dbShardGroupArn",
        "dbShardGroupIdentifier",
        ("RDSLimitlessDB",),
    ),
    Kind("AWS::EC2::Snapshot", "Other", "", "ebsSnapshotDetails", "snapshotArn", "", ("EBSSnapshot",)),
    Kind("AWS::EC2::Image", "Other", "EC2_IMAGE", "ec2ImageDetails", "imageArn", "", ("EC2Image", "AMI")),
    Kind(
        "AWS::Backup::RecoveryPoint",
        "Other",
        "",
        "recoveryPointDetails",
        "recoveryPointArn",
        "backupVaultName",
    ),
    Kind("AWS::Bedrock::Guardrail", "Other", "BEDROCK_GUARDRAIL", "bedrockGuardrailDetails", "guardrailArn"),
    Kind("Bedrock model", "Other", "", "modelDetails", "modelId"),
    Kind("AWS::EC2::Volume", "AwsEc2Volume", "", "ebsVolumeDetails.scannedVolumeDetails", "volumeArn"),
    Kind("AWS::EC2::NetworkInterface", "AwsEc2NetworkInterface", "EC2_NETWORK_INTERFACE"),
    Kind("AWS::EC2::VPC", "AwsEc2Vpc", "EC2_VPC"),
    Kind("AWS::EC2::LaunchTemplate", "AwsEc2LaunchTemplate", "EC2_LAUNCH_TEMPLATE"),
    Kind(
        "AWS::AutoScaling::AutoScalingGroup",
        "AwsAutoScalingAutoScalingGroup",
        "AUTOSCALING_AUTO_SCALING_GROUP",
    ),
    Kind("AWS::IAM::InstanceProfile", "Other", "IAM_INSTANCE_PROFILE"),
    Kind("AWS::CloudFormation::Stack", "AwsCloudFormationStack", "CLOUDFORMATION_STACK"),
    Kind("AWS::Bedrock::ApplicationInferenceProfile", "Other", "BEDROCK_APPLICATION_INFERENCE_PROFILE"),
    Kind("AWS::Bedrock::Prompt", "Other", "BEDROCK_PROMPT"),
    Kind("AWS::SageMaker::Endpoint", "Other", "SAGEMAKER_ENDPOINT"),
)
#: Member of `resource` -> the kinds whose blocks it holds, each with its place in KINDS.
BY_MEMBER: dict[str, list[tuple[int, Kind]]] = {}
for _place, _kind in enumerate(KINDS):
    if _kind.block:
        BY_MEMBER.setdefault(_kind.block.partition(".")[0], []).append((_place, _kind))
#: Value of `resource.resourceType` -> names of the kinds that it stands for.
BY_TYPE = {
    stated: frozenset(kind.name for kind in KINDS if stated in kind.types)
    for it in KINDS
    for stated in it.types
}
#: `resourceType` in an attack sequence -> its kind.
BY_SEQUENCE = {kind.sequence: kind for kind in KINDS if kind.sequence}
BY_NAME = {kind.name: kind for kind in KINDS}
