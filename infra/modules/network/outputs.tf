output "vpc_id" {
  description = "The network."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "Subnets with a way in, one in each zone."
  value       = [for zone in local.public : aws_subnet.public[zone].id]
}

output "private_subnet_ids" {
  description = "Subnets without one, one in each zone."
  value       = [for zone in local.zones : aws_subnet.private[zone].id]
}
