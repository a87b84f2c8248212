data "aws_iam_policy_document" "push" {
  statement {
    sid       = "LogInToTheRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid = "Push"
    actions = [
      "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages",
      "ecr:DescribeImageScanFindings", "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
    ]
    resources = var.repository_arns
  }

  # What an image is made of: a champion's bundle, exported by a retraining.
  statement {
    sid       = "ReadReleases"
    actions   = ["s3:GetObject"]
    resources = ["${var.releases_bucket_arn}/*"]
  }

  statement {
    sid       = "FindReleases"
    actions   = ["s3:ListBucket"]
    resources = [var.releases_bucket_arn]
  }

  statement {
    sid       = "KeyOfReleases"
    actions   = ["kms:Decrypt"]
    resources = [var.key_arn]
  }
}
