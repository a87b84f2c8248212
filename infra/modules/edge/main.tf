resource "aws_lb" "this" {
  #checkov:skip=CKV2_AWS_76:the rules against Log4j are in AWSManagedRulesKnownBadInputsRuleSet, see managed in firewall.tf
  name                             = var.name
  load_balancer_type               = "application"
  internal                         = var.internal
  subnets                          = var.subnet_ids
  security_groups                  = [aws_security_group.this.id]
  enable_deletion_protection       = var.protected
  enable_cross_zone_load_balancing = true
  drop_invalid_header_fields       = true
  idle_timeout                     = 65

  access_logs {
    enabled = true
    bucket  = var.log_bucket
    prefix  = "alb"
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = local.certificate_arn

  default_action {
    type = "fixed-response"

    fixed_response {
      status_code  = "404"
      content_type = "application/json"
      message_body = jsonencode({ title = "Not found", status = 404, detail = "No use case is served at this address." })
    }
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_security_group" "this" {
  name        = "${var.name}-load-balancer"
  description = "Callers of the load balancer"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-load-balancer" }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = { for pair in setproduct(var.callers, [80, 443]) : "${pair[0]} ${pair[1]}" => { range = pair[0], port = pair[1] } }

  security_group_id = aws_security_group.this.id
  description       = each.value.port == 443 ? "HTTPS" : "HTTP, to be sent on to HTTPS"
  cidr_ipv4         = each.value.range
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}
