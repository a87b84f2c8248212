# What service/SPARK.md starts jobs in. Idle it costs nothing and stops by itself.
resource "aws_emrserverless_application" "this" {
  name          = var.name
  type          = "spark"
  release_label = var.release
  architecture  = "X86_64"

  maximum_capacity {
    cpu    = "${var.most_cpus} vCPU"
    memory = "${var.most_cpus * 8} GB"
    disk   = "${var.most_cpus * 20} GB"
  }

  auto_start_configuration {
    enabled = true
  }

  auto_stop_configuration {
    enabled              = true
    idle_timeout_minutes = 15
  }

  network_configuration {
    subnet_ids         = var.subnet_ids
    security_group_ids = [var.security_group_id]
  }
}

resource "aws_iam_role" "this" {
  name                 = "${var.name}-spark"
  assume_role_policy   = data.aws_iam_policy_document.assume.json
  permissions_boundary = var.boundary_arn
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["emr-serverless.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = [aws_emrserverless_application.this.arn]
    }
  }
}

resource "aws_iam_role_policy" "this" {
  name   = "work"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.this.json
}

data "aws_iam_policy_document" "this" {
  statement {
    sid       = "Find"
    actions   = ["s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [var.buckets.data.arn, var.buckets.decisions.arn, var.buckets.releases.arn]
  }

  # The code and the model store that a job brings along lie among the releases.
  statement {
    sid       = "Read"
    actions   = ["s3:GetObject"]
    resources = ["${var.buckets.data.arn}/incoming/*", "${var.buckets.data.arn}/scored/*", "${var.buckets.decisions.arn}/segments/*", "${var.buckets.releases.arn}/*"]
  }

  statement {
    sid       = "Write"
    actions   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
    resources = ["${var.buckets.data.arn}/scored/*", "${var.buckets.decisions.arn}/segments/*"]
  }

  statement {
    sid       = "PasswordOfTheLog"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.secret_arn]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.key_arn]
  }
}
