locals {
  # old_days: how long a version that was replaced or deleted is kept; of decisions no longer, so that an erasure ends.
  buckets = {
    data      = { old_days = 30 }
    decisions = { old_days = 7 }
    releases  = { old_days = 365 }
    artifacts = { old_days = 90 }
    logs      = { old_days = 30 }
  }
  # Access logs are delivered to no bucket with a KMS key of one's own.
  own_key = setsubtract(keys(local.buckets), ["logs"])
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_144:one region; copies elsewhere are a decision on where personal data may be
  #checkov:skip=CKV2_AWS_62:nothing waits for objects: jobs run by the clock
  #checkov:skip=CKV_AWS_145:all but the bucket of access logs have the key, see own_key
  #checkov:skip=CKV_AWS_18:all but the bucket of access logs are logged below; tests ask every bucket after an apply
  #checkov:skip=CKV_AWS_21:all are versioned below; tests ask every bucket after an apply
  #checkov:skip=CKV2_AWS_6:all block public access below; tests ask every bucket after an apply
  for_each = local.buckets

  bucket        = "${var.name}-${each.key}-${var.account_id}-${var.region}"
  force_destroy = !var.protected
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = aws_s3_bucket.this

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    bucket_key_enabled = contains(local.own_key, each.key)

    apply_server_side_encryption_by_default {
      sse_algorithm     = contains(local.own_key, each.key) ? "aws:kms" : "AES256"
      kms_master_key_id = contains(local.own_key, each.key) ? var.key_arn : null
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = each.value.old_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    dynamic "expiration" {
      for_each = each.key == "logs" ? [var.log_days] : []

      content {
        days = expiration.value
      }
    }
  }

  # Versioning first: rules on old versions mean nothing without it.
  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_logging" "this" {
  for_each = local.own_key

  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this["logs"].id
  target_prefix = "s3/${each.key}/"

  depends_on = [aws_s3_bucket_policy.this]
}
