resource "aws_ecs_cluster" "this" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

# What answers and what works by the clock: both reach the database and AWS, and neither the other.
resource "aws_security_group" "this" {
  #checkov:skip=CKV2_AWS_5:tasks of the modules service and job are in them
  for_each = toset(["services", "jobs"])

  name        = "${var.name}-${each.key}"
  description = "Tasks: ${each.key}"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_security_group_egress_rule" "https" {
  for_each = aws_security_group.this

  security_group_id = each.value.id
  description       = "APIs of AWS, S3, webhooks"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "database" {
  for_each = aws_security_group.this

  security_group_id            = each.value.id
  description                  = "PostgreSQL"
  referenced_security_group_id = var.database_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_vpc_security_group_egress_rule" "files" {
  security_group_id            = aws_security_group.this["jobs"].id
  description                  = "NFS of the jobs' state"
  referenced_security_group_id = var.files_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 2049
  to_port                      = 2049
}

resource "aws_vpc_security_group_ingress_rule" "load_balancer" {
  security_group_id            = aws_security_group.this["services"].id
  description                  = "Requests, from the load balancer alone"
  referenced_security_group_id = var.load_balancer_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 3000
  to_port                      = 3000
}

resource "aws_vpc_security_group_egress_rule" "load_balancer" {
  security_group_id            = var.load_balancer_security_group_id
  description                  = "Requests, to the services alone"
  referenced_security_group_id = aws_security_group.this["services"].id
  ip_protocol                  = "tcp"
  from_port                    = 3000
  to_port                      = 3000
}
