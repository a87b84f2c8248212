output "load_balancer" {
  description = "ARN suffix, as metrics name it."
  value       = aws_lb.this.arn_suffix
}

output "dns_name" {
  description = "Its own name, for a record of yours."
  value       = aws_lb.this.dns_name
}

output "listener_arn" {
  description = "Listener that services hang their rules on."
  value       = aws_lb_listener.https.arn
}

output "security_group_id" {
  description = "Group of the load balancer."
  value       = aws_security_group.this.id
}
