locals {
  role_arn = "arn:${var.partition}:iam::${var.account_id}:role"
}

data "aws_iam_policy_document" "apply" {
  #checkov:skip=CKV_AWS_109:roles by name and within the boundary alone, see MakeRoles and NotItself
  #checkov:skip=CKV_AWS_111:what has a name of ours before it is there is bound to it; the rest to the region
  #checkov:skip=CKV_AWS_356:most of these actions know no resource before it is there
  #checkov:skip=CKV_AWS_108:objects and secrets are denied in no_data
  source_policy_documents = [data.aws_iam_policy_document.no_data.json]

  statement {
    sid       = "State"
    actions   = ["s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"]
    resources = [local.state_arn, "${local.state_arn}/*"]
  }

  statement {
    sid = "MakeHere"
    actions = [
      "acm:*", "application-autoscaling:*", "cloudwatch:*", "ec2:*", "ecr:*", "ecs:*", "elasticfilesystem:*", "elasticloadbalancing:*",
      "emr-serverless:*", "events:*", "logs:*", "rds:*", "scheduler:*", "wafv2:*",
    ]
    resources = ["*"]
    condition {
      test     = "StringEquals"
      variable = "aws:RequestedRegion"
      values   = [var.region]
    }
  }

  # What answers for the whole world is bound by name, and not by region.
  statement {
    sid       = "Budget"
    actions   = ["budgets:*"]
    resources = ["arn:${var.partition}:budgets::${var.account_id}:budget/${var.name}"]
  }

  dynamic "statement" {
    for_each = var.zone_id == null ? [] : [var.zone_id]

    content {
      sid       = "NamesInTheZone"
      actions   = ["route53:ChangeResourceRecordSets"]
      resources = ["arn:${var.partition}:route53:::hostedzone/${statement.value}"]
    }
  }

  statement {
    sid     = "MakeByName"
    actions = ["s3:*", "secretsmanager:*", "sns:*", "sqs:*"]
    resources = [
      "arn:${var.partition}:s3:::${var.name}-*",
      "arn:${var.partition}:secretsmanager:${var.region}:${var.account_id}:secret:${var.name}/*",
      "arn:${var.partition}:secretsmanager:${var.region}:${var.account_id}:secret:rds!cluster-*",
      "arn:${var.partition}:sns:${var.region}:${var.account_id}:${var.name}-*",
      "arn:${var.partition}:sqs:${var.region}:${var.account_id}:${var.name}-*",
    ]
  }

  statement {
    sid = "UseTheKey"
    actions = [
      "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:EnableKeyRotation", "kms:Encrypt", "kms:GenerateDataKey*",
      "kms:TagResource", "kms:UntagResource", "kms:UpdateKeyDescription",
    ]
    resources = [var.key_arn]
  }

  # A role that is made or changed stays within the boundary, which only a person changes.
  statement {
    sid       = "MakeRoles"
    actions   = ["iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePolicy"]
    resources = ["${local.role_arn}/${var.name}-*"]
    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [var.boundary_arn]
    }
  }

  statement {
    sid       = "ChangeRoles"
    actions   = ["iam:DeleteRole", "iam:TagRole", "iam:UntagRole", "iam:UpdateRole", "iam:UpdateRoleDescription"]
    resources = ["${local.role_arn}/${var.name}-*"]
  }

  statement {
    sid       = "HandOverRoles"
    actions   = ["iam:PassRole"]
    resources = ["${local.role_arn}/${var.name}-*"]
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com", "emr-serverless.amazonaws.com", "monitoring.rds.amazonaws.com", "scheduler.amazonaws.com", "vpc-flow-logs.amazonaws.com"]
    }
  }

  statement {
    sid       = "RolesOfAwsItself"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["${local.role_arn}/aws-service-role/*"]
  }

  # A role of a task trusts this one where its trust says so, whatever is allowed here.
  statement {
    sid       = "NobodyElse"
    effect    = "Deny"
    actions   = ["sts:AssumeRole"]
    resources = ["*"]
  }

  # Its own rights and the plan's and the push's: a person changes them.
  statement {
    sid    = "NotItself"
    effect = "Deny"
    actions = [
      "iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PassRole",
      "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy",
    ]
    resources = ["${local.role_arn}/${var.name}-github-*"]
  }
}
