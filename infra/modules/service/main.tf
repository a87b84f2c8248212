locals {
  name = "${var.name}-${var.use_case}"
  # Names of target groups have 32 characters at most, no _, and no - at the end; what is cut off stands in the hash.
  short = "${trim(substr(replace(local.name, "_", "-"), 0, 25), "-")}-${substr(sha256(local.name), 0, 6)}"

  # Seconds. First the load balancer stops sending, then SIGTERM; the worker says "not ready", takes no more connections,
  # and has 30 s for what it has: the longest way of all these has to fit into stop.
  drain    = 10
  requests = 30
  stop     = local.drain + local.requests + 5

  settings = merge(var.settings, var.path == null ? {} : { AVAL_PATH = var.path }, {
    AVAL_MODEL             = var.use_case
    AVAL_HOME              = "/var/lib/aval"
    AVAL_HOST              = "0.0.0.0"
    AVAL_API_KEYS          = "/run/aval/keys.json"
    AVAL_WORKERS           = tostring(max(1, floor(var.cpu / 1024)))
    AVAL_DRAIN_SECONDS     = tostring(local.drain)
    AVAL_DECISION_LOG_DOWN = "closed"
  })
}

module "task" {
  source = "../task"

  name           = local.name
  account_id     = var.account_id
  region         = var.region
  image          = var.image
  repository_arn = var.repository_arn
  # Longer than the load balancer keeps an idle connection (65 s, see edge): else it might send a request into one that
  # was closed this moment, which it may not send again.
  arguments = ["serve", "--timeout-keep-alive", "75"]
  # Alive, not ready: while the database is down a task that is started again would not be readier.
  health_command = ["/opt/aval/code/infra/image/healthy.sh", "3000", "/livez"]
  ports          = [3000]
  cpu            = var.cpu
  memory         = var.memory
  stop_seconds   = local.stop
  environment    = merge(var.common.environment, local.settings)
  files          = var.common.files
  secret_files   = { "keys.json" = var.keys_secret_arn }
  policy         = data.aws_iam_policy_document.this.json
  log_days       = var.log_days
  boundary_arn   = var.boundary_arn
  key_arn        = var.key_arn
}

resource "aws_ecs_service" "this" {
  name            = var.use_case
  cluster         = var.cluster.arn
  task_definition = module.task.arn
  launch_type     = "FARGATE"
  desired_count   = var.least

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 60
  availability_zone_rebalancing      = "ENABLED"
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"
  # Otherwise an apply would be over, and called well, before the new tasks answer.
  wait_for_steady_state = true

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [var.security_group_id]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.this.arn
    container_name   = "aval"
    container_port   = 3000
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  alarms {
    enable      = true
    rollback    = true
    alarm_names = [for alarm in ["errors", "slow"] : aws_cloudwatch_metric_alarm.this[alarm].alarm_name]
  }

  timeouts {
    create = "20m"
    update = "30m"
  }

  lifecycle {
    # Autoscaling decides.
    ignore_changes = [desired_count]

    # Where ECS takes a deployment back it is steady too, and the provider calls that well.
    postcondition {
      condition     = self.task_definition == module.task.arn
      error_message = "ECS took the deployment of ${var.use_case} back: its tasks did not become ready, or an alarm went off; the images before answer."
    }
  }

  depends_on = [aws_lb_listener_rule.this]
}

resource "aws_lb_target_group" "this" {
  #checkov:skip=CKV_AWS_378:TLS ends at the load balancer; behind it only its own group reaches the port
  name        = local.short
  vpc_id      = var.vpc_id
  target_type = "ip"
  protocol    = "HTTP"
  port        = 3000

  deregistration_delay          = local.requests
  load_balancing_algorithm_type = "least_outstanding_requests"

  health_check {
    path              = "/readyz"
    matcher           = "200"
    interval          = 5
    timeout           = 4
    healthy_threshold = 2
    # Longer than the database takes to fail over, in which nobody is ready: else all tasks were replaced for it.
    unhealthy_threshold = 10
  }
}

resource "aws_lb_listener_rule" "this" {
  listener_arn = var.listener_arn

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }

  dynamic "condition" {
    for_each = var.path == null ? [] : [var.path]

    content {
      path_pattern {
        values = [condition.value, "${condition.value}/*"]
      }
    }
  }

  dynamic "condition" {
    for_each = var.host == null ? [] : [var.host]

    content {
      host_header {
        values = [condition.value]
      }
    }
  }

  tags = { Name = local.name }
}

data "aws_iam_policy_document" "this" {
  # Files of batch decisions, which the dashboard counts and replays read.
  statement {
    sid       = "ReadBatchDecisions"
    actions   = ["s3:GetObject"]
    resources = ["${var.decisions_bucket_arn}/segments/*"]
  }

  statement {
    sid       = "FindBatchDecisions"
    actions   = ["s3:ListBucket"]
    resources = [var.decisions_bucket_arn]
  }

  statement {
    sid       = "PasswordOfTheLog"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.database_secret_arn]
  }

  statement {
    sid       = "KeyOfBucketAndPassword"
    actions   = ["kms:Decrypt"]
    resources = [var.key_arn]
  }
}
