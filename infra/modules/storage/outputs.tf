output "buckets" {
  description = "Purpose => name and ARN: data, decisions, releases, artifacts, logs."
  value       = { for purpose, bucket in aws_s3_bucket.this : purpose => { name = bucket.id, arn = bucket.arn } }

  # Whoever writes does so after access is closed.
  depends_on = [aws_s3_bucket_policy.this, aws_s3_bucket_public_access_block.this]
}
