"""Where data rest: encrypted, private, versioned, backed up, and kept no longer than is said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.infra.terraform.account import NUMBER, REGION, Account
from tests.infra.terraform.deployment import NAME, Deployment

PURPOSES = ("artifacts", "data", "decisions", "logs", "releases")


@pytest.fixture(scope="module")
def key(account: Account) -> str:
    """The ARN of the deployment's own key."""
    aliases = account.everything("kms", "list_aliases", "Aliases")
    (own,) = [alias for alias in aliases if alias["AliasName"] == f"alias/{NAME}"]
    found: str = account.client("kms").describe_key(KeyId=own["TargetKeyId"])["KeyMetadata"]["Arn"]
    return found


def test_there_are_the_buckets_that_the_outputs_name(deployed: Deployment) -> None:
    buckets = deployed.terraform.outputs()["buckets"]
    assert sorted(buckets) == sorted(PURPOSES)
    listed = deployed.account.everything("s3", "list_buckets", "Buckets")
    assert set(buckets.values()) <= {bucket["Name"] for bucket in listed}


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_bucket_can_never_be_public_and_has_one_owner(account: Account, purpose: str) -> None:
    s3 = account.client("s3")
    block = s3.get_public_access_block(Bucket=_bucket(purpose))["PublicAccessBlockConfiguration"]
    assert len(block) == 4
    assert all(block.values())
    rules = s3.get_bucket_ownership_controls(Bucket=_bucket(purpose))["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_bucket_is_asked_over_tls_alone(account: Account, purpose: str) -> None:
    policy = json.loads(account.client("s3").get_bucket_policy(Bucket=_bucket(purpose))["Policy"])
    denials = [item for item in policy["Statement"] if item["Effect"] == "Deny"]
    over_plain = [item for item in denials if item["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}]
    assert over_plain, policy
    arn = f"arn:aws:s3:::{_bucket(purpose)}"
    assert over_plain[0]["Action"] == "s3:*"
    assert sorted(over_plain[0]["Resource"]) == [arn, f"{arn}/*"]
    assert over_plain[0]["Principal"] in ("*", {"AWS": "*"})


def test_nobody_but_a_service_of_aws_is_let_into_a_bucket_by_its_policy(account: Account) -> None:
    for purpose in PURPOSES:
        policy = json.loads(account.client("s3").get_bucket_policy(Bucket=_bucket(purpose))["Policy"])
        for statement in policy["Statement"]:
            if statement["Effect"] == "Allow":
                assert purpose == "logs", statement
                assert set(statement["Principal"]) == {"Service"}, statement
                assert statement["Action"] == "s3:PutObject", statement
                assert NUMBER in json.dumps(statement), statement


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_bucket_keeps_versions_and_ends_old_ones(account: Account, purpose: str) -> None:
    s3 = account.client("s3")
    assert s3.get_bucket_versioning(Bucket=_bucket(purpose))["Status"] == "Enabled"
    rules = s3.get_bucket_lifecycle_configuration(Bucket=_bucket(purpose))["Rules"]
    assert {rule["Status"] for rule in rules} == {"Enabled"}
    assert any("NoncurrentVersionExpiration" in rule for rule in rules)
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)
    # Of what is current only access logs go by themselves: decisions and models are evidence.
    assert any("Expiration" in rule for rule in rules) == (purpose == "logs")


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_bucket_is_encrypted_with_the_key_and_its_use_is_logged(
    account: Account, purpose: str, key: str
) -> None:
    s3 = account.client("s3")
    (rule,) = s3.get_bucket_encryption(Bucket=_bucket(purpose))["ServerSideEncryptionConfiguration"]["Rules"]
    how = rule["ApplyServerSideEncryptionByDefault"]
    if purpose == "logs":
        # Load balancers deliver to no bucket with a key of one's own.
        assert how == {"SSEAlgorithm": "AES256"}
    else:
        assert (how["SSEAlgorithm"], how["KMSMasterKeyID"]) == ("aws:kms", key)
        logged = s3.get_bucket_logging(Bucket=_bucket(purpose))["LoggingEnabled"]
        assert logged["TargetBucket"] == _bucket("logs")


def test_the_key_is_renewed_every_year_and_lets_services_use_it_for_this_account_alone(
    account: Account, key: str
) -> None:
    kms = account.client("kms")
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    for statement in policy["Statement"]:
        principal = statement["Principal"]
        assert principal != "*", statement
        if principal == {"AWS": f"arn:aws:iam::{NUMBER}:root"}:
            continue
        assert set(principal) == {"Service"}, statement
        assert "kms:*" not in statement["Action"], statement
        # EventBridge hands no source on to a key, so that a condition would keep every event away.
        if principal["Service"] != "events.amazonaws.com":
            assert NUMBER in json.dumps(statement["Condition"]), statement


def test_events_of_failed_jobs_get_past_the_key_of_the_topic(account: Account, key: str) -> None:
    policy = json.loads(account.client("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    unconditional = [item for item in policy["Statement"] if "Condition" not in item]
    assert any("events.amazonaws.com" in json.dumps(item["Principal"]) for item in unconditional)


def test_the_database_is_encrypted_private_backed_up_and_hard_to_delete(account: Account, key: str) -> None:
    (cluster,) = account.everything("rds", "describe_db_clusters", "DBClusters")
    assert (cluster["StorageEncrypted"], cluster["KmsKeyId"]) == (True, key)
    assert cluster["DeletionProtection"]
    assert cluster["BackupRetentionPeriod"] >= 7
    assert cluster["CopyTagsToSnapshot"]
    assert cluster["EnabledCloudwatchLogsExports"] == ["postgresql"]
    assert cluster["ServerlessV2ScalingConfiguration"]["MinCapacity"] >= 0.5
    instances = account.everything("rds", "describe_db_instances", "DBInstances")
    assert len(instances) == 2
    assert not any(instance["PubliclyAccessible"] for instance in instances)


def test_the_password_of_the_database_is_made_and_kept_by_aws(account: Account, key: str) -> None:
    (cluster,) = account.everything("rds", "describe_db_clusters", "DBClusters")
    secret = cluster["MasterUserSecret"]
    assert secret["KmsKeyId"] in key
    assert secret["SecretArn"].startswith(f"arn:aws:secretsmanager:{REGION}:{NUMBER}:secret:")


def test_the_database_speaks_tls_alone_and_writes_no_record_into_its_log(account: Account) -> None:
    parameters = account.everything(
        "rds", "describe_db_cluster_parameters", "Parameters", DBClusterParameterGroupName=NAME
    )
    chosen = {item["ParameterName"]: item["ParameterValue"] for item in parameters}
    assert chosen["rds.force_ssl"] == "1"
    assert chosen["log_parameter_max_length"] == chosen["log_parameter_max_length_on_error"] == "0"


def test_files_of_the_jobs_are_encrypted_backed_up_and_each_use_case_has_its_own(
    account: Account, key: str
) -> None:
    efs = account.client("efs")
    (system,) = efs.describe_file_systems()["FileSystems"]
    assert (system["Encrypted"], system["KmsKeyId"]) == (True, key)
    backed_up = efs.describe_backup_policy(FileSystemId=system["FileSystemId"])["BackupPolicy"]["Status"]
    assert backed_up == "ENABLED"
    points = efs.describe_access_points(FileSystemId=system["FileSystemId"])["AccessPoints"]
    assert {point["RootDirectory"]["Path"] for point in points} == {"/credit_risk", "/german_credit"}
    for point in points:
        assert (point["PosixUser"]["Uid"], point["RootDirectory"]["CreationInfo"]["Permissions"]) == (
            10001,
            "0700",
        )
    policy = json.loads(efs.describe_file_system_policy(FileSystemId=system["FileSystemId"])["Policy"])
    denials = [item for item in policy["Statement"] if item["Effect"] == "Deny"]
    assert [item["Condition"] for item in denials] == [{"Bool": {"aws:SecureTransport": "false"}}]


def test_images_cannot_be_replaced_and_are_scanned_and_encrypted(account: Account, key: str) -> None:
    repositories = account.everything("ecr", "describe_repositories", "repositories")
    assert {repository["repositoryName"] for repository in repositories} == {
        "aval/credit_risk",
        "aval/german_credit",
        "aval/train",
    }
    for repository in repositories:
        assert repository["imageTagMutability"] == "IMMUTABLE"
        assert repository["imageScanningConfiguration"]["scanOnPush"]
        assert repository["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": key}


def test_every_log_has_an_end_and_the_key(account: Account, key: str) -> None:
    groups = account.everything("logs", "describe_log_groups", "logGroups")
    assert len(groups) >= 7
    assert {(group["retentionInDays"], group["kmsKeyId"]) for group in groups} == {(365, key)}


def test_secrets_topics_and_queues_have_the_key(account: Account, key: str) -> None:
    secrets = account.everything("secretsmanager", "list_secrets", "SecretList")
    own = [secret for secret in secrets if secret["Name"].startswith(f"{NAME}/")]
    assert {secret["Name"] for secret in own} == {
        f"{NAME}/{u}/api-keys" for u in ("credit_risk", "german_credit")
    }
    assert {secret["KmsKeyId"] for secret in own} == {key}
    sns = account.client("sns")
    for topic in account.everything("sns", "list_topics", "Topics"):
        assert sns.get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"]["KmsMasterKeyId"] == key
    sqs = account.client("sqs")
    for url in account.everything("sqs", "list_queues", "QueueUrls"):
        found: dict[str, Any] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert found.get("KmsMasterKeyId") == key or found.get("SqsManagedSseEnabled") == "true"


def _bucket(purpose: str) -> str:
    return f"{NAME}-{purpose}-{NUMBER}-{REGION}"
