# The most that any role made here can do, whatever its policy says: who deploys writes policies, and could otherwise
# write one for itself.
resource "aws_iam_policy" "this" {
  name        = "${var.name}-boundary"
  description = "The most that roles of ${var.name} can do"
  policy      = data.aws_iam_policy_document.this.json
}

locals {
  here = "${var.region}:${var.account_id}"
}

data "aws_iam_policy_document" "this" {
  #checkov:skip=CKV_AWS_111:a bound gives nothing; roles name their resources
  #checkov:skip=CKV_AWS_356:a bound gives nothing; roles name their resources
  statement {
    sid = "WhatKnowsNoName"
    actions = [
      "cloudwatch:PutMetricData", "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetAuthorizationToken", "ecr:GetDownloadUrlForLayer",
      "elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups",
      "logs:DescribeLogStreams", "logs:GetLogEvents", "logs:PutLogEvents", "logs:PutRetentionPolicy",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "Objects"
    actions   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:ListMultipartUploadParts", "s3:PutObject"]
    resources = ["arn:${var.partition}:s3:::${var.name}-*"]
  }

  statement {
    sid     = "SecretsKeyAndMessages"
    actions = ["kms:Decrypt", "kms:GenerateDataKey", "secretsmanager:GetSecretValue", "sns:Publish", "sqs:SendMessage"]
    resources = [
      var.key_arn,
      "arn:${var.partition}:secretsmanager:${local.here}:secret:${var.name}/*",
      "arn:${var.partition}:secretsmanager:${local.here}:secret:rds!cluster-*",
      "arn:${var.partition}:sns:${local.here}:${var.name}-*",
      "arn:${var.partition}:sqs:${local.here}:${var.name}-*",
    ]
  }

  statement {
    sid       = "Jobs"
    actions   = ["ecs:RunTask", "ecs:TagResource"]
    resources = ["arn:${var.partition}:ecs:${local.here}:task-definition/${var.name}-*", "arn:${var.partition}:ecs:${local.here}:task/${var.name}/*"]
  }

  statement {
    sid       = "HandOverRoles"
    actions   = ["iam:PassRole"]
    resources = ["arn:${var.partition}:iam::${var.account_id}:role/${var.name}-*"]
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}
