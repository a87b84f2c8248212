locals {
  state_arn = "arn:${var.partition}:s3:::${var.state_bucket}"
}

data "aws_iam_policy_document" "plan" {
  source_policy_documents = [data.aws_iam_policy_document.no_data.json]

  statement {
    sid       = "ReadState"
    actions   = ["s3:GetObject", "s3:ListBucket"]
    resources = [local.state_arn, "${local.state_arn}/*"]
  }
}

# ReadOnlyAccess would read records, decisions and logs, and who applies could change them. They are for people and tasks,
# and for no workflow.
data "aws_iam_policy_document" "no_data" {
  statement {
    sid           = "NoObjects"
    effect        = "Deny"
    actions       = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject", "s3:GetObjectAttributes", "s3:GetObjectVersion", "s3:PutObject"]
    not_resources = ["${local.state_arn}/*"]
  }

  statement {
    sid    = "NoSecretsLogsAndMessages"
    effect = "Deny"
    actions = [
      "ecs:ExecuteCommand", "elasticfilesystem:Client*", "logs:FilterLogEvents", "logs:GetLogEvents", "logs:GetLogRecord", "logs:GetQueryResults",
      "logs:StartLiveTail", "logs:StartQuery", "logs:Unmask", "rds-data:*", "rds-db:connect", "rds:DownloadCompleteDBLogFile",
      "rds:DownloadDBLogFilePortion", "secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue", "secretsmanager:PutResourcePolicy", "secretsmanager:PutSecretValue",
      "secretsmanager:ReplicateSecretToRegions", "secretsmanager:UpdateSecret", "secretsmanager:UpdateSecretVersionStage", "sqs:ReceiveMessage",
    ]
    resources = ["*"]
  }
}
