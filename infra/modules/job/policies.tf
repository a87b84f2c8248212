locals {
  # Bucket => what of it is read, and what is written (and replaced).
  objects = {
    score = {
      read  = { data = ["incoming/${var.use_case}/*", "scored/${var.use_case}/*"], decisions = ["segments/*"] }
      write = { data = ["scored/${var.use_case}/*"], decisions = ["segments/*"] }
    }
    drift = {
      read  = { decisions = ["segments/*"], artifacts = ["mlflow/*"] }
      write = { artifacts = ["mlflow/*"] }
    }
    # Also what people do by hand: erase and keep records of the log, take releases in and out, score a day again.
    retrain = {
      read = {
        data      = ["incoming/${var.use_case}/*", "scored/${var.use_case}/*"]
        decisions = ["segments/*"]
        artifacts = ["mlflow/*"]
        releases  = ["${var.use_case}/*"]
      }
      write = {
        data      = ["scored/${var.use_case}/*"]
        decisions = ["segments/*"]
        artifacts = ["mlflow/*"]
        releases  = ["${var.use_case}/*"]
      }
    }
  }[var.kind]
}

data "aws_iam_policy_document" "task" {
  statement {
    sid       = "Find"
    actions   = ["s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [for purpose in keys(local.objects.read) : var.buckets[purpose].arn]
  }

  statement {
    sid       = "Read"
    actions   = ["s3:GetObject"]
    resources = flatten([for purpose, paths in local.objects.read : [for path in paths : "${var.buckets[purpose].arn}/${path}"]])
  }

  statement {
    sid       = "Write"
    actions   = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    resources = flatten([for purpose, paths in local.objects.write : [for path in paths : "${var.buckets[purpose].arn}/${path}"]])
  }

  statement {
    sid       = "PasswordOfTheLog"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.database.secret_arn]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.key_arn]
  }

  dynamic "statement" {
    for_each = local.score ? [] : [var.state]

    content {
      sid       = "State"
      actions   = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
      resources = [statement.value.file_system_arn]
      condition {
        test     = "StringEquals"
        variable = "elasticfilesystem:AccessPointArn"
        values   = [statement.value.access_point_arn]
      }
    }
  }

  dynamic "statement" {
    for_each = var.kind == "drift" ? [var.topic_arn] : []

    content {
      sid       = "TellPeople"
      actions   = ["sns:Publish"]
      resources = [statement.value]
    }
  }

  # Metrics have no ARN; their namespace is the bound.
  dynamic "statement" {
    for_each = var.kind == "drift" ? ["Aval"] : []

    content {
      sid       = "Figures"
      actions   = ["cloudwatch:PutMetricData"]
      resources = ["*"]
      condition {
        test     = "StringEquals"
        variable = "cloudwatch:namespace"
        values   = [statement.value]
      }
    }
  }
}

resource "aws_iam_role" "scheduler" {
  name                 = "${local.name}-scheduler"
  assume_role_policy   = data.aws_iam_policy_document.assume.json
  permissions_boundary = var.boundary_arn
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [var.schedules.group_arn]
    }
  }
}

resource "aws_iam_role_policy" "scheduler" {
  name   = "start"
  role   = aws_iam_role.scheduler.id
  policy = data.aws_iam_policy_document.scheduler.json
}

data "aws_iam_policy_document" "scheduler" {
  statement {
    sid       = "Start"
    actions   = ["ecs:RunTask"]
    resources = [module.task.arn]
    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [var.cluster_arn]
    }
  }

  statement {
    sid       = "Tag"
    actions   = ["ecs:TagResource"]
    resources = ["${replace(var.cluster_arn, ":cluster/", ":task/")}/*"]
    condition {
      test     = "StringEquals"
      variable = "ecs:CreateAction"
      values   = ["RunTask"]
    }
  }

  statement {
    sid       = "HandOverItsRoles"
    actions   = ["iam:PassRole"]
    resources = module.task.role_arns
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }

  statement {
    sid       = "TellWhatDidNotStart"
    actions   = ["sqs:SendMessage"]
    resources = [var.schedules.queue_arn]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.key_arn]
  }
}
