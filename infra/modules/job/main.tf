locals {
  name  = "${var.name}-${var.job}"
  score = var.kind == "score"

  # What is run. Scoring needs nothing but the image with its model; the others work on models, registry and cases.
  commands = {
    score = concat(
      ["python", "-m", "service.batch", var.use_case],
      [for place in ["incoming", "scored"] : "s3://${var.buckets.data.name}/${place}/${var.use_case}/{date}/"],
    )
    drift   = ["aval", "drift", var.use_case, "--alerts", "/run/aval/alerts.toml"]
    retrain = ["sh", "-euc", templatefile("${path.module}/retrain.sh.tftpl", { release = local.release }), "retrain", var.use_case]
  }
  release = "s3://${var.buckets.releases.name}/${var.use_case}"

  # Exit codes that are answers and no failures: 3 nothing to do yet; of drift and retrain 1 (found; not promoted);
  # of retrain 5 (another is at work), and those that ask for a person: 4 (to approve) and 6 (to look).
  answers = { score = [0, 3], drift = [0, 1, 3], retrain = [0, 1, 3, 5] }
  asking  = { score = [], drift = [], retrain = [4, 6] }

  environment = {
    AVAL_HOME        = "/var/lib/aval"
    AVAL_TIME_ZONE   = var.time_zone
    AVAL_REQUEST_LOG = "no"
  }
  training = {
    BENTOML_HOME        = "/var/lib/aval/store"
    MLFLOW_TRACKING_URI = "postgresql+psycopg://${var.database.user}@${var.database.host}:5432/mlflow"
    # Where new experiments keep their files; MLflow's own server hands it on under this name too.
    _MLFLOW_SERVER_ARTIFACT_ROOT = "s3://${var.buckets.artifacts.name}/mlflow"
    PGHOST                       = var.database.host
    PGUSER                       = var.database.user
  }
  alerts = {
    "alerts.toml" = templatefile("${path.module}/alerts.toml.tftpl", { topic_arn = var.topic_arn })
  }
}

module "task" {
  source = "../task"

  name           = local.name
  account_id     = var.account_id
  region         = var.region
  image          = var.image
  repository_arn = var.repository_arn
  command        = concat(local.commands[var.kind], var.options)
  cpu            = var.cpu
  memory         = var.memory
  # Every command can be killed at any moment and goes on where it was.
  stop_seconds = 30
  environment  = merge(var.common.environment, local.environment, local.score ? {} : local.training)
  # MLflow reads no secret: it has the password as it was at the start.
  secrets      = local.score ? {} : { PGPASSWORD = "${var.database.secret_arn}:password::" }
  files        = merge(var.common.files, var.kind == "drift" ? local.alerts : {})
  prepare      = local.score ? [] : ["python - <<'PYTHON'", trimspace(file("${path.module}/mlflow_database.py")), "PYTHON"]
  state        = local.score ? null : var.state
  policy       = data.aws_iam_policy_document.task.json
  log_days     = var.log_days
  boundary_arn = var.boundary_arn
  key_arn      = var.key_arn
}

resource "aws_scheduler_schedule" "this" {
  name                         = var.job
  group_name                   = var.schedules.group
  description                  = "${var.kind} of ${var.use_case}"
  schedule_expression          = var.schedule
  schedule_expression_timezone = var.time_zone
  state                        = var.enabled ? "ENABLED" : "DISABLED"
  kms_key_arn                  = var.key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = var.cluster_arn
    role_arn = aws_iam_role.scheduler.arn

    ecs_parameters {
      task_definition_arn     = module.task.arn
      launch_type             = "FARGATE"
      task_count              = 1
      enable_ecs_managed_tags = true
      propagate_tags          = "TASK_DEFINITION"

      network_configuration {
        subnets          = var.subnet_ids
        security_groups  = [var.security_group_id]
        assign_public_ip = false
      }
    }

    retry_policy {
      maximum_retry_attempts       = var.attempts - 1
      maximum_event_age_in_seconds = 3600
    }

    dead_letter_config {
      arn = var.schedules.queue_arn
    }
  }
}

# A job that started and failed, or could not start for want of an image, a secret or room.
resource "aws_cloudwatch_event_rule" "failed" {
  name        = "${local.name}-failed"
  description = "The job ended with another exit code than ${join(", ", concat(local.answers[var.kind], local.asking[var.kind]))}, or did not start"

  event_pattern = jsonencode({
    source        = ["aws.ecs"]
    "detail-type" = ["ECS Task State Change"]
    detail = {
      clusterArn = [var.cluster_arn]
      group      = ["family:${module.task.family}"]
      lastStatus = ["STOPPED"]
      "$or" = [
        { containers = { exitCode = [{ "anything-but" = concat(local.answers[var.kind], local.asking[var.kind]) }] } },
        { stopCode = ["TaskFailedToStart"] },
      ]
    }
  })
}

resource "aws_cloudwatch_event_target" "failed" {
  rule = aws_cloudwatch_event_rule.failed.name
  arn  = var.topic_arn

  input_transformer {
    input_paths = {
      task   = "$.detail.taskArn"
      reason = "$.detail.stoppedReason"
    }
    input_template = "\"${local.name} failed: <reason>. Task <task>, lines in ${module.task.log_group}; see infra/RUNBOOK.md\""
  }
}

resource "aws_cloudwatch_event_rule" "asking" {
  count = length(local.asking[var.kind]) == 0 ? 0 : 1

  name        = "${local.name}-asking"
  description = "The job ended with exit code ${join(" or ", local.asking[var.kind])}: a person is asked"

  event_pattern = jsonencode({
    source        = ["aws.ecs"]
    "detail-type" = ["ECS Task State Change"]
    detail = {
      clusterArn = [var.cluster_arn]
      group      = ["family:${module.task.family}"]
      lastStatus = ["STOPPED"]
      containers = { exitCode = local.asking[var.kind] }
    }
  })
}

resource "aws_cloudwatch_event_target" "asking" {
  count = length(local.asking[var.kind]) == 0 ? 0 : 1

  rule = aws_cloudwatch_event_rule.asking[0].name
  arn  = var.topic_arn

  input_transformer {
    input_paths    = { task = "$.detail.taskArn" }
    input_template = "\"${local.name} asks for a person: to approve a promotion, or to look. Task <task>, lines in ${module.task.log_group}; see infra/RUNBOOK.md\""
  }
}
