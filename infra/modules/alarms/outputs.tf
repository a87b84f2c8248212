output "topic_arn" {
  description = "Topic of everything that somebody should know at once."
  value       = aws_sns_topic.this.arn

  depends_on = [aws_sns_topic_policy.this]
}
